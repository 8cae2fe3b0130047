/* PhysioNet: open projects, as files below /files/SLUG/VERSION/, listed by their SHA256SUMS.txt. */
#include "classify_answer.h"
#include "error.h"
#include "i18n.h"
#include "physionet_listing.h"
#include "physionet_login.h"
#include "physionet_project.h"
#include "redact.h"
#include "relpath.h"
#include "source_facts.h"
#include "sources.h"
#include "web_address.h"

#include <string.h>

#define MAIN_HOST "physionet.org"
#define BUCKET_HOST "physionet-open.s3.amazonaws.com"

static const char *const locator_keys[] = {"project", "version", "bucket", NULL};
static const char *const endpoints[] = {"physionet", "https://" MAIN_HOST, "physionet-s3",
                                        "https://" BUCKET_HOST, NULL};
enum {
    ENDPOINT_MAIN,
    ENDPOINT_BUCKET
};
static const char *const hosts[] = {MAIN_HOST,           BUCKET_HOST,           "www.physionet.org",
                                    "physionet.mit.edu", "alpha.physionet.org", NULL};
/* The bucket is another firm's, and wants no password. */
static const char *const login_hosts[] = {MAIN_HOST, "www.physionet.org", NULL};
static const SourceLogin login = {
    .kind = CREDENTIAL_PASSWORD,
    .hosts = login_hosts,
    .user_variable = "PHYSIONET_USERNAME",
    .secret_variable = "PHYSIONET_PASSWORD",
    .list_variable = "WFDBPASSWORD",
    .agent = "Wget/1.21",
    .cookie = "testcookie=1",
    .where_refused = TRUE,
};
/* Pages that the site itself knows no more, and the projects that they were of. */
static const char *const aliases[][2] = {{"mimic3cdb", "mimiciii"}, {"mimic2cdb", "mimicii"}};

static gboolean slug_is_valid(const char *slug)
{
    gsize length = strlen(slug);
    if (length == 0 || length > 100)
        return FALSE;
    for (const char *at = slug; *at; at++)
        if (!g_ascii_isalnum(*at) && *at != '-' && *at != '_')
            return FALSE;
    return TRUE;
}

static const char *project_of(const char *slug)
{
    for (guint i = 0; i < G_N_ELEMENTS(aliases); i++)
        if (strcmp(slug, aliases[i][0]) == 0)
            return aliases[i][1];
    return slug;
}

static gboolean physionet_check_locator(const Fetcher *fetcher, const json_t *locator,
                                        GError **error)
{
    if (!locator_check_keys(&physionet_fetcher.row, "ssb", locator, error))
        return FALSE;
    const char *slug = locator_text(locator, "project");
    const char *version = locator_text(locator, "version");
    if (!slug || !slug_is_valid(slug)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The locator of a PhysioNet project needs \"project\", the word behind "
                      "/content/ in the address of its page."));
        return FALSE;
    }
    if (version && !project_version_is_valid(version)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The \"version\" of a PhysioNet project is made of digits and dots, as in "
                      "1.0.0, which \"%s\" is not."),
                    version);
        return FALSE;
    }
    return TRUE;
}

/* A locator of SLUG; *VERSION where VERSION_TEXT is one. */
static json_t *locator_of(const char *slug, const char *version_text, char **version)
{
    if (!slug_is_valid(slug))
        return NULL;
    *version =
        version_text && project_version_is_valid(version_text) ? g_strdup(version_text) : NULL;
    return json_pack("{s:s}", "project", project_of(slug));
}

static json_t *physionet_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                                           GError **error)
{
    *version = NULL;
    g_auto(GStrv) parts = g_strsplit(name, "/", 3);
    guint count = g_strv_length(parts);
    json_t *locator = NULL;
    if (count == 1 || (count == 2 && (!*parts[1] || project_version_is_valid(parts[1]))))
        locator = locator_of(parts[0], count == 2 ? parts[1] : NULL, version);
    if (!locator) {
        g_autofree char *shown = relpath_display(name);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("physionet/%s names no project: write the word behind /content/ in the "
                      "address of its page, as in physionet/mitdb or physionet/mitdb@1.0.0."),
                    shown);
    }
    return locator;
}

/* Where in an address's path the slug and, behind it, the version stand: the parts before it. */
static const char *const address_forms[][4] = {
    {"files", NULL},
    {"static", "published-projects", NULL},
    {"content", NULL},
    {"physiobank", "database", NULL},
    {"sign-dua", NULL},
    {"request-access", NULL},
    {"api", "v1", "projects", NULL},
};
/* Words that stand where a slug would, and are none. */
static const char *const no_slugs[] = {"published", "search", "database-list", NULL};

static json_t *locator_of_parts(const GPtrArray *parts, char **version)
{
    for (guint i = 0; i < G_N_ELEMENTS(address_forms); i++) {
        guint at = 0;
        while (address_forms[i][at] && at < parts->len &&
               strcmp(parts->pdata[at], address_forms[i][at]) == 0)
            at++;
        if (address_forms[i][at] || at >= parts->len)
            continue;
        const char *slug = parts->pdata[at];
        if (g_strv_contains(no_slugs, slug))
            return NULL;
        /* /content/SLUG/get-zip/VERSION/, /api/v1/projects/SLUG/versions/VERSION/ */
        const char *found = NULL;
        for (guint j = at + 1; j < parts->len && j <= at + 2 && !found; j++)
            if (project_version_is_valid(parts->pdata[j]))
                found = parts->pdata[j];
        return locator_of(slug, found, version);
    }
    return NULL;
}

static json_t *physionet_locator_from_address(const Fetcher *fetcher, const char *text,
                                              char **version)
{
    *version = NULL;
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    if (!address || !g_strv_contains(hosts, address->host))
        return NULL;
    g_autoptr(GPtrArray) parts = web_path_decode(address->path, NULL);
    if (!parts || parts->len == 0)
        return NULL;
    if (strcmp(address->host, BUCKET_HOST) == 0)
        return locator_of(parts->pdata[0], parts->len > 1 ? parts->pdata[1] : NULL, version);
    if (strcmp(parts->pdata[0], "challenge") == 0 && parts->len >= 2) {
        g_autofree char *slug = g_strconcat("challenge-", parts->pdata[1], NULL);
        return locator_of(slug, NULL, version);
    }
    return locator_of_parts(parts, version);
}

static char *physionet_folder(const Fetcher *fetcher, const json_t *locator, const char *id)
{
    g_autofree char *part = relpath_encode_part(project_of(locator_text(locator, "project")));
    return g_strconcat("physionet/", part, NULL);
}

static char *physionet_ref(const Fetcher *fetcher, const json_t *locator)
{
    return g_strconcat("physionet/", project_of(locator_text(locator, "project")), NULL);
}

static GPtrArray *physionet_versions(const Fetcher *fetcher, const json_t *locator,
                                     HostServices *services, GError **error)
{
    return project_versions(services, source_base(services, &physionet_fetcher.row, ENDPOINT_MAIN),
                            project_of(locator_text(locator, "project")), error);
}

static char *physionet_describe_access(const Fetcher *fetcher, const json_t *locator,
                                       const Manifest *manifest, int status)
{
    const char *slug = project_of(locator_text(locator, "project"));
    g_autofree char *ref =
        manifest ? g_strdup(manifest->id) : g_strconcat("physionet/", slug, NULL);
    const PhysioNetCase of = {.slug = slug,
                              .version = locator_text(locator, "version"),
                              .ref = ref,
                              .policy = physionet_policy(NULL, manifest),
                              .manifest = manifest};
    switch (status) {
    case 0: /* the catalogue's own steps say it all, where there are some */
        return manifest && manifest->steps_en->len ? NULL : physionet_words_before(&of);
    case 401:
        return physionet_words_no_login(&of);
    case 403:
        return physionet_words_no_right(&of);
    case 404:
        return g_strdup_printf(_("The file or the version is not at PhysioNet any more; see "
                                 "https://physionet.org/content/%s/."),
                               slug);
    default:
        return NULL;
    }
}

/* The words for a version that is not there, with those that are. */
static void explain_absent(const char *slug, const char *version, HostServices *services,
                           const char *base, GError **error)
{
    g_autoptr(GError) why = NULL;
    g_autoptr(GPtrArray) versions = project_versions(services, base, slug, &why);
    g_clear_error(error);
    if (!versions) {
        if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT))
            g_propagate_error(error, g_steal_pointer(&why));
        else
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                        _("PhysioNet has no files of \"%s\", version %s."), slug, version);
        return;
    }
    if (strcmp(versions->pdata[0], version) == 0 ||
        g_ptr_array_find_with_equal_func(versions, version, g_str_equal, NULL)) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
            _("PhysioNet names version %s of \"%s\", but neither its SHA256SUMS.txt nor its "
              "listing is there. See https://physionet.org/content/%s/%s/"),
            version, slug, slug, version);
        return;
    }
    g_ptr_array_add(versions, NULL);
    g_autofree char *list = g_strjoinv(", ", (char **)versions->pdata);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("PhysioNet has no version %s of \"%s\"; it has: %s. Type: medmirror pull "
                  "physionet/%s@%s"),
                version, slug, list, slug, (const char *)versions->pdata[0]);
}

static void explain(const char *slug, const char *version, HostServices *services, GError **error)
{
    const char *base = source_base(services, &physionet_fetcher.row, ENDPOINT_MAIN);
    if (g_error_matches(*error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT))
        explain_absent(slug, version, services, base, error);
}

/* The version to list: what was asked for, else the newest, else what the catalogue recorded where
 * the source cannot be asked and nothing is here. Owned. */
static char *choose_version(const ResolveRequest *request, const char *slug, HostServices *services,
                            char **lack, GError **error)
{
    if (request->version) {
        if (project_version_is_valid(request->version))
            return g_strdup(request->version);
        g_autofree char *shown = relpath_display(request->version);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("Versions of PhysioNet are made of digits and dots, as in 1.0.0; \"%s\" is "
                      "none. Type: medmirror versions physionet/%s"),
                    shown, slug);
        return NULL;
    }
    GError *why = NULL;
    char *newest = project_newest(
        services, source_base(services, &physionet_fetcher.row, ENDPOINT_MAIN), slug, &why);
    const char *recorded = locator_text(request->locator, "version");
    if (newest)
        return newest;
    if (!recorded || request->state_token ||
        !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN)) {
        g_propagate_error(error, why);
        return NULL;
    }
    *lack = g_strdup_printf(_("The newest version could not be asked for, so the one that the "
                              "catalogue names is taken, %s: %s"),
                            recorded, why->message);
    g_error_free(why);
    return g_strdup(recorded);
}

static ListingHead *make_head(const Manifest *manifest, const char *slug, const char *version)
{
    ListingHead *head = listing_head_new();
    head->version = g_strdup(version);
    head->homepage = g_strdup_printf("https://physionet.org/content/%s/%s/", slug, version);
    head->is_restricted = physionet_policy(NULL, manifest) > POLICY_OPEN;
    if (manifest) {
        head->title = g_strdup(manifest->title_en);
        head->licence = g_strdup(manifest->licence);
        head->citation = g_strdup(manifest->citation);
    }
    return head;
}

static ResolveResult physionet_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                                       HostServices *services, const ListingTaker *taker,
                                       GError **error)
{
    const char *slug = project_of(locator_text(request->locator, "project"));
    g_autofree char *lack = NULL;
    g_autofree char *version = choose_version(request, slug, services, &lack, error);
    if (!version)
        return RESOLVE_FAILED;
    g_autoptr(ListingHead) head = make_head(request->manifest, slug, version);
    if (lack)
        listing_head_add_note(head, "%s", lack);
    gboolean has_bucket = json_is_true(json_object_get(request->locator, "bucket"));
    PhysioNetListing listing = {
        .services = services,
        .taker = taker,
        .head = head,
        .manifest = request->manifest,
        .slug = slug,
        .version = version,
        .base = source_base(services, &physionet_fetcher.row, ENDPOINT_MAIN),
        .bucket =
            has_bucket ? source_base(services, &physionet_fetcher.row, ENDPOINT_BUCKET) : NULL,
        .state_token = request->state_token,
    };
    GError *why = NULL;
    ResolveResult result = physionet_list(&listing, &why);
    if (result != RESOLVE_FAILED)
        return result;
    explain(slug, version, services, &why);
    g_propagate_error(error, why);
    return RESOLVE_FAILED;
}

static gboolean is_own_host(const char *address)
{
    g_autofree char *host = answer_host(address);
    return host && g_strv_contains(hosts, host);
}

static AnswerKind physionet_classify(const Fetcher *fetcher, const AnswerHead *head)
{
    AnswerKind success = head->status < 300 ? fetcher_classify_common(head) : ANSWER_BY_STATUS;
    if (success == ANSWER_DATA)
        return ANSWER_DATA;
    g_autofree char *text = answer_text(head);
    if (head->status == 403 &&
        (strstr(text, "403: forbidden access") || strstr(text, "forbidden access (403)")))
        return ANSWER_TERMS; /* the site's own word: rights, agreement or training are lacking */
    if (head->status == 503 && !answer_is_filter(head, text))
        return ANSWER_TRANSIENT; /* maintenance */
    if (head->status == 451 && !answer_is_filter(head, text) && !answer_left_host(head))
        return ANSWER_TERMS; /* by the address of who asks */
    if (head->status == 403 && strstr(text, "<error><code>accessdenied"))
        return ANSWER_ABSENT; /* the bucket's: back to the site */
    AnswerKind kind = fetcher_classify_common(head);
    if (kind == ANSWER_NOT_THE_SOURCES_OWN && !answer_is_filter(head, text) &&
        is_own_host(head->final_address))
        return answer_is_login(head, text) ? ANSWER_LOGIN_PAGE : ANSWER_UNEXPECTED_HTML;
    return kind;
}

const Fetcher physionet_fetcher = {
    .row =
        {
            .name = "physionet",
            .title = "PhysioNet",
            .locator_keys = locator_keys,
            .endpoints = endpoints,
            .hosts = hosts,
            .connections = 8,
            .version_help = "physionet/mitdb@1.0.0",
            .login = &login,
        },
    .check_locator = physionet_check_locator,
    .locator_from_name = physionet_locator_from_name,
    .locator_from_address = physionet_locator_from_address,
    .folder = physionet_folder,
    .ref = physionet_ref,
    .versions = physionet_versions,
    .resolve = physionet_resolve,
    .prepare = physionet_prepare,
    .classify = physionet_classify,
    .describe_access = physionet_describe_access,
    .prove_login = physionet_prove_login,
};
