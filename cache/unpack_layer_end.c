#include "unpack_layer_private.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES (128 * 1024)

gboolean layer_remove_pending(UnpackLayer *layer, const PendingMember *pending, GError **error)
{
    UnpackStore *store = layer->store;
    if (pending->folder || pending->problem)
        return TRUE;
    atomic_fetch_sub(&store->output, pending->file.size);
    return (!pending->made || tree_remove_file(store->spec->tree_fd, pending->file.path, error)) &&
           member_log_forget_file(store->log, pending->file.path, error);
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
    if (layer->file && !member_file_finish(layer->file, &made, &failed))
        return layer_put_off(layer, g_steal_pointer(&failed), error) &&
               settle_nothing(layer, error);
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
        copied = layer_add_bytes(layer, piece, (gsize)n, error);
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
        right = layer_store_bytes(layer, NULL, 0, TRUE, &failed);
    else if (layer->part == SERIES_PART_LIST)
        right = unpack_series_end_list(layer->series, &failed);
    if (!right && !layer_put_off(layer, g_steal_pointer(&failed), error))
        return FALSE;
    if (layer->fate != TO_SERIES && !layer->problem)
        return finish_file(layer, error);
    if (layer->part == SERIES_PART_LIST && !layer->provisional)
        unpack_series_take_list(layer->series);
    return settle_nothing(layer, error);
}

gboolean layer_take_end(UnpackLayer *layer, guint64 told, GError **error)
{
    if (!layer->is_open)
        return layer_nonsense(error);
    layer->is_open = FALSE;
    if (layer->problem)
        return settle_nothing(layer, error);
    if (told != layer->received)
        return layer_nonsense(error);
    switch (layer->decision.kind) {
    case MEMBER_STORE:
        if (layer->size != G_MAXUINT64 && layer->size != layer->received)
            return layer_wrong_size(layer, error);
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

UnpackTaken layer_take_settling(UnpackLayer *layer, guint64 number, gboolean confirmed,
                                GError **error)
{
    UnpackStore *store = layer->store;
    g_auto(PendingMember) pending = {0};
    if (layer->is_open || number != layer->pending_settled ||
        layer->pending_settled >= layer->pending_added) {
        layer_nonsense(error);
        return UNPACK_FAILED;
    }
    if (member_log_take_pending(store->log, &pending, error) != 1)
        return UNPACK_FAILED;
    layer->pending_settled++;
    if (!confirmed) {
        layer->dropped++;
        return layer_remove_pending(layer, &pending, error) &&
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

UnpackTaken layer_take_done(UnpackLayer *layer, GError **error)
{
    UnpackStore *store = layer->store;
    if (layer->is_open || layer->pending_settled != layer->pending_added) {
        layer_nonsense(error);
        return UNPACK_FAILED;
    }
    if (layer->series) {
        store->has_series =
            unpack_series_finish(layer->series, &store->series_came, &store->series_digest, error);
        return store->has_series ? UNPACK_DONE : UNPACK_FAILED;
    }
    return UNPACK_DONE;
}
