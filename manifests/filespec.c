#include "filespec.h"

#include <string.h>

static const char *const role_names[] = {
    [FILE_ROLE_DATA] = "data",
    [FILE_ROLE_ARCHIVE] = "archive",
    [FILE_ROLE_CHECKSUMS] = "checksums",
    [FILE_ROLE_LICENCE] = "licence",
};

const char *file_role_name(FileRole role)
{
    return role_names[role];
}

gboolean file_role_parse(const char *name, FileRole *role)
{
    for (gsize i = 0; i < G_N_ELEMENTS(role_names); i++) {
        if (g_strcmp0(name, role_names[i]) == 0) {
            *role = (FileRole)i;
            return TRUE;
        }
    }
    return FALSE;
}

FileSpec *file_spec_new(const char *path)
{
    FileSpec *spec = g_new0(FileSpec, 1);
    spec->path = g_strdup(path);
    spec->size = SIZE_UNKNOWN;
    spec->addresses = g_ptr_array_new_with_free_func(g_free);
    return spec;
}

void file_spec_add_address(FileSpec *spec, const char *address)
{
    g_ptr_array_add(spec->addresses, g_strdup(address));
}

void file_spec_free(FileSpec *spec)
{
    if (!spec)
        return;
    g_free(spec->path);
    g_clear_pointer(&spec->addresses, g_ptr_array_unref);
    unpack_rule_free(spec->unpack);
    validators_free(spec->validators);
    g_free(spec->modified);
    g_free(spec->part);
    json_decref(spec->facts);
    g_free(spec);
}
