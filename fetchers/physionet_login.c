#include "physionet_login.h"

#include "error.h"
#include "i18n.h"
#include "physionet_project.h"
#include "source_facts.h"
#include "sources.h"

#include <string.h>

#define SOURCE "physionet"
#define ANY_LOGIN_BYTES (1024 * 1024)

/* A project that nobody reads without the right to: what it answers tells whether a password is
 * right (403 or the file) or wrong (401), whatever the person may read. */
#define PROBE_SLUG "mimiciii"
#define PROBE_VERSION "1.4"

static char *version_prefix(const PhysioNetDoor *door)
{
    return g_strdup_printf("%s/files/%s/%s/", door->base, door->slug, door->version);
}

static char *ref_of(const PhysioNetDoor *door)
{
    return door->manifest ? g_strdup(door->manifest->id)
                          : g_strdup_printf("physionet/%s@%s", door->slug, door->version);
}

static void set_words(char *words, GError **error)
{
    g_clear_error(error);
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS, words);
    g_free(words);
}

/* What the catalogue knows, else what the API says; asked only to word a refusal. */
static PhysioNetPolicy ask_policy(const PhysioNetDoor *door)
{
    g_auto(ProjectFacts) facts = {.total = SIZE_UNKNOWN};
    if (!door->is_one_file)
        (void)project_ask(door->services, door->base, door->slug, door->version, &facts, NULL);
    return physionet_policy(facts.access, door->manifest);
}

static PhysioNetCase case_of(const PhysioNetDoor *door, const char *ref)
{
    return (PhysioNetCase){.slug = door->slug,
                           .version = door->version,
                           .ref = ref,
                           .policy = ask_policy(door),
                           .manifest = door->manifest};
}

static void explain_refused_login(const PhysioNetDoor *door, const Credential *credential,
                                  int status, GError **error)
{
    g_autofree char *ref = ref_of(door);
    if (status == 401) {
        const PhysioNetCase of = {.slug = door->slug, .version = door->version, .ref = ref};
        door->services->refuse_credential(door->services, SOURCE);
        set_words(physionet_words_wrong_login(&of, credential->user, credential->origin), error);
    } else {
        const PhysioNetCase of = case_of(door, ref);
        set_words(physionet_words_no_right(&of), error);
    }
}

static void explain_no_login(const PhysioNetDoor *door, GError **error)
{
    g_autofree char *ref = ref_of(door);
    const PhysioNetCase of = case_of(door, ref);
    set_words(physionet_words_no_login(&of), error);
}

/* REQUEST once with CREDENTIAL; *STATUS is what it was answered, 0: nothing came. */
static Document *get_with(HostServices *services, const DocumentRequest *request,
                          const Credential *credential, int *status, GError **error)
{
    g_autoptr(GPtrArray) headers = credential_headers(credential);
    DocumentRequest with = *request;
    g_ptr_array_add(headers, NULL);
    with.headers = (const char *const *)headers->pdata;
    with.source = SOURCE;
    with.status = status;
    return services->get(services, &with, error);
}

static Document *open_with_login(PhysioNetDoor *door, const DocumentRequest *request,
                                 const Credential *credential, GError **error)
{
    int status = 0;
    GError *why = NULL;
    Document *document = get_with(door->services, request, credential, &status, &why);
    if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS)) {
        explain_refused_login(door, credential, status, &why);
    } else if (document || g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        /* Access is decided before what is there. */
        g_autofree char *prefix = version_prefix(door);
        door->services->guard(door->services, SOURCE, prefix);
        door->used_login = TRUE;
    }
    if (why)
        g_propagate_error(error, why);
    return document;
}

Document *physionet_open(PhysioNetDoor *door, const DocumentRequest *request, GError **error)
{
    HostServices *services = door->services;
    gboolean is_closed = physionet_policy(NULL, door->manifest) == POLICY_CLOSED;
    GError *why = NULL;
    g_autoptr(Credential) credential =
        is_closed ? services->credential(services, SOURCE, request->url, &why) : NULL;
    if (!credential && !why) {
        DocumentRequest without = *request;
        without.source = SOURCE;
        Document *document = services->get(services, &without, &why);
        if (document || !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS)) {
            if (why)
                g_propagate_error(error, why);
            return document;
        }
        g_clear_error(&why);
        if (!is_closed)
            credential = services->credential(services, SOURCE, request->url, &why);
        if (!credential && !why)
            explain_no_login(door, &why);
    }
    if (!credential) {
        g_propagate_error(error, why);
        return NULL;
    }
    return open_with_login(door, request, credential, error);
}

/* "BASE/files/SLUG/VERSION/" of an address below it; NULL where it is none. Owned. */
static char *prefix_of_address(const char *base, const char *address, char **slug, char **version)
{
    g_autofree char *files = g_strconcat(base, "/files/", NULL);
    if (!g_str_has_prefix(address, files))
        return NULL;
    g_auto(GStrv) parts = g_strsplit(address + strlen(files), "/", 3);
    if (g_strv_length(parts) < 3)
        return NULL;
    *slug = g_strdup(parts[0]);
    *version = g_strdup(parts[1]);
    return g_strconcat(files, parts[0], "/", parts[1], "/", NULL);
}

/* A file that was refused without a login, before any document of its version was asked for with
 * it: one request shows what the login is worth. */
static gboolean prove_for(PhysioNetDoor *door, const char *address, const Credential *credential,
                          GError **error)
{
    const DocumentRequest request = {.url = address, .head_only = TRUE};
    g_autoptr(Document) document = open_with_login(door, &request, credential, error);
    return document != NULL;
}

Prepared *physionet_prepare(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                            const char *address, HostServices *services, GError **error)
{
    g_autofree char *slug = NULL;
    g_autofree char *version = NULL;
    const char *base = source_base(services, &physionet_fetcher.row, 0);
    g_autofree char *prefix = prefix_of_address(base, address, &slug, &version);
    g_autoptr(Prepared) prepared = g_new0(Prepared, 1);
    if (!prefix)
        return g_steal_pointer(&prepared);
    PhysioNetDoor door = {
        .services = services, .base = base, .slug = slug, .version = version, .is_one_file = TRUE};
    GError *why = NULL;
    g_autoptr(Credential) credential = services->credential(services, SOURCE, address, &why);
    if (!credential && !why)
        explain_no_login(&door, &why);
    if (credential && !services->is_guarded(services, address))
        prove_for(&door, address, credential, &why);
    if (why) {
        g_propagate_error(error, why);
        return NULL;
    }
    prepared->headers = credential_headers(credential);
    prepared->by_login = TRUE;
    return g_steal_pointer(&prepared);
}

/* A closed project of the API's list; FALSE where it tells of none. */
static gboolean find_closed_project(HostServices *services, const char *base, char **slug,
                                    char **version)
{
    g_autofree char *url = g_strconcat(base, "/api/v1/projects/published/", NULL);
    int status = 0;
    json_auto_t *list = source_get_json(services, url, TRUE, &status, NULL);
    size_t index;
    json_t *one;
    json_array_foreach(list, index, one)
    {
        const char *access = json_string_value(json_object_get(one, "access_policy"));
        const char *found_slug = json_string_value(json_object_get(one, "slug"));
        const char *found_version = json_string_value(json_object_get(one, "version"));
        if (physionet_policy(access, NULL) > POLICY_OPEN && found_slug && found_version &&
            project_version_is_valid(found_version)) {
            *slug = g_strdup(found_slug);
            *version = g_strdup(found_version);
            return TRUE;
        }
    }
    return FALSE;
}

typedef enum {
    PROOF_OPENS,    /* the password is right, and the project is open to it */
    PROOF_RIGHT,    /* the password is right */
    PROOF_WRONG,    /* it is not */
    PROOF_NO_PROBE, /* the project is not there: the password was not looked at */
    PROOF_FAILED,   /* something else; see the error */
} Proof;

static Proof probe(HostServices *services, const char *base, const char *slug, const char *version,
                   const Credential *credential, GError **error)
{
    g_autofree char *url = g_strdup_printf("%s/files/%s/%s/SHA256SUMS.txt", base, slug, version);
    const DocumentRequest request = {.url = url, .max_bytes = ANY_LOGIN_BYTES};
    int status = 0;
    GError *why = NULL;
    g_autoptr(Document) document = get_with(services, &request, credential, &status, &why);
    Proof proof = document ? PROOF_OPENS : PROOF_FAILED;
    if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS))
        proof = status == 401 ? PROOF_WRONG : PROOF_RIGHT;
    else if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT))
        proof = PROOF_NO_PROBE;
    if (proof == PROOF_FAILED)
        g_propagate_error(error, why);
    else
        g_clear_error(&why);
    return proof;
}

static gboolean tell_proof(Proof proof, const char *slug, const char *version,
                           const Credential *credential, char **said, GError **error)
{
    switch (proof) {
    case PROOF_OPENS:
        *said = g_strdup_printf(_("PhysioNet knows “%s” with this password: one request brought a "
                                  "file of %s %s."),
                                credential->user, slug, version);
        return TRUE;
    case PROOF_RIGHT:
        *said = g_strdup_printf(
            _("PhysioNet knows “%s” with this password: one request for %s %s was answered by 403, "
              "and a wrong password would be by 401. So that project is not open to the account; "
              "the others show when they are asked for."),
            credential->user, slug, version);
        return TRUE;
    case PROOF_WRONG:
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
            _("PhysioNet does not know the user “%s” with this password (401, one request). "
              "Nothing was stored. Type: medmirror login physionet"),
            credential->user);
        return FALSE;
    case PROOF_NO_PROBE:
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("There is no project here that a password could be proven by, so nothing was "
                      "stored. Where --endpoint sends PhysioNet elsewhere, type the command "
                      "without it: medmirror login physionet"));
        return FALSE;
    case PROOF_FAILED:
        break;
    }
    return FALSE;
}

gboolean physionet_prove_login(const Fetcher *fetcher, const Credential *credential,
                               HostServices *services, char **said, GError **error)
{
    const char *base = source_base(services, &fetcher->row, 0);
    g_autofree char *slug = g_strdup(PROBE_SLUG);
    g_autofree char *version = g_strdup(PROBE_VERSION);
    Proof proof = probe(services, base, slug, version, credential, error);
    if (proof == PROOF_NO_PROBE) { /* a copy with fewer projects */
        g_clear_pointer(&slug, g_free);
        g_clear_pointer(&version, g_free);
        if (find_closed_project(services, base, &slug, &version))
            proof = probe(services, base, slug, version, credential, error);
    }
    return tell_proof(proof, slug, version, credential, said, error);
}
