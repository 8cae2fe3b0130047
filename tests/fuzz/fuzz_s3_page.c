/* One page of a bucket's listing, or an error in its place. */
#include "error.h"
#include "fuzz_input.h"
#include "s3_listing.h"
#include "verdict.h"

static gboolean check_object(const S3Object *object, gpointer data, GError **error)
{
    guint *objects = data;
    g_assert_nonnull(object->key);
    g_assert_true(g_utf8_validate(object->key, -1, NULL));
    g_assert_true(object->size == SIZE_UNKNOWN || object->size <= G_MAXINT64);
    if (++*objects < 1000)
        return TRUE;
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED, "enough");
    return FALSE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int fd = fuzz_file(data, size);
    guint objects = 0;
    g_auto(S3Page) page = {0};
    g_autoptr(GError) error = NULL;
    if (!s3_page_read(fd, &page, check_object, &objects, &error))
        fuzz_assert_told(error);
    else
        g_assert_true(!page.token || page.is_listing);
    close(fd);
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *key = g_utf8_make_valid(text, -1);
    g_autofree char *address = s3_object_address("https://s3.amazonaws.com", "bucket", key);
    g_assert_true(g_str_is_ascii(address));
    return 0;
}
