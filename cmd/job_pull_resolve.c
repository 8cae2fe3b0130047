/* The source's listing into the spool. */
#include "error.h"
#include "i18n.h"
#include "job_pull_internal.h"

#include <string.h>

#define ASK_NEWER_US                                                                               \
    (10 * G_USEC_PER_SEC) /* how long a newer version is asked for where one is here */

static gboolean on_head(gpointer data, const ListingHead *head, GError **error)
{
    Pull *pull = data;
    g_clear_pointer(&pull->head, listing_head_free);
    pull->head = listing_head_copy(head);
    job_set_deadline(pull->job, 0);
    return TRUE;
}

static gboolean names_volume(const UnpackRule *rule, const char *path)
{
    for (guint i = 0; rule && rule->volumes && i < rule->volumes->len; i++) {
        if (strcmp(g_ptr_array_index(rule->volumes, i), path) == 0) {
            return TRUE;
        }
    }
    return FALSE;
}

/* Is it a further volume of an archive that the manifest joins? */
static gboolean is_volume(const Manifest *manifest, const char *path)
{
    if (!manifest) {
        return FALSE;
    }
    for (guint i = 0; manifest->files && i < manifest->files->len; i++) {
        if (names_volume(((const ManifestFile *)g_ptr_array_index(manifest->files, i))->unpack,
                         path)) {
            return TRUE;
        }
    }
    return names_volume(manifest->unpack, path);
}

static gboolean on_file(gpointer data, const FileSpec *file, GError **error)
{
    Pull *pull = data;
    FileSpec kept = *file;
    if (!pull->request->no_unpack && is_volume(pull->reference->manifest, file->path)) {
        kept.role = FILE_ROLE_ARCHIVE; /* of another file's rule; nothing of the tree */
        kept.unpack = NULL;
        return spool_add(pull->spool, &kept, error);
    }
    if (!pull->request->no_unpack || file->role != FILE_ROLE_ARCHIVE) {
        return spool_add(pull->spool, file, error);
    }
    kept.role = FILE_ROLE_DATA; /* its rule stays: it says how the archive is tested */
    return spool_add(pull->spool, &kept, error);
}

static gboolean on_digest(gpointer data, const char *path, const Digest *digest, GError **error)
{
    return spool_declare(((Pull *)data)->spool, path, digest, error);
}

/* The token whose listing this pull could go on with: of the stage that an earlier run left, else
 * of the version that stands. */
static char *known_token(Pull *pull, const LockHeader *candidate, gboolean *from_spool)
{
    g_autofree char *as_it_is = spool_get(pull->spool, "no_unpack");
    g_autofree char *preferred = spool_get(pull->spool, "prefer");
    gboolean same_way = (as_it_is != NULL) == (pull->request->no_unpack != FALSE) &&
                        g_strcmp0(preferred, pull->request->prefer) == 0;
    char *token =
        same_way && spool_is_listed(pull->spool) ? spool_get(pull->spool, "state_token") : NULL;
    *from_spool = token != NULL;
    /* What is listed, and taken only if asked for, is in no lock that was not asked for it. */
    const char *const *keys = pull->reference->fetcher->row.where_keys;
    gboolean asks_for_more = keys && *keys && !selection_is_all(pull->request->selection) &&
                             !(candidate && pull_holds(candidate, pull->request));
    if (!token && candidate && !pull->request->refresh && !pull->request->prefer &&
        !asks_for_more) {
        token = g_strdup(candidate->state_token);
    }
    return token;
}

/* Does the listing of an earlier call with plan_only lie in the stage yet? */
static gboolean is_planned(Pull *pull)
{
    g_autofree char *id = spool_get(pull->spool, PULL_PLAN_ID);
    return pull->request->planned && pull->request->planned->head && spool_is_listed(pull->spool) &&
           g_strcmp0(id, pull->request->planned->id) == 0;
}

static gboolean check_preferred(const Pull *pull, GError **error)
{
    const char *const *names = pull->reference->fetcher->row.back_ends;
    const char *name = pull->request->prefer;
    if (!name || (names && g_strv_contains(names, name))) {
        return TRUE;
    }
    if (!names) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s has no back ends to choose from. Without --prefer: medmirror pull %s"),
                    pull->reference->fetcher->row.title, pull->reference->ref);
        return FALSE;
    }
    g_autofree char *all = g_strjoinv(", ", (char **)names);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s has no back end '%s', but these: %s. Type: medmirror pull --prefer %s %s"),
                pull->reference->fetcher->row.title, name, all, names[0], pull->reference->ref);
    return FALSE;
}

gboolean pull_resolve(Pull *pull, const LockHeader *candidate, gboolean *unchanged, GError **error)
{
    if (is_planned(pull)) {
        pull->head = listing_head_copy(pull->request->planned->head);
        return TRUE;
    }
    HostServices *services = check_preferred(pull, error) ? job_services(pull->job, error) : NULL;
    if (!services) {
        return FALSE;
    }
    gboolean from_spool = FALSE;
    g_autofree char *token = known_token(pull, candidate, &from_spool);
    ResolveRequest request = {.locator = pull->reference->locator,
                              .manifest = pull->reference->manifest,
                              .version = pull->reference->version,
                              .index = pull->reference->index,
                              .prefer = pull->request->prefer,
                              .standing = candidate ? candidate->version : NULL,
                              .state_token = token};
    ListingTaker taker = {.head = on_head, .file = on_file, .digest = on_digest, .data = pull};
    job_tell(pull->job, pull->request->plan_only ? JOB_EVENT_DETAIL : JOB_EVENT_STEP, "resolve",
             json_pack("{s:s}", "ref", pull->reference->ref), _("%s: asking what there is."),
             pull->reference->ref);
    if (candidate && !pull->request->is_sync) {
        job_set_deadline(pull->job, g_get_monotonic_time() + ASK_NEWER_US);
    }
    gboolean begun = spool_set(pull->spool, PULL_PLAN_ID, NULL, error) &&
                     spool_begin_listing(pull->spool, pull->request->selection, error);
    ResolveResult answer = begun ? pull->reference->fetcher->resolve(
                                       pull->reference->fetcher, &request, services, &taker, error)
                                 : RESOLVE_FAILED;
    job_set_deadline(pull->job, 0);
    if (answer == RESOLVE_FAILED) {
        return FALSE;
    }
    for (guint i = 0; pull->head && pull->head->notes && i < pull->head->notes->len; i++) {
        const char *note = g_ptr_array_index(pull->head->notes, i);
        job_tell(pull->job, JOB_EVENT_WARNING, "note",
                 json_pack("{s:s, s:s}", "ref", pull->reference->ref, "text", note), "%s: %s",
                 pull->reference->ref, note);
    }
    *unchanged = answer == RESOLVE_UNCHANGED && !from_spool;
    if (answer == RESOLVE_UNCHANGED) {
        return spool_cancel_listing(pull->spool, error);
    }
    return spool_end_listing(pull->spool, error) &&
           spool_set(pull->spool, "no_unpack", pull->request->no_unpack ? "yes" : NULL, error) &&
           spool_set(pull->spool, "prefer", pull->request->prefer, error) &&
           (!pull->head || !pull->head->state_token ||
            spool_set(pull->spool, "state_token", pull->head->state_token, error));
}
