#include "kaggle_api.h"

#include "credentials.h"
#include "error.h"
#include "i18n.h"
#include "kaggle_renewal.h"
#include "redact.h"
#include "source_facts.h"
#include "sources.h"
#include "web_address.h"

#include <stdlib.h>
#include <string.h>

#define SOURCE "kaggle"
#define MOST_JSON (4 * 1024 * 1024)
#define MOST_REDIRECT_BODY (64 * 1024)
#define MOST_OWN_REDIRECTS 3

void kaggle_answer_clear(KaggleAnswer *answer)
{
    json_decref(answer->json);
    credential_header_free(answer->location);
    g_clear_pointer(&answer->headers, g_ptr_array_unref);
    *answer = (KaggleAnswer){0};
}

void kaggle_door_open(KaggleDoor *door, HostServices *services, const json_t *locator,
                      const Manifest *manifest)
{
    *door = (KaggleDoor){
        .services = services,
        .base = source_base(services, &kaggle_fetcher.row, 0),
        .rpc = source_base(services, &kaggle_fetcher.row, 1),
        .name = kaggle_name_of(locator),
        .ref = manifest ? g_strdup(manifest->id) : kaggle_ref(&kaggle_fetcher, locator),
    };
    door->with_login = door->name.owner == NULL;
}

void kaggle_door_clear(KaggleDoor *door)
{
    kaggle_name_clear(&door->name);
    g_free(door->ref);
    *door = (KaggleDoor){0};
}

/* One request, by one face. */
typedef struct {
    KaggleDoor *door;
    const KaggleCall *call;
    const Credential *credential; /* NULL: as nobody */
    gboolean optional, by_post;
} Asking;

static Document *get(const Asking *asking, const char *url, GPtrArray *headers, int *status,
                     gint64 *wait_ms, GError **error)
{
    const KaggleCall *call = asking->call;
    char *body =
        asking->by_post || call->always_posts ? json_dumps(call->message, JSON_COMPACT) : NULL;
    const DocumentRequest request = {
        .url = url,
        .headers = (const char *const *)headers->pdata,
        .max_bytes = call->wants_address ? MOST_REDIRECT_BODY : MOST_JSON,
        .optional = asking->optional || call->always_posts,
        .any_refusal = TRUE,
        .post_body = body,
        .post_type = body ? "application/json" : NULL,
        /* A body with a secret is not posted on to where a redirect leads. */
        .keep_redirect = call->wants_address || call->always_posts,
        .source = SOURCE,
        .status = status,
        .retry_after_ms = wait_ms,
    };
    Document *document = asking->door->services->get(asking->door->services, &request, error);
    if (body)
        explicit_bzero(body, strlen(body));
    free(body);
    return document;
}

static GPtrArray *headers_of(const Credential *credential)
{
    GPtrArray *headers =
        credential ? credential_headers(credential)
                   : g_ptr_array_new_with_free_func((GDestroyNotify)credential_header_free);
    g_ptr_array_add(headers, NULL);
    return headers;
}

/* Kaggle's own page, where a login is asked for in place of an answer. */
static gboolean leads_to_login(const char *location)
{
    const char *query = strchr(location, '?');
    g_autofree char *path =
        query ? g_strndup(location, (gsize)(query - location)) : g_strdup(location);
    return strstr(path, "/login") != NULL;
}

static gboolean stays_at(const char *base, const char *location)
{
    g_autoptr(WebAddress) here = web_address_parse(base, NULL);
    g_autoptr(WebAddress) there = web_address_parse(location, NULL);
    return here && there && web_address_same_origin(here, there);
}

/* The body: JSON, or what it says in its place. */
static gboolean take_body(const Asking *asking, Document *document, KaggleAnswer *answer,
                          KaggleSaid *said, GError **error)
{
    gsize length = 0;
    g_autofree char *text = document_read(document, MOST_JSON, &length, error);
    if (!text)
        return FALSE;
    json_t *json = json_loadb(text, length, JSON_DECODE_ANY, NULL);
    kaggle_said_take(said, document->status, document->content_type, text, length, json);
    if (said->kind == KAGGLE_SAID_NOTHING && (!json || asking->call->wants_address)) {
        said->kind = KAGGLE_SAID_TROUBLE;
        said->message = g_strdup(json ? _("JSON in place of data") : _("no JSON"));
    }
    if (said->kind != KAGGLE_SAID_NOTHING) {
        json_decref(json);
        return FALSE;
    }
    answer->json = json;
    return TRUE;
}

/* The answer is the file itself, and not a redirect to it. */
static gboolean is_file(const Asking *asking, const Document *document)
{
    return asking->call->wants_address && document->status == 200 &&
           (!document->content_type ||
            (g_ascii_strncasecmp(document->content_type, "application/json", 16) != 0 &&
             g_ascii_strncasecmp(document->content_type, "text/html", 9) != 0));
}

/* FALSE with *SAID, or with an error. */
static gboolean ask_face(const Asking *asking, KaggleAnswer *answer, KaggleSaid *said,
                         GError **error)
{
    const KaggleDoor *door = asking->door;
    const char *base = asking->by_post ? door->rpc : door->base;
    g_autofree char *url = asking->by_post ? g_strconcat(base, "/v1/", asking->call->method, NULL)
                                           : kaggle_call_address(asking->call, base);
    for (guint hops = 0; hops <= MOST_OWN_REDIRECTS; hops++) {
        g_autoptr(GPtrArray) headers = headers_of(asking->credential);
        int status = 0;
        gint64 wait_ms = 0;
        GError *why = NULL;
        g_autoptr(Document) document = get(asking, url, headers, &status, &wait_ms, &why);
        gboolean is_direct = document ? is_file(asking, document)
                                      : asking->call->wants_address && status == 200 &&
                                            !asking->by_post; /* larger than any page */
        if (is_direct) {
            g_clear_error(&why);
            g_ptr_array_set_size(headers, (gint)headers->len - 1);
            answer->headers = g_steal_pointer(&headers);
            return TRUE;
        }
        if (!document) {
            if (status == 429)
                *said =
                    (KaggleSaid){.kind = KAGGLE_SAID_THROTTLED, .code = status, .wait_ms = wait_ms};
            g_propagate_error(error, why);
            return FALSE;
        }
        if (!document->location)
            return take_body(asking, document, answer, said, error);
        if (!stays_at(base, document->location)) {
            answer->location = g_strdup(document->location);
            return TRUE;
        }
        if (leads_to_login(document->location)) {
            *said = (KaggleSaid){.kind = KAGGLE_SAID_LOGIN, .code = 401};
            return FALSE;
        }
        g_free(url);
        url = g_strdup(document->location);
    }
    *said = (KaggleSaid){
        .kind = KAGGLE_SAID_TROUBLE, .code = 302, .message = g_strdup(_("it redirects to itself"))};
    return FALSE;
}

/* Does this answer speak of the face that was asked, and not of what was asked for? */
static gboolean face_is_gone(const KaggleSaid *said, const GError *error)
{
    if (error)
        return g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN) &&
               said->kind != KAGGLE_SAID_THROTTLED;
    return said->kind == KAGGLE_SAID_PAGE ||
           (!said->is_json && (said->code == 404 || said->code == 405 || said->code == 410));
}

/* A login, or what one is renewed by, is for the calls' host only where that is Kaggle's as the
 * site's is: each of them may be sent elsewhere by an endpoint of its own. */
static gboolean may_ask_rpc(const Asking *asking)
{
    const KaggleDoor *door = asking->door;
    if (!door->rpc || (!asking->credential && !asking->call->always_posts))
        return door->rpc != NULL;
    g_autofree char *here = credentials_host(SOURCE, door->base);
    g_autofree char *there = credentials_host(SOURCE, door->rpc);
    return g_strcmp0(here, there) == 0 && credentials_may_travel(door->rpc, NULL);
}

static gboolean ask_faces(Asking *asking, KaggleAnswer *answer, KaggleSaid *said, GError **error)
{
    GError *why = NULL;
    asking->by_post = FALSE;
    if (ask_face(asking, answer, said, &why))
        return TRUE;
    if (may_ask_rpc(asking) && face_is_gone(said, why)) {
        g_auto(KaggleSaid) other = {0};
        g_autoptr(GError) other_why = NULL;
        asking->by_post = TRUE;
        if (ask_face(asking, answer, &other, &other_why)) {
            g_clear_error(&why);
            kaggle_said_clear(said);
            return TRUE;
        }
        if (!other_why && other.is_json) { /* the API's own word */
            g_clear_error(&why);
            kaggle_said_clear(said);
            *said = other;
            other = (KaggleSaid){0};
        }
    }
    if (why)
        g_propagate_error(error, why);
    return FALSE;
}

gboolean kaggle_ask_as(KaggleDoor *door, const KaggleCall *call, const Credential *credential,
                       KaggleAnswer *answer, KaggleSaid *said, GError **error)
{
    Asking asking = {.door = door, .call = call, .credential = credential};
    return ask_faces(&asking, answer, said, error);
}

/* What a login might open: what is private is said not to be there. */
static gboolean login_may_help(const KaggleSaid *said)
{
    switch (said->kind) {
    case KAGGLE_SAID_LOGIN:
    case KAGGLE_SAID_RULES:
    case KAGGLE_SAID_PERMISSION:
    case KAGGLE_SAID_FORBIDDEN:
    case KAGGLE_SAID_BLOCKED:
    case KAGGLE_SAID_ABSENT:
    case KAGGLE_SAID_WRONG:
        return TRUE;
    default:
        return FALSE;
    }
}

static Credential *login_for(KaggleDoor *door, GError **error)
{
    Credential *found = door->services->credential(door->services, SOURCE, door->base, error);
    return found && found->renewal ? kaggle_renew(door, found, error) : found;
}

/* The words for SAID, which are better than the engine's own. */
static void explain(const KaggleDoor *door, const Credential *credential, const KaggleSaid *said,
                    GError **error)
{
    const KaggleCase of = {.name = &door->name, .ref = door->ref, .login = credential};
    if (said->kind == KAGGLE_SAID_LOGIN && credential)
        door->services->refuse_credential(door->services, SOURCE);
    if (*error && said->kind != KAGGLE_SAID_THROTTLED)
        return;
    g_clear_error(error);
    kaggle_set_error(&of, said, error);
}

/* With the login, what was refused without. A login that Kaggle does not know makes nothing of what
 * is not there. */
static gboolean ask_again(Asking *asking, const Credential *credential, KaggleAnswer *answer,
                          KaggleSaid *said, GError **error)
{
    HostServices *services = asking->door->services;
    gboolean was_absent = said->kind == KAGGLE_SAID_ABSENT;
    asking->credential = credential;
    if (ask_faces(asking, answer, said, error))
        return TRUE;
    if (was_absent && said->kind == KAGGLE_SAID_LOGIN) {
        services->refuse_credential(services, SOURCE);
        kaggle_said_clear(said);
        *said = (KaggleSaid){.kind = KAGGLE_SAID_ABSENT, .code = 404, .is_json = TRUE};
    }
    return FALSE;
}

gboolean kaggle_ask(KaggleDoor *door, const KaggleCall *call, gboolean optional,
                    KaggleAnswer *answer, GError **error)
{
    Asking asking = {.door = door, .call = call, .optional = optional};
    g_auto(KaggleSaid) said = {0};
    GError *why = NULL;
    g_autoptr(Credential) credential = door->with_login ? login_for(door, &why) : NULL;
    if (why) {
        g_propagate_error(error, why);
        return FALSE;
    }
    asking.credential = credential;
    gboolean good = ask_faces(&asking, answer, &said, &why);
    if (!good && !why && !credential && !door->with_login && login_may_help(&said)) {
        g_autoptr(GError) unusable = NULL;
        credential = login_for(door, &unusable);
        if (unusable && said.kind != KAGGLE_SAID_ABSENT) {
            g_propagate_error(error, g_steal_pointer(&unusable));
            return FALSE;
        }
        good = credential && ask_again(&asking, credential, answer, &said, &why);
        door->with_login |= good;
    }
    door->used_login |= good && credential;
    if (good)
        return TRUE;
    explain(door, credential, &said, &why);
    g_propagate_error(error, why);
    return FALSE;
}
