/* A manifest is read whole and right, or refused with words. */
#include "error.h"
#include "fuzz_input.h"
#include "manifest.h"
#include "relpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = manifest_parse((const char *)data, size, "x.json", &error);
    if (!manifest) {
        fuzz_assert_told(error);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        return 0;
    }
    g_assert_no_error(error);
    g_assert_nonnull(manifest->id);
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        g_assert_true(relpath_check(file->path, NULL));
        g_assert_nonnull(manifest_find_file(manifest, file->path, file->member_of));
    }
    return 0;
}
