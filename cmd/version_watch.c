#include "version_watch.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "intent.h"
#include "owner.h"
#include "version_choice.h"

#include <string.h>

#define MOST_WAIT_US (600 * G_USEC_PER_SEC)
#define POLL_US (50 * 1000)

void version_watch_begin(VersionWatch *watch, Mirror *mirror, const LockHeader *header)
{
    g_autofree char *name = mirror_version_name(header->version);
    watch->mirror = mirror;
    watch->folder = g_strdup(header->folder);
    watch->lock = g_strdup_printf("%s/%s.lock.jsonl", header->folder, name);
    watch->is_there = file_stamp_of(mirror_fd(mirror), watch->lock, &watch->stamp);
}

void version_watch_clear(VersionWatch *watch)
{
    g_free(watch->folder);
    g_free(watch->lock);
    memset(watch, 0, sizeof *watch);
}

gboolean version_watch_has_moved(const VersionWatch *watch)
{
    FileStamp now;
    if (!watch->mirror) {
        return FALSE;
    }
    gboolean is_there = file_stamp_of(mirror_fd(watch->mirror), watch->lock, &now);
    return is_there != watch->is_there || (is_there && !file_stamp_equal(&now, &watch->stamp)) ||
           intent_exists(watch->mirror, watch->folder);
}

gboolean version_watch_settle(const VersionWatch *watch, Job *job)
{
    gint64 until = g_get_monotonic_time() + MOST_WAIT_US;
    while (intent_exists(watch->mirror, watch->folder)) {
        if (job_is_cancelled(job) || g_get_monotonic_time() > until) {
            return FALSE;
        }
        g_autoptr(GError) error = NULL;
        g_autoptr(Owner) owner =
            owner_take(watch->mirror, watch->folder, "recover", TRUE, NULL, NULL, NULL, NULL);
        if (owner && !intent_recover(watch->mirror, watch->folder, &error)) {
            event_log(EVENT_LOG_WARNING, "%s", error->message);
            return FALSE;
        }
        if (!owner) {
            g_usleep(POLL_US);
        }
    }
    return TRUE;
}

LockHeader *version_watch_header(const VersionWatch *watch, const LockHeader *before,
                                 GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LockReader) lock =
        mirror_open_lock(watch->mirror, watch->folder, before->version, &problem);
    if (!lock && g_error_matches(problem, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        g_autofree char *label = version_label(before);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s was removed while it was read. Bring it again with: medmirror pull %s"),
                    label, before->ref);
        return NULL;
    }
    if (!lock) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    LockHeader *header = lock_header_copy(lock_reader_header(lock));
    /* Where it lies counts, not where it lay once. */
    g_free(header->folder);
    header->folder = g_strdup(watch->folder);
    return header;
}
