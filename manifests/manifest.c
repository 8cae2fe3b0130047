#include "manifest.h"

#include "error.h"
#include "form_syntax.h"
#include "i18n.h"
#include "manifest_form.h"
#include "relpath.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST_MANIFEST ((gsize)1 << 20)

const char *access_name(Access access)
{
    return manifest_accesses[access];
}

const char *manifest_kind_name(ManifestKind kind)
{
    return manifest_kinds[kind];
}

const char *same_as_name(SameAs same)
{
    return manifest_sames[same];
}

const char *page_state_name(PageState state)
{
    return manifest_page_states[state];
}

void manifest_free(Manifest *manifest)
{
    if (!manifest)
        return;
    g_free(manifest->file);
    g_clear_pointer(&manifest->files_by_path, g_hash_table_unref);
    form_free(&manifest_form, manifest);
}

char *manifest_schema(void)
{
    return form_schema(&manifest_form);
}

static gboolean fail_too_large(const char *name, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s: this is larger than 1 MiB, which no manifest is."), name);
    return FALSE;
}

Manifest *manifest_parse(const char *json, gsize length, const char *name, GError **error)
{
    if (length > LARGEST_MANIFEST) {
        fail_too_large(name, error);
        return NULL;
    }
    Manifest *manifest = form_read(&manifest_form, json, length, name, error);
    if (manifest)
        manifest->file = g_strdup(name);
    return manifest;
}

static gboolean fail_open(const char *path, const char *name, int error_number, GError **error)
{
    if (error_number == ENOENT || error_number == ENOTDIR) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, _("There is no file %s."),
                    name);
        return FALSE;
    }
    return error_set_storage(error, error_number, _("cannot read %s"), name);
}

/* The whole file, which is small; NULL after a failure. */
static char *read_file(const char *path, const char *name, gsize *length, GError **error)
{
    struct stat status;
    const int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (fd < 0) {
        fail_open(path, name, errno, error);
        return NULL;
    }
    g_autofree char *text = g_malloc(LARGEST_MANIFEST + 1);
    gssize got = -1;
    *length = 0;
    if (fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s: this is not a regular file."), name);
    } else {
        while (*length <= LARGEST_MANIFEST) {
            got = TEMP_FAILURE_RETRY(read(fd, text + *length, LARGEST_MANIFEST + 1 - *length));
            if (got <= 0)
                break;
            *length += (gsize)got;
        }
        if (got < 0)
            fail_open(path, name, errno, error);
        else if (*length > LARGEST_MANIFEST)
            got = fail_too_large(name, error) - 1;
    }
    close(fd);
    return got < 0 ? NULL : g_steal_pointer(&text);
}

Manifest *manifest_load(const char *path, GError **error)
{
    g_autofree char *name = relpath_display(path);
    gsize length;
    g_autofree char *json = read_file(path, name, &length, error);
    if (!json)
        return NULL;
    Manifest *manifest = manifest_parse(json, length, name, error);
    if (manifest) {
        g_free(manifest->file);
        manifest->file = g_strdup(path);
    }
    return manifest;
}

const ManifestFile *manifest_find_file(const Manifest *manifest, const char *path,
                                       const char *member_of)
{
    const ManifestFile *file = g_hash_table_lookup(manifest->files_by_path, path);
    return file && g_strcmp0(file->member_of, member_of) == 0 ? file : NULL;
}

char *manifest_read_text(const char *path, gsize *length, GError **error)
{
    g_autofree char *name = relpath_display(path);
    return read_file(path, name, length, error);
}

char *manifest_canonical(const char *json, gsize length, const char *name, GError **error)
{
    g_autoptr(Manifest) manifest = manifest_parse(json, length, name, error);
    json_auto_t *tree = manifest ? form_parse(json, length, name, error) : NULL;
    return tree ? form_canonical(&manifest_form, tree) : NULL;
}
