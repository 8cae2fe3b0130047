/* The parent takes the decoding child's frames as a stranger's word. */
#include "error.h"
#include "fuzz_input.h"
#include "unpack_store.h"

#include <fcntl.h>

static gboolean refuse_nested(UnpackStore *store, UnpackLayer *within, const UnpackRule *rule,
                              const char *archive, int fd, gpointer data, GError **error)
{
    g_assert_cmpint(fd, >=, 0);
    return TRUE;
}

static gboolean take_member(const LockFile *member, gboolean chosen, gpointer data, GError **error)
{
    guint *members = data;
    g_assert_nonnull(member->path);
    g_assert_true(member->link_target || digest_set_get(&member->digests, DIGEST_SHA256));
    (*members)++;
    return TRUE;
}

static void check_message(const UnpackMessage *message)
{
    g_assert_cmpuint(message->name_length, <=, UNPACK_NAME_MAX);
    g_assert_cmpuint(message->target_length, <=, UNPACK_NAME_MAX);
    g_assert_cmpuint(message->length, <=, UNPACK_DATA_MAX);
    if (message->kind == UNPACK_MESSAGE_FAILURE) {
        g_assert_true(g_utf8_validate(message->text, -1, NULL));
        g_assert_cmpuint(strlen(message->text), <=, UNPACK_TEXT_MAX);
    }
}

static UnpackTaken pump(int fd, UnpackLayer *layer, GError **error)
{
    g_autoptr(UnpackReader) reader = unpack_reader_new(fd);
    UnpackTaken taken = UNPACK_TAKEN;
    while (taken == UNPACK_TAKEN) {
        UnpackMessage message;
        const UnpackRead got = unpack_reader_next(reader, -1, 1000, &message, error);
        if (got != UNPACK_READ_MESSAGE) {
            g_assert_cmpint(got, !=, UNPACK_READ_WOKEN);
            return got == UNPACK_READ_ERROR ? UNPACK_FAILED : UNPACK_DONE;
        }
        check_message(&message);
        taken = unpack_layer_take(layer, &message, error);
    }
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    UnpackRule *nested = unpack_rule_new(ARCHIVE_TAR, FILTER_NONE);
    nested->member = g_strdup("*.tar");
    rule->nested = g_ptr_array_new_with_free_func((GDestroyNotify)unpack_rule_free);
    g_ptr_array_add(rule->nested, nested);
    const int fd = fuzz_file(data, size);
    guint members = 0;
    const UnpackSpec spec = {.rule = rule,
                             .name = "sub/x.zip",
                             .fd = fd,
                             .tree_fd = -1,
                             .limits = {.most_bytes = 1 << 20, .most_entries = 100},
                             .taker = {.member = take_member, .data = &members}};
    g_autoptr(GError) error = NULL;
    g_autoptr(UnpackStore) store = unpack_store_new(&spec, refuse_nested, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(UnpackLayer) layer = unpack_layer_new(store, NULL, rule, spec.name);
    if (pump(fd, layer, &error) == UNPACK_FAILED)
        fuzz_assert_told(error);
    g_assert_cmpuint(members, <=, 100);
    close(fd);
    return 0;
}
