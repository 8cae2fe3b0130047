#include "kaggle_fetch.h"

#include "classify_answer.h"
#include "error.h"
#include "kaggle_said.h"
#include "source_facts.h"
#include "sources.h"

#include <pthread.h>
#include <string.h>

#define DOWNLOADS "/api/v1/datasets/download/"
/* A signature lasts days; who asks soon asks again. */
#define KEPT_FOR (10 * 60 * G_USEC_PER_SEC)

/* The address that a resolve asked for last: the pull that follows needs not ask once more. */
static struct {
    pthread_mutex_t mutex; /* guards all below */
    char *address, *location;
    gboolean by_login;
    gint64 since;
} kept = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void keep(const char *address, const char *location, gboolean by_login)
{
    pthread_mutex_lock(&kept.mutex);
    g_free(kept.address);
    credential_header_free(kept.location);
    kept.address = g_strdup(address);
    kept.location = g_strdup(location);
    kept.by_login = by_login;
    kept.since = g_get_monotonic_time();
    pthread_mutex_unlock(&kept.mutex);
}

/* Given out once: who comes again had no use of it. Owned; NULL where there is none. */
static char *take_kept(const char *address, gboolean *by_login)
{
    char *location = NULL;
    pthread_mutex_lock(&kept.mutex);
    if (g_strcmp0(kept.address, address) == 0) {
        if (g_get_monotonic_time() - kept.since < KEPT_FOR) {
            location = g_steal_pointer(&kept.location);
            *by_login = kept.by_login;
        }
        g_clear_pointer(&kept.address, g_free);
        g_clear_pointer(&kept.location, credential_header_free);
    }
    pthread_mutex_unlock(&kept.mutex);
    return location;
}

gboolean kaggle_fetch_ask(KaggleDoor *door, const KaggleCall *call, KaggleAnswer *answer,
                          GError **error)
{
    if (!kaggle_ask(door, call, TRUE, answer, error))
        return FALSE;
    g_autofree char *address = kaggle_call_address(call, door->base);
    if (answer->location)
        keep(address, answer->location, door->used_login);
    return TRUE;
}

/* What was given to a login is asked for with it from now on: the archive and each of its files. */
static void guard(const KaggleDoor *door, const char *address)
{
    g_autofree char *prefix = g_strndup(address, strcspn(address, "?"));
    g_autofree char *with_query = g_strconcat(prefix, "?", NULL);
    door->services->guard(door->services, kaggle_fetcher.row.name,
                          address[strlen(prefix)] ? with_query : prefix);
}

Prepared *kaggle_prepare(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                         const char *address, HostServices *services, GError **error)
{
    g_autoptr(Prepared) prepared = g_new0(Prepared, 1);
    const char *base = source_base(services, &kaggle_fetcher.row, 0);
    g_auto(KaggleName) name = {0};
    g_auto(KaggleCall) call = {0};
    g_auto(KaggleAnswer) answer = {0};
    g_auto(KaggleDoor) door = {0};
    if (!base || !kaggle_call_of_address(base, address, &name, &call))
        return g_steal_pointer(&prepared);
    prepared->address = take_kept(address, &prepared->by_login);
    if (prepared->address)
        return g_steal_pointer(&prepared);
    kaggle_door_open(&door, services, locator, NULL);
    door.with_login |= services->is_guarded(services, address);
    if (!kaggle_ask(&door, &call, FALSE, &answer, error))
        return NULL;
    if (door.used_login && door.name.owner)
        guard(&door, address);
    prepared->address = g_steal_pointer(&answer.location);
    prepared->headers = g_steal_pointer(&answer.headers);
    prepared->by_login = door.used_login;
    return g_steal_pointer(&prepared);
}

char *kaggle_member_address(const Fetcher *fetcher, const json_t *locator, const FileSpec *archive,
                            const char *path)
{
    for (guint i = 0; archive->addresses && i < archive->addresses->len; i++) {
        const char *address = archive->addresses->pdata[i];
        const char *api = strstr(address, "/api/v1/");
        g_autofree char *base = api ? g_strndup(address, (gsize)(api - address)) : NULL;
        g_auto(KaggleName) name = {0};
        g_auto(KaggleCall) whole = {0};
        if (!base || !kaggle_call_of_address(base, address, &name, &whole))
            continue;
        const char *query = strchr(address, '?');
        g_autofree char *version = query ? kaggle_version_of_query(query + 1) : NULL;
        g_auto(KaggleCall) one = kaggle_call_download(&name, version, path);
        return kaggle_call_address(&one, base);
    }
    return NULL;
}

static gboolean asks_for_json(const AnswerHead *head)
{
    gsize length = head->address ? strcspn(head->address, "?#") : 0;
    return length >= 4 && g_ascii_strncasecmp(head->address + length - 4, "json", 4) == 0;
}

/* The whole archive of a dataset, which is a zip. */
static gboolean asks_for_dataset(const AnswerHead *head)
{
    const char *at = head->address ? strstr(head->address, DOWNLOADS) : NULL;
    if (!at)
        return FALSE;
    g_autofree char *rest = g_strndup(at + strlen(DOWNLOADS), strcspn(at + strlen(DOWNLOADS), "?"));
    g_auto(GStrv) parts = g_strsplit(rest, "/", -1);
    return g_strv_length(parts) == 2 && !strstr(at, "ileName=") && !strstr(at, "file_name=");
}

/* An error object under a status that says all is well. */
static AnswerKind classify_json(const AnswerHead *head)
{
    const char *message = NULL;
    json_auto_t *json = json_loadb((const char *)head->body, head->body_length, 0, NULL);
    int code = kaggle_error_code(json, &message);
    if (code == 0 || (asks_for_json(head) && answer_left_host(head)))
        return ANSWER_DATA;
    if (code == 408 || code == 429 || code >= 500)
        return ANSWER_TRANSIENT;
    if (head->expects_html) /* a document: who asked for it reads it */
        return ANSWER_DATA;
    return code == 401 || code == 403 ? ANSWER_TERMS
           : code == 404              ? ANSWER_ABSENT
                                      : ANSWER_NOTHING_THERE;
}

static AnswerKind classify_success(const AnswerHead *head)
{
    AnswerKind kind = fetcher_classify_common(head);
    if (kind != ANSWER_DATA || !answer_starts_at_zero(head) || head->body_length == 0)
        return kind;
    if (*head->body == '{')
        kind = classify_json(head);
    if (kind == ANSWER_DATA && !head->expects_html && asks_for_dataset(head) &&
        head->body_length >= 2 && memcmp(head->body, "PK", 2) != 0)
        return ANSWER_NOTHING_THERE;
    return kind;
}

/* Storage says in XML that a signature is over, or not (any more) what it should be: a fresh one is
 * asked for. Which status an old one gets is told nowhere. */
static gboolean is_signature_refused(const AnswerHead *head)
{
    if (head->status != 400 && head->status != 401 && head->status != 403)
        return FALSE;
    g_autofree char *text = answer_text(head);
    return strstr(text, "<error>") && strstr(text, "<code>") && !answer_is_filter(head, text);
}

AnswerKind kaggle_classify(const Fetcher *fetcher, const AnswerHead *head)
{
    if (head->status >= 200 && head->status < 300)
        return classify_success(head);
    return is_signature_refused(head) ? ANSWER_EXPIRED : fetcher_classify_common(head);
}
