#include "unpack_store_private.h"

#include "error.h"
#include "i18n.h"
#include "member_file.h"
#include "relpath.h"
#include "size_text.h"
#include "unpack_series.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES (128 * 1024)

/* What becomes of the bytes of the entry that is open. */
typedef enum {
    TO_FILE,    /* written and hashed */
    TO_NOTHING, /* hashed: not chosen, a test, or a second member of one name */
    TO_SCRATCH, /* an archive that is unpacked in turn */
    TO_HEAD,    /* an image of a series, as long as it is not known which */
    TO_SERIES,  /* what comes with a series, and is no file of the tree */
} EntryFate;

struct UnpackLayer {
    UnpackStore *store;
    const UnpackRule *rule;
    char *archive;
    char *prefix; /* of member names: the archives around; NULL of the outermost */
    guint depth;
    guint64 pending_added, pending_settled, dropped;
    UnpackSeries *series; /* NULL: the archive is of no series */
    /* The entry that is open. */
    SeriesPart part;
    gboolean is_open, provisional, chosen, twin;
    MemberDecision decision;
    EntryFate fate;
    guint64 size, received;
    MemberFile *file;
    DigestStream *digests;
    int scratch_fd;
    const UnpackRule *nested_rule;
    LockFile met;    /* of TWIN: the first of that name */
    GError *problem; /* of a provisional one */
};

UnpackLayer *unpack_layer_new(UnpackStore *store, UnpackLayer *within, const UnpackRule *rule,
                              const char *archive)
{
    UnpackLayer *layer = g_new0(UnpackLayer, 1);
    layer->store = store;
    layer->rule = rule;
    layer->archive = g_strdup(archive);
    layer->scratch_fd = -1;
    if (within) {
        layer->depth = within->depth + 1;
        layer->prefix =
            g_strdup_printf("%s%s/", within->prefix ? within->prefix : "", within->decision.member);
    }
    if (rule->series)
        layer->series = unpack_series_new(rule, layer->archive, store->spec->series);
    return layer;
}

static void entry_close(UnpackLayer *layer)
{
    g_clear_pointer(&layer->file, member_file_free);
    g_clear_pointer(&layer->digests, digest_stream_free);
    if (layer->scratch_fd >= 0)
        close(layer->scratch_fd);
    layer->scratch_fd = -1;
    layer->nested_rule = NULL;
    lock_file_clear(&layer->met);
    layer->met = (LockFile){0};
    member_decision_clear(&layer->decision);
    g_clear_error(&layer->problem);
    layer->is_open = FALSE;
}

static gboolean remove_pending(UnpackLayer *layer, const PendingMember *pending, GError **error)
{
    UnpackStore *store = layer->store;
    if (pending->folder || pending->problem)
        return TRUE;
    atomic_fetch_sub(&store->output, pending->file.size);
    return (!pending->made || tree_remove_file(store->spec->tree_fd, pending->file.path, error)) &&
           member_log_forget_file(store->log, pending->file.path, error);
}

void unpack_layer_free(UnpackLayer *layer)
{
    if (!layer)
        return;
    entry_close(layer);
    while (layer->pending_settled < layer->pending_added) {
        g_auto(PendingMember) pending = {0};
        if (member_log_take_pending(layer->store->log, &pending, NULL) != 1)
            break;
        (void)remove_pending(layer, &pending, NULL);
        layer->pending_settled++;
    }
    unpack_series_free(layer->series);
    g_free(layer->archive);
    g_free(layer->prefix);
    g_free(layer);
}

const char *unpack_layer_archive(const UnpackLayer *layer)
{
    return layer->archive;
}

const UnpackRule *unpack_layer_rule(const UnpackLayer *layer)
{
    return layer->rule;
}

guint unpack_layer_depth(const UnpackLayer *layer)
{
    return layer->depth;
}

static gboolean nonsense(GError **error)
{
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                        _("The unpacking process told things in an order that cannot be."));
    return FALSE;
}

/* Sees to it that the name is new; the second of a name is hashed and compared alone. */
static gboolean entry_claim_name(UnpackLayer *layer, GError **error)
{
    MemberLog *log = layer->store->log;
    const MemberDecision *decision = &layer->decision;
    if (decision->kind == MEMBER_FOLDER)
        return member_log_add_folders(log, decision->path, TRUE, error);
    if (!member_log_add_folders(log, decision->path, FALSE, error))
        return FALSE;
    switch (member_log_look_up(log, decision->path, &layer->met, error)) {
    case MEMBER_NEW:
        return TRUE;
    case MEMBER_SAME_NAME:
        layer->twin = TRUE;
        return TRUE;
    case MEMBER_CLASH:
    case MEMBER_LOG_FAILED:
        break;
    }
    return FALSE;
}

static gboolean entry_open_output(UnpackLayer *layer, GError **error)
{
    const UnpackSpec *spec = layer->store->spec;
    layer->fate = TO_NOTHING;
    if (layer->decision.kind != MEMBER_STORE && layer->decision.kind != MEMBER_SAME)
        return TRUE;
    if (layer->part == SERIES_PART_LIST || layer->part == SERIES_PART_LICENCE) {
        layer->fate = TO_SERIES;
        return TRUE;
    }
    if (layer->nested_rule) {
        layer->fate = TO_SCRATCH;
        layer->scratch_fd = scratch_file_new(spec->tree ? spec->tree_fd : -1, error);
        return layer->scratch_fd >= 0;
    }
    layer->digests = digest_stream_new(spec->algorithms | 1u << DIGEST_SHA256 |
                                           (layer->series ? 1u << DIGEST_MD5 : 0),
                                       layer->size);
    if (layer->twin || !layer->chosen || !spec->tree)
        return TRUE;
    layer->fate = TO_FILE;
    layer->file = member_file_new(spec->tree, spec->tree_fd, layer->decision.path,
                                  spec->taker.stands, spec->taker.data, error);
    return layer->file != NULL;
}

/* The member's place is known. */
static gboolean entry_choose(UnpackLayer *layer, GError **error)
{
    const UnpackTaker *taker = &layer->store->spec->taker;
    layer->chosen = !taker->takes || taker->takes(layer->decision.path, taker->data);
    return entry_claim_name(layer, error);
}

static gboolean entry_decide(UnpackLayer *layer, const UnpackMessage *message, GError **error)
{
    UnpackStore *store = layer->store;
    const UnpackPlace place = {
        .rule = layer->rule, .archive = layer->archive, .most_depth = store->limits.most_depth};
    if (!unpack_decide(&place, message, &layer->decision, error))
        return FALSE;
    if (layer->decision.kind == MEMBER_SKIP)
        return TRUE;
    if (layer->decision.kind == MEMBER_STORE)
        layer->nested_rule = unpack_nested_rule(layer->rule, layer->decision.member);
    if (layer->nested_rule)
        return TRUE;
    if (layer->series && layer->decision.kind == MEMBER_STORE &&
        !unpack_series_begin(layer->series, layer->decision.member, &layer->part, error))
        return FALSE;
    if (layer->part == SERIES_PART_NONE || layer->part == SERIES_PART_OTHER)
        return entry_choose(layer, error);
    return TRUE;
}

static gboolean is_of_the_archive(const GError *error)
{
    return error->domain == MEDMIRROR_ERROR &&
           (error->code == MEDMIRROR_ERROR_UNSAFE || error->code == MEDMIRROR_ERROR_USAGE);
}

/* What the directory may yet disown is no reason to stop. Takes FAILED; TRUE: it is kept for then.
 */
static gboolean entry_put_off(UnpackLayer *layer, GError *failed, GError **error)
{
    const gboolean is_damage =
        layer->series && g_error_matches(failed, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
    if (!layer->provisional || (!is_of_the_archive(failed) && !is_damage)) {
        g_propagate_error(error, failed);
        return FALSE;
    }
    g_clear_error(&layer->problem);
    layer->problem = failed;
    g_clear_pointer(&layer->file, member_file_free);
    return TRUE;
}

static gboolean take_entry(UnpackLayer *layer, const UnpackMessage *message, GError **error)
{
    UnpackStore *store = layer->store;
    if (layer->is_open)
        return nonsense(error);
    entry_close(layer);
    layer->is_open = TRUE;
    layer->provisional = message->provisional;
    layer->size = message->size;
    layer->received = 0;
    layer->twin = layer->chosen = FALSE;
    layer->part = SERIES_PART_NONE;
    layer->fate = TO_NOTHING;
    if (atomic_fetch_add(&store->entries, 1) >= store->limits.most_entries) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
            _("The archive is refused as unsafe: it has more than %" G_GUINT64_FORMAT " members."),
            store->limits.most_entries);
        return FALSE;
    }
    g_autoptr(GError) failed = NULL;
    gboolean decided = entry_decide(layer, message, &failed);
    if (decided && layer->decision.kind == MEMBER_STORE && message->size != G_MAXUINT64 &&
        !message->provisional)
        decided =
            unpack_store_check_output(store, layer->decision.member,
                                      atomic_load(&store->output) + message->size, TRUE, &failed);
    if (decided && layer->part == SERIES_PART_IMAGE)
        layer->fate = TO_HEAD;
    else if (decided)
        decided = entry_open_output(layer, &failed);
    if (decided)
        return TRUE;
    layer->fate = TO_NOTHING;
    return entry_put_off(layer, g_steal_pointer(&failed), error);
}

static gboolean wrong_size(const UnpackLayer *layer, GError **error)
{
    g_autofree char *shown = relpath_display(layer->decision.member);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("The archive is damaged: its member \"%s\" should have %" G_GUINT64_FORMAT
                  " bytes and has another number."),
                shown, layer->size);
    return FALSE;
}

static gboolean write_scratch(const UnpackLayer *layer, const guint8 *bytes, gsize length,
                              GError **error)
{
    while (length > 0) {
        gssize n = TEMP_FAILURE_RETRY(write(layer->scratch_fd, bytes, length));
        if (n < 0)
            return error_set_storage(error, errno, _("cannot write the archive %s aside"),
                                     layer->decision.member);
        bytes += n;
        length -= (gsize)n;
    }
    return TRUE;
}

static gboolean entry_keep(UnpackLayer *layer, const guint8 *bytes, gsize length, GError **error)
{
    digest_stream_update(layer->digests, bytes, length);
    return layer->fate != TO_FILE || member_file_write(layer->file, bytes, length, error);
}

/* Once its head tells which image it is, the file is made. */
static gboolean entry_find_image(UnpackLayer *layer, const guint8 *bytes, gsize length,
                                 gboolean is_whole, GError **error)
{
    const guint8 *head = NULL;
    gsize head_length = 0;
    char *path = NULL;
    SeriesHead found = unpack_series_head(layer->series, layer->decision.member, bytes, length,
                                          is_whole, &path, &head, &head_length, error);
    if (found != SERIES_HEAD_KNOWN)
        return found == SERIES_HEAD_WAITS;
    g_free(layer->decision.path);
    layer->decision.path = path;
    return entry_choose(layer, error) && entry_open_output(layer, error) &&
           entry_keep(layer, head, head_length, error);
}

/* Where the bytes go that are counted. IS_WHOLE: no more will come. */
static gboolean entry_store(UnpackLayer *layer, const guint8 *bytes, gsize length,
                            gboolean is_whole, GError **error)
{
    switch (layer->fate) {
    case TO_SCRATCH:
        return write_scratch(layer, bytes, length, error);
    case TO_HEAD:
        return entry_find_image(layer, bytes, length, is_whole, error);
    case TO_SERIES:
        return layer->part != SERIES_PART_LIST ||
               unpack_series_read_list(layer->series, bytes, length, error);
    case TO_NOTHING:
    case TO_FILE:
        break;
    }
    return entry_keep(layer, bytes, length, error);
}

static gboolean entry_add(UnpackLayer *layer, const guint8 *bytes, gsize length, GError **error)
{
    layer->received += length;
    if (layer->size != G_MAXUINT64 && layer->received > layer->size)
        return wrong_size(layer, error);
    const guint64 output = atomic_fetch_add(&layer->store->output, length) + length;
    if (!unpack_store_check_output(layer->store, layer->decision.member, output, FALSE, error))
        return FALSE;
    g_autoptr(GError) failed = NULL;
    return entry_store(layer, bytes, length, FALSE, &failed) ||
           entry_put_off(layer, g_steal_pointer(&failed), error);
}

static gboolean take_data(UnpackLayer *layer, const guint8 *bytes, gsize length, GError **error)
{
    if (!layer->is_open)
        return nonsense(error);
    if (layer->problem)
        return TRUE;
    if (layer->decision.kind == MEMBER_FOLDER || layer->decision.kind == MEMBER_SKIP ||
        layer->decision.kind == MEMBER_LINK)
        return nonsense(error);
    /* A hard link that brings its bytes along is a file. */
    layer->decision.kind = MEMBER_STORE;
    return entry_add(layer, bytes, length, error);
}

/* The member's name where the path does not tell it. */
static char *name_in_archive(const UnpackLayer *layer)
{
    const char *member = layer->decision.member, *path = layer->decision.path;
    if (layer->prefix)
        return g_strconcat(layer->prefix, member, NULL);
    const char *slash = strrchr(layer->archive, '/');
    const gsize folder = slash ? (gsize)(slash - layer->archive) + 1 : 0;
    return g_str_equal(path + MIN(folder, strlen(path)), member) ? NULL : g_strdup(member);
}

static void fill_member(const UnpackLayer *layer, LockFile *member)
{
    *member = (LockFile){.path = g_strdup(layer->decision.path),
                         .size = layer->received,
                         .archive = g_strdup(layer->store->spec->name),
                         .member = name_in_archive(layer),
                         .state = layer->chosen ? LOCK_STATE_HAVE : LOCK_STATE_SKIPPED};
    if (layer->decision.kind == MEMBER_LINK)
        member->link_target = g_strdup(layer->decision.target);
}

static gboolean report_member(UnpackStore *store, const LockFile *member, gboolean chosen,
                              GError **error)
{
    const UnpackTaker *taker = &store->spec->taker;
    return !taker->member || taker->member(member, chosen, taker->data, error);
}

/* An image's number in the zip is another one each time that the source is asked: it says nothing
 * in the lock. */
static gboolean take_image(UnpackLayer *layer, SeriesPart part, LockFile *member, GError **error)
{
    if (part != SERIES_PART_IMAGE)
        return TRUE;
    gboolean taken = unpack_series_take_image(layer->series, member->member, &member->digests,
                                              member->size, error);
    g_clear_pointer(&member->member, g_free);
    return taken;
}

static gboolean same_bytes(const LockFile *a, const LockFile *b)
{
    const Digest *one = digest_set_get(&a->digests, DIGEST_SHA256);
    const Digest *other = digest_set_get(&b->digests, DIGEST_SHA256);
    return a->size == b->size && g_strcmp0(a->link_target, b->link_target) == 0 &&
           (one && other ? digest_equal(one, other) : one == other);
}

static gboolean refuse_twin(const UnpackLayer *layer, GError **error)
{
    g_autofree char *shown = relpath_display(layer->decision.path);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("The member \"%s\" is refused as unsafe: the archive has two of that name with "
                  "other bytes."),
                shown);
    return FALSE;
}

/* Files, links and pending members end here. */
static gboolean settle_member(UnpackLayer *layer, LockFile *member, gboolean made, GError **error)
{
    UnpackStore *store = layer->store;
    if (layer->twin && !same_bytes(member, &layer->met) && !layer->provisional)
        return refuse_twin(layer, error);
    if (!layer->twin && !member_log_add_file(store->log, member, error))
        return FALSE;
    if (!layer->provisional)
        return take_image(layer, layer->part, member, error) &&
               (layer->twin || report_member(store, member, layer->chosen, error));
    PendingMember pending = {
        .file = *member, .chosen = layer->chosen, .made = made, .part = (int)layer->part};
    if (layer->twin) {
        g_autoptr(GError) twin = NULL;
        if (!same_bytes(member, &layer->met))
            refuse_twin(layer, &twin);
        pending.problem = g_strdup(twin ? twin->message : "");
        pending.code = MEDMIRROR_ERROR_UNSAFE;
    }
    gboolean added = member_log_add_pending(store->log, &pending, error);
    g_free(pending.problem);
    layer->pending_added++;
    return added;
}

/* A provisional entry that makes nothing keeps its number all the same. */
static gboolean settle_nothing(UnpackLayer *layer, GError **error)
{
    if (!layer->provisional)
        return TRUE;
    PendingMember pending = {.folder = layer->problem == NULL, .part = (int)layer->part};
    pending.file.path = g_strdup(layer->decision.path ? layer->decision.path : "");
    if (layer->problem) {
        pending.problem = g_strdup(layer->problem->message);
        pending.code = layer->problem->code;
    }
    gboolean added = member_log_add_pending(layer->store->log, &pending, error);
    pending_member_clear(&pending);
    layer->pending_added++;
    return added;
}

static gboolean finish_file(UnpackLayer *layer, GError **error)
{
    g_auto(LockFile) member = {0};
    gboolean made = FALSE;
    g_autoptr(GError) failed = NULL;
    if (layer->file && !member_file_finish(layer->file, &made, &failed)) {
        if (!layer->provisional || !is_of_the_archive(failed)) {
            g_propagate_error(error, g_steal_pointer(&failed));
            return FALSE;
        }
        layer->problem = g_steal_pointer(&failed);
        return settle_nothing(layer, error);
    }
    fill_member(layer, &member);
    digest_stream_finish(layer->digests, &member.digests);
    return settle_member(layer, &member, made, error);
}

static gboolean finish_link(UnpackLayer *layer, GError **error)
{
    const UnpackSpec *spec = layer->store->spec;
    g_auto(LockFile) member = {0};
    gboolean made = FALSE;
    if (!layer->twin && layer->chosen && spec->tree &&
        !member_link_make(spec->tree, spec->tree_fd, layer->decision.path, layer->decision.target,
                          spec->taker.stands, spec->taker.data, &made, error))
        return FALSE;
    fill_member(layer, &member);
    return settle_member(layer, &member, made, error);
}

static gboolean refuse_hardlink(const UnpackLayer *layer, int code, const char *why, GError **error)
{
    g_autofree char *shown = relpath_display(layer->decision.path);
    g_autofree char *target = relpath_display(layer->decision.target);
    /* TRANSLATORS: two names of members, and a clause. */
    g_set_error(error, MEDMIRROR_ERROR, code, _("The member \"%s\" is a hard link to \"%s\", %s."),
                shown, target, why);
    return FALSE;
}

/* The bytes of the member that the hard link names, as if they had come again. */
static gboolean copy_linked(UnpackLayer *layer, GError **error)
{
    const UnpackSpec *spec = layer->store->spec;
    int from = tree_open_file(spec->tree_fd, layer->decision.target, NULL, NULL);
    if (from < 0)
        return refuse_hardlink(layer, MEDMIRROR_ERROR_FAILED,
                               _("which is left out by the selection; include both"), error);
    g_autofree guint8 *piece = g_malloc(COPY_BYTES);
    gboolean copied = TRUE;
    gssize n = 0;
    layer->size = G_MAXUINT64;
    while (copied && (n = TEMP_FAILURE_RETRY(read(from, piece, COPY_BYTES))) > 0)
        copied = entry_add(layer, piece, (gsize)n, error);
    if (n < 0)
        copied = error_set_storage(error, errno, _("cannot read %s"), layer->decision.target);
    close(from);
    return copied;
}

static gboolean finish_hardlink(UnpackLayer *layer, GError **error)
{
    g_auto(LockFile) target = {0};
    g_autoptr(GError) failed = NULL;
    if (member_log_look_up(layer->store->log, layer->decision.target, &target, &failed) !=
        MEMBER_SAME_NAME)
        return refuse_hardlink(layer, MEDMIRROR_ERROR_UNSAFE,
                               _("which is no file that came before it in the archive"), error);
    if (target.link_target)
        return refuse_hardlink(layer, MEDMIRROR_ERROR_UNSAFE, _("which is a symbolic link"), error);
    if (layer->fate == TO_FILE)
        return copy_linked(layer, error) && finish_file(layer, error);
    g_auto(LockFile) member = {0};
    layer->received = target.size;
    fill_member(layer, &member);
    member.digests = target.digests;
    return settle_member(layer, &member, FALSE, error);
}

static gboolean finish_nested(UnpackLayer *layer, GError **error)
{
    UnpackStore *store = layer->store;
    if (layer->depth + 1 >= store->limits.most_depth) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                            _("The archive is refused as unsafe: archives lie within archives too "
                              "many times."));
        return FALSE;
    }
    return store->nested(store, layer, layer->nested_rule, layer->decision.path, layer->scratch_fd,
                         store->nested_data, error);
}

/* An image whose head was not known before its end, and what is no file of the tree. */
static gboolean finish_part(UnpackLayer *layer, GError **error)
{
    g_autoptr(GError) failed = NULL;
    gboolean right = TRUE;
    if (layer->fate == TO_HEAD)
        right = entry_store(layer, NULL, 0, TRUE, &failed);
    else if (layer->part == SERIES_PART_LIST)
        right = unpack_series_end_list(layer->series, &failed);
    if (!right && !entry_put_off(layer, g_steal_pointer(&failed), error))
        return FALSE;
    if (layer->fate != TO_SERIES && !layer->problem)
        return finish_file(layer, error);
    if (layer->part == SERIES_PART_LIST && !layer->provisional)
        unpack_series_take_list(layer->series);
    return settle_nothing(layer, error);
}

static gboolean take_end(UnpackLayer *layer, guint64 told, GError **error)
{
    if (!layer->is_open)
        return nonsense(error);
    layer->is_open = FALSE;
    if (layer->problem)
        return settle_nothing(layer, error);
    if (told != layer->received)
        return nonsense(error);
    switch (layer->decision.kind) {
    case MEMBER_STORE:
        if (layer->size != G_MAXUINT64 && layer->size != layer->received)
            return wrong_size(layer, error);
        if (layer->fate == TO_HEAD || layer->fate == TO_SERIES)
            return finish_part(layer, error);
        return layer->fate == TO_SCRATCH ? finish_nested(layer, error) : finish_file(layer, error);
    case MEMBER_LINK:
        return finish_link(layer, error);
    case MEMBER_SAME:
        return finish_hardlink(layer, error);
    case MEMBER_FOLDER:
    case MEMBER_SKIP:
        break;
    }
    return settle_nothing(layer, error);
}

/* The archive's directory has spoken on the provisional member that comes next. */
static UnpackTaken take_settling(UnpackLayer *layer, guint64 number, gboolean confirmed,
                                 GError **error)
{
    UnpackStore *store = layer->store;
    g_auto(PendingMember) pending = {0};
    if (layer->is_open || number != layer->pending_settled ||
        layer->pending_settled >= layer->pending_added) {
        nonsense(error);
        return UNPACK_FAILED;
    }
    if (member_log_take_pending(store->log, &pending, error) != 1)
        return UNPACK_FAILED;
    layer->pending_settled++;
    if (!confirmed) {
        layer->dropped++;
        return remove_pending(layer, &pending, error) &&
                       (pending.part != SERIES_PART_LIST ||
                        unpack_series_drop_list(layer->series, error))
                   ? UNPACK_TAKEN
                   : UNPACK_FAILED;
    }
    if (pending.folder) {
        if (pending.part == SERIES_PART_LIST)
            unpack_series_take_list(layer->series);
        return UNPACK_TAKEN;
    }
    if (pending.problem) {
        /* It may have been about a member that is not there after all. */
        if (layer->dropped > 0)
            return UNPACK_RESTART;
        if (*pending.problem == '\0')
            return take_image(layer, (SeriesPart)pending.part, &pending.file, error)
                       ? UNPACK_TAKEN
                       : UNPACK_FAILED;
        g_set_error_literal(error, MEDMIRROR_ERROR, pending.code, pending.problem);
        return UNPACK_FAILED;
    }
    if (!take_image(layer, (SeriesPart)pending.part, &pending.file, error))
        return UNPACK_FAILED;
    pending.file.archive = g_strdup(store->spec->name);
    pending.file.state = pending.chosen ? LOCK_STATE_HAVE : LOCK_STATE_SKIPPED;
    return report_member(store, &pending.file, pending.chosen, error) ? UNPACK_TAKEN
                                                                      : UNPACK_FAILED;
}

static UnpackTaken take_done(UnpackLayer *layer, GError **error)
{
    UnpackStore *store = layer->store;
    if (layer->is_open || layer->pending_settled != layer->pending_added) {
        nonsense(error);
        return UNPACK_FAILED;
    }
    if (layer->series) {
        store->has_series =
            unpack_series_finish(layer->series, &store->series_came, &store->series_digest, error);
        return store->has_series ? UNPACK_DONE : UNPACK_FAILED;
    }
    return UNPACK_DONE;
}

UnpackTaken unpack_layer_take(UnpackLayer *layer, const UnpackMessage *message, GError **error)
{
    gboolean taken = FALSE;
    switch (message->kind) {
    case UNPACK_MESSAGE_ENTRY:
        taken = take_entry(layer, message, error);
        break;
    case UNPACK_MESSAGE_DATA:
        taken = take_data(layer, message->bytes, message->length, error);
        break;
    case UNPACK_MESSAGE_END:
        taken = take_end(layer, message->number, error);
        break;
    case UNPACK_MESSAGE_CONFIRM:
        return take_settling(layer, message->number, TRUE, error);
    case UNPACK_MESSAGE_DROP:
        return take_settling(layer, message->number, FALSE, error);
    case UNPACK_MESSAGE_PROGRESS:
        taken = TRUE;
        break;
    case UNPACK_MESSAGE_WARNING:
        unpack_store_warn(layer->store, layer->archive, message->warning, message->number);
        taken = TRUE;
        break;
    case UNPACK_MESSAGE_FAILURE:
        g_set_error_literal(error, MEDMIRROR_ERROR, message->code, message->text);
        break;
    case UNPACK_MESSAGE_DONE:
        return take_done(layer, error);
    }
    return taken ? UNPACK_TAKEN : UNPACK_FAILED;
}
