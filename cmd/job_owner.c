#include "job_owner.h"

#include "i18n.h"

typedef struct {
    Job *job;
    const char *ref;
} Waiting;

static void on_waits(const OwnerInfo *info, gpointer data)
{
    Waiting *waiting = data;
    job_tell(waiting->job, JOB_EVENT_STEP, "waits",
             json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "ref", waiting->ref, "user", info->user,
                       "host", info->host, "pid", (json_int_t)info->pid, "verb", info->verb,
                       "since", info->since),
             _("%s is being worked on by %s of %s on %s (process %" G_GINT64_FORMAT
               ") since %s; waiting for it (not with --no-wait)."),
             waiting->ref, info->verb, info->user, info->host, info->pid, info->since);
}

static gboolean on_cancelled(gpointer data)
{
    return job_is_cancelled(((Waiting *)data)->job);
}

Owner *job_take_owner(Job *job, Mirror *mirror, const char *ref, const char *folder,
                      const char *verb, gboolean no_wait, GError **error)
{
    Waiting waiting = {.job = job, .ref = ref};
    return owner_take(mirror, folder, verb, no_wait, on_waits, on_cancelled, &waiting, error);
}
