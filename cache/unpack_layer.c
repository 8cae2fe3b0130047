#include "unpack_layer_private.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

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

void unpack_layer_free(UnpackLayer *layer)
{
    if (!layer)
        return;
    entry_close(layer);
    while (layer->pending_settled < layer->pending_added) {
        g_auto(PendingMember) pending = {0};
        if (member_log_take_pending(layer->store->log, &pending, NULL) != 1)
            break;
        (void)layer_remove_pending(layer, &pending, NULL);
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

gboolean layer_nonsense(GError **error)
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

gboolean layer_put_off(UnpackLayer *layer, GError *failed, GError **error)
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
        return layer_nonsense(error);
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
    return layer_put_off(layer, g_steal_pointer(&failed), error);
}

gboolean layer_wrong_size(const UnpackLayer *layer, GError **error)
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

gboolean layer_store_bytes(UnpackLayer *layer, const guint8 *bytes, gsize length, gboolean is_whole,
                           GError **error)
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

gboolean layer_add_bytes(UnpackLayer *layer, const guint8 *bytes, gsize length, GError **error)
{
    layer->received += length;
    if (layer->size != G_MAXUINT64 && layer->received > layer->size)
        return layer_wrong_size(layer, error);
    const guint64 output = atomic_fetch_add(&layer->store->output, length) + length;
    if (!unpack_store_check_output(layer->store, layer->decision.member, output, FALSE, error))
        return FALSE;
    g_autoptr(GError) failed = NULL;
    return layer_store_bytes(layer, bytes, length, FALSE, &failed) ||
           layer_put_off(layer, g_steal_pointer(&failed), error);
}

static gboolean take_data(UnpackLayer *layer, const guint8 *bytes, gsize length, GError **error)
{
    if (!layer->is_open)
        return layer_nonsense(error);
    if (layer->problem)
        return TRUE;
    if (layer->decision.kind == MEMBER_FOLDER || layer->decision.kind == MEMBER_SKIP ||
        layer->decision.kind == MEMBER_LINK)
        return layer_nonsense(error);
    /* A hard link that brings its bytes along is a file. */
    layer->decision.kind = MEMBER_STORE;
    return layer_add_bytes(layer, bytes, length, error);
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
        taken = layer_take_end(layer, message->number, error);
        break;
    case UNPACK_MESSAGE_CONFIRM:
        return layer_take_settling(layer, message->number, TRUE, error);
    case UNPACK_MESSAGE_DROP:
        return layer_take_settling(layer, message->number, FALSE, error);
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
        return layer_take_done(layer, error);
    }
    return taken ? UNPACK_TAKEN : UNPACK_FAILED;
}
