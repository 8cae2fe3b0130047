#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "i18n.h"
#include "partial_internal.h"
#include "size_text.h"
#include "verdict.h"

/* A complete file below this is not synced by itself: it is verified and in the stage soon, which
 * is synced as a whole. */
#define SETTLE_SYNC_FROM ((guint64)16 * 1024 * 1024)

static PartialFile *file_of(Sink *sink)
{
    return (PartialFile *)sink;
}

static guint64 most_bytes(const PartialFile *file)
{
    return file->spec.most_bytes ? file->spec.most_bytes : SIZE_UNKNOWN;
}

static int find_source(const PartialFile *file, const char *address)
{
    for (guint i = 0; i < file->state->sources->len; i++) {
        const PartialSource *source = g_ptr_array_index(file->state->sources, i);
        if (strcmp(source->address, address) == 0)
            return (int)i;
    }
    return -1;
}

static gboolean may_resume(const PartialFile *file)
{
    if (file->spec.never_resume || file->state->sources->len == 0)
        return FALSE;
    const PartialSource *first = g_ptr_array_index(file->state->sources, 0);
    return validators_allow_resume(first->validators);
}

/* May bytes from ADDRESS go on with what is held? */
static gboolean may_continue_from(const PartialFile *file, const char *address)
{
    if (file->fd < 0 || file->suspect || extents_bytes(file->state->held) == 0 || !may_resume(file))
        return FALSE;
    int source = find_source(file, address);
    return file->spec.digest_covers_all ||
           (source >= 0 && extents_all_of(file->state->held, (guint)source));
}

static gboolean totals_agree(const PartialFile *file, const Validators *validators)
{
    return validators->total == SIZE_UNKNOWN || file->state->total == SIZE_UNKNOWN ||
           validators->total == file->state->total;
}

/* Those that bytes from ADDRESS came with; where it has sent nothing yet, or went on with another
 * one's bytes unasked for its own, those of the first. */
static const Validators *validators_of(const PartialFile *file, const char *address)
{
    int index = find_source(file, address);
    const PartialSource *first = g_ptr_array_index(file->state->sources, 0);
    const PartialSource *source =
        index > 0 ? g_ptr_array_index(file->state->sources, (guint)index) : first;

    return validators_allow_resume(source->validators) ? source->validators : first->validators;
}

static void fill_offer(const PartialFile *file, const char *address, SinkOffer *offer)
{
    offer->complete = file->complete;
    offer->held = extents_to_array(file->state->held);
    if (offer->held->len == 0)
        return;
    offer->validators = validators_copy(validators_of(file, address));
    if (offer->validators->total == SIZE_UNKNOWN)
        offer->validators->total = file->state->total;
}

void partial_forget(PartialFile *file)
{
    if (file->frontier) {
        frontier_fail(file->frontier);
        g_clear_pointer(&file->frontier, frontier_unref);
    }
    digest_job_cancel(g_steal_pointer(&file->job));
    pthread_mutex_lock(&file->mutex);
    partial_state_reset(file->state);
    file->open_count = 0;
    file->undurable = 0;
    file->job_told = 0;
    file->frontier_told = 0;
    file->failed_errno = 0;
    pthread_mutex_unlock(&file->mutex);
    file->complete = FALSE;
    file->suspect = FALSE;
    file->begun = FALSE;
}

/* Its mode is final from the first byte on: this descriptor may write all the same. */
static int make_file(PartialFile *file)
{
    const int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;

    file->fd = TEMP_FAILURE_RETRY(openat(file->spec.folder_fd, file->key, flags, file->spec.mode));
    if (file->fd < 0 && errno == EEXIST) {
        if (unlinkat(file->spec.folder_fd, file->key, 0) < 0)
            return errno;
        file->fd =
            TEMP_FAILURE_RETRY(openat(file->spec.folder_fd, file->key, flags, file->spec.mode));
    }
    return file->fd < 0 ? errno : 0;
}

/* The journal says that what it told before is void, and does so before the data changes. */
static int void_journal(PartialFile *file)
{
    if (!file->journal)
        return 0;
    int failed = EAGAIN;
    if (file->wants_journal) {
        pthread_mutex_lock(&file->mutex);
        failed = partial_journal_begin(file->journal, file->state);
        pthread_mutex_unlock(&file->mutex);
        if (!failed && file->has_durable)
            failed = partial_journal_sync(file->journal);
    }
    return failed ? partial_discard_journal(file) : 0;
}

/* From the first byte, from ADDRESS. 0 or an errno. */
static int begin_anew(PartialFile *file, const char *address, const Validators *validators)
{
    partial_forget(file);
    file->resumed = FALSE;
    file->state->total = validators->total;
    g_ptr_array_add(file->state->sources, partial_source_new(address, validators));
    file->source = 0;
    guint64 total = file->state->total;
    file->wants_journal = may_resume(file) && total >= PARTIAL_JOURNAL_FROM;
    int failed = void_journal(file);
    if (!failed && file->fd < 0)
        failed = make_file(file);
    else if (!failed && TEMP_FAILURE_RETRY(ftruncate(file->fd, 0)) < 0)
        failed = errno;
    if (!failed && file->wants_journal && total != SIZE_UNKNOWN) {
        pthread_mutex_lock(&file->mutex);
        failed = partial_locked_make_journal(file);
        pthread_mutex_unlock(&file->mutex);
    }
    return failed;
}

/* Goes on with what is held. VALIDATORS: NULL where they are not known. */
static void go_on(PartialFile *file, const char *address, const Validators *validators)
{
    int index = find_source(file, address);

    file->resumed = file->resumed || !file->attempt;
    if (index >= 0) {
        file->source = (guint)index;
        return;
    }
    PartialSource *source = partial_source_new(address, validators);
    g_ptr_array_add(file->state->sources, source);
    file->source = file->state->sources->len - 1;
    pthread_mutex_lock(&file->mutex);
    if (file->journal)
        partial_journal_source(file->journal, source);
    pthread_mutex_unlock(&file->mutex);
}

/* Digest and frontier for what comes, and for what is held. */
static void begin_reading(PartialFile *file)
{
    guint64 held = extents_contiguous(file->state->held);

    if (!file->job && !file->complete)
        file->job = digest_job_new(file->spec.pool, file->fd, file->spec.algorithms,
                                   file->state->total, held);
    if (file->begun)
        return;
    file->begun = TRUE;
    if (!file->spec.begins)
        return;
    file->frontier = frontier_new();
    if (file->complete)
        frontier_finish(file->frontier, file->state->total);
    else
        frontier_advance(file->frontier, held);
    file->frontier_told = held;
    file->spec.begins(file, file->frontier, file->state->total, file->spec.data);
}

/* The engine may write to what is offered here without another word. */
static void offer_held(PartialFile *file, const char *address, SinkOffer *offer)
{
    if (!file->complete && !may_continue_from(file, address))
        return;
    if (!file->complete)
        go_on(file, address, NULL);
    begin_reading(file);
    fill_offer(file, address, offer);
}

static gboolean refuse_size(const PartialFile *file, guint64 total, Outcome *outcome)
{
    if (total == SIZE_UNKNOWN || total <= most_bytes(file))
        return FALSE;
    g_autofree char *has = size_text(total);
    g_autofree char *room = size_text(most_bytes(file));
    outcome_set_storage(outcome, ENOSPC, _("%s has %s, and there is room for %s"), file->name, has,
                        room);
    return TRUE;
}

static void sink_offer(Sink *sink, const char *address, const Validators *validators,
                       gboolean restart, SinkOffer *offer, Outcome *outcome)
{
    PartialFile *file = file_of(sink);
    int failed = file->open_errno;

    if (failed) {
        outcome_set_storage(outcome, failed, _("cannot open the partial file of %s"), file->name);
        return;
    }
    file->failed_errno = 0;
    if (!validators) {
        offer_held(file, address, offer);
        return;
    }
    if (refuse_size(file, validators->total, outcome))
        return;
    gboolean same_attempt = file->attempt && find_source(file, address) == (int)file->source;
    if (restart || !totals_agree(file, validators) ||
        !(same_attempt || may_continue_from(file, address)))
        failed = begin_anew(file, address, validators);
    else
        go_on(file, address, validators);
    if (failed) {
        outcome_set_storage(outcome, failed, _("cannot make the partial file of %s"), file->name);
        return;
    }
    file->attempt = TRUE;
    begin_reading(file);
    fill_offer(file, address, offer);
}

/* Writes as much as there is room for; *WRITTEN bytes of it. 0 or an errno. */
static int write_at(int fd, guint64 offset, const guint8 *bytes, gsize length, gsize *written)
{
    *written = 0;
    while (*written < length) {
        gssize got = TEMP_FAILURE_RETRY(
            pwrite(fd, bytes + *written, length - *written, (off_t)(offset + *written)));
        if (got < 0)
            return errno;
        if (got == 0)
            return ENOSPC;
        *written += (gsize)got;
    }
    return 0;
}

static void sink_write(Sink *sink, guint64 offset, const void *bytes, gsize length,
                       Outcome *outcome)
{
    PartialFile *file = file_of(sink);
    guint64 end;
    gsize written = 0;

    if (!g_uint64_checked_add(&end, offset, length) || end > file->state->total) {
        outcome->kind = OUTCOME_CHANGED;
        outcome->detail = g_strdup(_("more bytes came than were announced"));
        return;
    }
    pthread_mutex_lock(&file->mutex);
    int failed = file->failed_errno;
    pthread_mutex_unlock(&file->mutex);
    if (!failed && end > most_bytes(file))
        failed = ENOSPC;
    if (!failed)
        failed = write_at(file->fd, offset, bytes, length, &written);
    if (written > 0 || failed) {
        pthread_mutex_lock(&file->mutex);
        if (failed)
            file->failed_errno = failed;
        if (written > 0)
            partial_locked_arrived(file, offset, offset + written);
        pthread_mutex_unlock(&file->mutex);
    }
    if (failed)
        outcome_set_storage(outcome, failed, _("cannot write %s"), file->name);
}

/* All TOTAL bytes are said to be there. */
static gboolean complete_file(PartialFile *file, guint64 total, Outcome *outcome)
{
    if (!extents_cover(file->state->held, total)) {
        outcome->kind = OUTCOME_CUT;
        outcome->detail = g_strdup(_("some bytes are missing"));
        return FALSE;
    }
    if (extents_bytes(file->state->held) > total ||
        !totals_agree(file, &(Validators){.total = total})) {
        outcome->kind = OUTCOME_CHANGED;
        outcome->detail = g_strdup(_("the total differs from what was announced before"));
        return FALSE;
    }
    pthread_mutex_lock(&file->mutex);
    if (file->journal && file->state->total == SIZE_UNKNOWN)
        partial_journal_total(file->journal, total);
    partial_locked_tell(file);
    pthread_mutex_unlock(&file->mutex);
    file->state->total = total;
    file->complete = TRUE;
    if (file->frontier)
        frontier_finish(file->frontier, total);
    return TRUE;
}

static void sink_settle(Sink *sink, guint64 total, Outcome *outcome)
{
    PartialFile *file = file_of(sink);

    if (file->fd < 0)
        return;
    pthread_mutex_lock(&file->mutex);
    int failed = file->failed_errno;
    partial_locked_record(file);
    partial_locked_tell(file);
    pthread_mutex_unlock(&file->mutex);
    file->attempt = FALSE;
    gboolean completed = FALSE;
    if (!failed && total != SIZE_UNKNOWN && !file->complete)
        completed = complete_file(file, total, outcome);
    if (file->journal && (!completed || total >= SETTLE_SYNC_FROM)) {
        int sync_errno = partial_make_durable(file);
        failed = failed ? failed : sync_errno;
    }
    if (failed)
        outcome_set_storage(outcome, failed, _("cannot write %s"), file->name);
}

const SinkClass partial_sink_class = {
    .offer = sink_offer,
    .write = sink_write,
    .settle = sink_settle,
};
