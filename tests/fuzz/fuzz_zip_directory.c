/* A zip's directory: what it says lies within the file. */
#include "error.h"
#include "fuzz_input.h"
#include "zip_directory.h"

typedef struct {
    const uint8_t *data;
    size_t size;
    ZipEnd end;
    guint64 entries;
} Zip;

static gboolean read_at(guint64 offset, void *buffer, gsize length, gpointer data, GError **error)
{
    const Zip *zip = data;
    g_assert_cmpuint(length, <=, zip->size);
    g_assert_cmpuint(offset, <=, zip->size - length);
    memcpy(buffer, zip->data + offset, length);
    return TRUE;
}

static gboolean check_entry(const ZipEntry *entry, gpointer data, GError **error)
{
    Zip *zip = data;
    unsigned sum = 0;
    for (gsize i = 0; i < entry->name_length; i++)
        sum += entry->name[i];
    for (gsize i = 0; i < entry->local_name_length; i++)
        sum += entry->local_name[i];
    g_assert_cmpuint(sum, <=, 255 * 2 * 65535U);
    g_assert_cmpuint(entry->header_offset, <, zip->end.directory_offset);
    g_assert_cmpuint(entry->row_offset, >=, zip->end.directory_offset);
    g_assert_cmpuint(entry->row_offset + entry->row_length, <=, zip->end.directory_end);
    zip->entries++;
    return TRUE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Zip zip = {.data = data, .size = size};
    g_autoptr(GError) error = NULL;
    if (!zip_find_end(read_at, &zip, size, &zip.end, &error)) {
        fuzz_assert_told(error);
        return 0;
    }
    g_assert_cmpuint(zip.end.directory_offset, <=, size);
    g_assert_cmpuint(zip.end.directory_size, <=, size - zip.end.directory_offset);
    g_assert_cmpuint(zip.end.prefix, <=, zip.end.directory_offset);
    g_assert_cmpuint(zip.end.behind, <, size);
    if (!zip_each_entry(read_at, &zip, &zip.end, check_entry, &zip, &error))
        fuzz_assert_told(error);
    else
        g_assert_cmpuint(zip.entries, ==, zip.end.entries);
    return 0;
}
