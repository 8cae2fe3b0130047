/* The members of one archive: from the unpacker's thread to the spool. */
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_fetch_internal.h"
#include "relpath.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define MOST_UNDERWAY 512 /* members posted and not noted yet */

struct Members {
    Work *work;
    Unpacking *unpacking;
    Frontier *next; /* of the restart that waits for the end of the unpacking that runs */
    gboolean next_whole;
    gboolean stale; /* what is being unpacked does not count any more */
    gboolean done;
    gboolean closing;
    GError *error;       /* how the last unpacking ended */
    gboolean has_series; /* it was of a series, whole and right */
    SeriesCount came;
    Digest digest;        /* of the series */
    GError *member_error; /* what the store found wrong with a member */
    GError *other;        /* of a series: an image is not the one of the lock */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    guint underway;
    gboolean refused; /* the next member callback fails */
};

typedef struct {
    Members *members;
    LockFile file;
    gboolean chosen;
} MemberPost;

typedef struct {
    Members *members;
    const char *path;
    gboolean stands;
    gboolean answered;
} StandsQuestion;

Members *members_new(Work *work)
{
    Members *members = g_new0(Members, 1);
    members->work = work;
    pthread_mutex_init(&members->lock, NULL);
    pthread_cond_init(&members->changed, NULL);
    return members;
}

void members_free(Members *members)
{
    if (!members) {
        return;
    }
    g_clear_pointer(&members->unpacking, unpacking_free);
    g_clear_pointer(&members->next, frontier_unref);
    g_clear_error(&members->error);
    g_clear_error(&members->member_error);
    g_clear_error(&members->other);
    pthread_cond_destroy(&members->changed);
    pthread_mutex_destroy(&members->lock);
    g_free(members);
}

static void lock_file_copy(LockFile *to, const LockFile *from)
{
    *to = *from;
    to->path = g_strdup(from->path);
    to->archive = g_strdup(from->archive);
    to->member = g_strdup(from->member);
    to->link_target = g_strdup(from->link_target);
}

static void member_refuse(Members *members, GError *error)
{
    if (members->member_error) {
        g_error_free(error);
    } else {
        members->member_error = error;
    }
    pthread_mutex_lock(&members->lock);
    members->refused = TRUE;
    pthread_mutex_unlock(&members->lock);
}

static gboolean verdict_differs(const Verdict *verdict)
{
    return verdict->kind == VERDICT_WRONG || verdict->kind == VERDICT_CHANGED;
}

/* Whether it came damaged, or has changed at the source, is known when the series is whole. */
static void note_other(Members *members, const LockFile *file, const DigestSet *locked)
{
    const Digest *before = digest_set_get(locked, DIGEST_SHA256);
    const Digest *now = digest_set_get(&file->digests, DIGEST_SHA256);
    if (members->other || !before || !now) {
        return;
    }
    const Work *work = members->work;
    g_autofree char *before_hex = digest_to_hex(before);
    g_autofree char *now_hex = digest_to_hex(now);
    members->other =
        g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s has changed at the source: the lock has sha256 %s, the source sends %s. "
                      "What is here was not touched. Take it as a new version with: medmirror pull "
                      "--refresh %s"),
                    file->path, before_hex, now_hex, work->fetch->spec->reference->ref);
}

/* Store thread: the member's own digest, where somebody recorded one, is looked at here. */
static void member_note(gpointer data)
{
    MemberPost *post = data;
    Members *members = post->members;
    Work *work = members->work;
    Fetch *fetch = work->fetch;
    WantedBytes wanted;
    SeenBytes seen = {.digests = post->file.digests, .size = post->file.size};
    spool_wanted_member(fetch->spool, work->row->id, post->file.path, &wanted);
    Verdict verdict = verdict_of(&wanted, &seen);
    GError *error = NULL;
    if (members->member_error) {
        /* the rest of a refused archive */
    } else if (work_is_series(work) && verdict_differs(&verdict) &&
               !digest_set_is_empty(&wanted.locked)) {
        note_other(members, &post->file, &wanted.locked);
    } else if (!post->file.link_target && verdict_differs(&verdict)) {
        member_refuse(members,
                      g_error_new(MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                                  _("'%s' in %s is not the file whose digest is recorded."),
                                  post->file.path, work->row->file->path));
    } else {
        post->file.trust = verdict.kind == VERDICT_VERIFIED ? verdict.trust : TRUST_NONE;
        if (!spool_add_member(fetch->spool, work->row->id, &post->file, post->chosen, &error)) {
            member_refuse(members, error);
        } else {
            job_count(fetch->job, members, 1);
            fetch_noted(fetch);
        }
    }
    pthread_mutex_lock(&members->lock);
    members->underway--;
    pthread_cond_broadcast(&members->changed);
    pthread_mutex_unlock(&members->lock);
    lock_file_clear(&post->file);
    g_free(post);
}

static gboolean on_member(const LockFile *file, gboolean chosen, gpointer data, GError **error)
{
    Members *members = data;
    pthread_mutex_lock(&members->lock);
    while (members->underway >= MOST_UNDERWAY && !members->refused) {
        pthread_cond_wait(&members->changed, &members->lock);
    }
    gboolean refused = members->refused;
    if (!refused) {
        members->underway++;
    }
    pthread_mutex_unlock(&members->lock);
    if (refused) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED,
                            _("The archive was refused."));
        return FALSE;
    }
    MemberPost *post = g_new0(MemberPost, 1);
    post->members = members;
    lock_file_copy(&post->file, file);
    post->chosen = chosen;
    task_queue_push(job_store(members->work->fetch->job), member_note, post);
    return TRUE;
}

static gboolean on_takes(const char *path, gpointer data)
{
    Members *members = data;
    return selection_takes_member(members->work->fetch->spec->selection,
                                  members->work->row->file->path, path,
                                  members->work->row->file->facts);
}

static void stands_answer(gpointer data)
{
    StandsQuestion *question = data;
    Members *members = question->members;
    /* What is installed lies elsewhere: what lies in the stage in its name is left over. */
    gboolean stands = spool_is_staged(members->work->fetch->spool, question->path);
    pthread_mutex_lock(&members->lock);
    question->stands = stands;
    question->answered = TRUE;
    pthread_cond_broadcast(&members->changed);
    pthread_mutex_unlock(&members->lock);
}

static gboolean on_stands(const char *path, gpointer data)
{
    Members *members = data;
    StandsQuestion question = {.members = members, .path = path};
    task_queue_push(job_store(members->work->fetch->job), stands_answer, &question);
    pthread_mutex_lock(&members->lock);
    while (!question.answered) {
        pthread_cond_wait(&members->changed, &members->lock);
    }
    pthread_mutex_unlock(&members->lock);
    return question.stands;
}

/* Of an archive that stays as it is: it was decoded, and is right. */
static gboolean on_tested(const LockFile *file, gboolean chosen, gpointer data, GError **error)
{
    return TRUE;
}

/* No member may take more than there is room for. */
static guint64 most_bytes(Fetch *fetch)
{
    g_auto(Room) room = {0};
    return room_measure(fetch->spec->mirror, fetch->spec->limits, &room, NULL) ? MAX(room.bytes, 1)
                                                                               : SIZE_UNKNOWN;
}

static void close_volumes(GArray *volumes)
{
    for (guint i = 0; i + 1 < volumes->len; i++) {
        close(g_array_index(volumes, int, i));
    }
    g_array_set_size(volumes, 0);
}

/* The further volumes lie among the stage's archives, whole and judged; ended by -1. */
static GArray *open_volumes(const Work *work, GError **error)
{
    const GPtrArray *names = work->row->file->unpack->volumes;
    int folder = stage_archives_fd(work->fetch->spec->stage);
    g_autoptr(GArray) volumes = g_array_new(FALSE, FALSE, sizeof(int));
    const int end = -1;
    for (guint i = 0; names && i < names->len; i++) {
        gboolean absent = FALSE;
        int fd = tree_open_file(folder, g_ptr_array_index(names, i), &absent, error);
        if (fd < 0) {
            g_array_append_val(volumes, end);
            close_volumes(volumes);
            if (absent) {
                g_clear_error(error);
                g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                            _("%s cannot be unpacked without its volume %s, which has not come."),
                            work->row->file->path, (const char *)g_ptr_array_index(names, i));
            }
            return NULL;
        }
        g_array_append_val(volumes, fd);
    }
    g_array_append_val(volumes, end);
    return g_steal_pointer(&volumes);
}

static void unpack_start(Members *members, Frontier *frontier);

static void on_unpacked(Unpacking *unpacking, const GError *error, const GPtrArray *warnings,
                        gpointer data)
{
    Members *members = data;
    Work *work = members->work;
    gboolean counts = !members->stale;
    members->stale = FALSE;
    members->done = counts;
    g_clear_error(&members->error);
    if (!counts) {
        g_clear_error(&members->member_error);
        g_clear_error(&members->other);
    } else if (members->member_error) {
        members->error = g_steal_pointer(&members->member_error);
    } else if (error) {
        members->error = g_error_copy(error);
    } else if (members->other) {
        members->error = g_steal_pointer(&members->other);
    }
    for (guint i = 0; counts && !error && warnings && i < warnings->len; i++) {
        job_tell(work->fetch->job, JOB_EVENT_WARNING, "archive-warning",
                 json_pack("{s:s, s:s}", "path", work->row->file->path, "text",
                           g_ptr_array_index(warnings, i)),
                 "%s: %s", work->row->file->path, (const char *)g_ptr_array_index(warnings, i));
    }
    members->has_series =
        counts && !error && unpacking_series(unpacking, &members->came, &members->digest);
    members->unpacking = NULL;
    unpacking_free(unpacking);
    if (members->closing && work->leaves) {
        work_close_leg(work);
        return;
    }
    if (members->closing) {
        work_free(work);
        return;
    }
    if (members->next || members->next_whole) {
        g_autoptr(Frontier) next = g_steal_pointer(&members->next);
        members->next_whole = FALSE;
        unpack_start(members, next);
        if (members->unpacking) {
            return;
        }
    }
    work_settle(work);
}

/* Rows of an earlier, unfinished unpacking are forgotten; what lies on disk of it is compared, and
 * swept before the install. */
static void unpack_start(Members *members, Frontier *frontier)
{
    Work *work = members->work;
    Fetch *fetch = work->fetch;
    g_autoptr(GError) error = NULL;
    members->done = FALSE;
    members->refused = FALSE;
    g_clear_error(&members->error);
    g_clear_error(&members->other);
    if (!spool_forget_members(fetch->spool, work->row->id, &error)) {
        members->done = TRUE;
        members->error = g_steal_pointer(&error);
        return;
    }
    g_autoptr(GArray) volumes = open_volumes(work, &error);
    if (!volumes) {
        members->done = TRUE;
        members->error = g_steal_pointer(&error);
        return;
    }
    const SeriesCount series = series_count_of(work->row->file->facts);
    UnpackSpec spec = {
        .volume_fds = (const int *)volumes->data,
        .rule = work->row->file->unpack,
        .name = work->row->file->path,
        .fd = work->gather ? gather_fd(work) : partial_file_fd(work->partial),
        .frontier = frontier,
        .tree = work_keeps_archive(work) ? NULL : fetch->tree,
        .series = &series,
        .tree_fd = stage_tree_fd(fetch->spec->stage),
        .limits = {.most_bytes = most_bytes(fetch)},
        .taker = {.takes = on_takes,
                  .stands = on_stands,
                  .member = work_keeps_archive(work) ? on_tested : on_member,
                  .data = members},
        .home = job_store(fetch->job),
        .done = on_unpacked,
        .data = members,
    };
    members->unpacking = unpacking_start(&spec, &error);
    close_volumes(volumes);
    if (!members->unpacking) {
        members->done = TRUE;
        members->error = g_steal_pointer(&error);
    }
}

void members_begin(Members *members, Frontier *frontier)
{
    members->work->fetch->report->left_over = TRUE;
    const GPtrArray *volumes = members->work->row->file->unpack->volumes;
    if (volumes && volumes->len) {
        return;
    }
    if (members->unpacking) {
        g_clear_pointer(&members->next, frontier_unref);
        members->next = frontier_ref(frontier);
        unpacking_cancel(members->unpacking);
        return;
    }
    unpack_start(members, frontier);
}

gboolean members_series(const Members *members, SeriesCount *came, Digest *digest)
{
    if (members->has_series) {
        *came = members->came;
        *digest = members->digest;
    }
    return members->has_series;
}

void members_begin_whole(Members *members)
{
    if (members->unpacking) {
        members->next_whole = TRUE;
        return;
    }
    unpack_start(members, NULL);
}

gboolean members_began(const Members *members)
{
    return members->unpacking || members->done;
}

gboolean members_are_done(const Members *members)
{
    return members->done && !members->unpacking;
}

const GError *members_error(const Members *members)
{
    return members->error;
}

gboolean members_are_closing(const Members *members)
{
    return members->closing;
}

/* The bytes of an unpacking that still runs are gone: neither its end counts, nor what waits to
 * begin with them. */
void members_reset(Members *members)
{
    g_clear_pointer(&members->next, frontier_unref);
    members->next_whole = FALSE;
    if (members->unpacking) {
        members->stale = TRUE;
        unpacking_cancel(members->unpacking);
        return;
    }
    members->done = FALSE;
    g_clear_error(&members->error);
}

gboolean members_close(Members *members)
{
    members->closing = TRUE;
    if (!members->unpacking) {
        return TRUE;
    }
    unpacking_cancel(members->unpacking);
    return FALSE;
}

guint64 members_behind(const Members *members)
{
    return members->unpacking ? unpacking_behind(members->unpacking) : 0;
}
