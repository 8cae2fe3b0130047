#include "version_choice.h"

#include "error.h"
#include "i18n.h"

#include <string.h>

gboolean version_is_meant(const Reference *reference, const LockHeader *header)
{
    const char *version = reference->version;
    return !version || g_strcmp0(header->version, version) == 0 ||
           (g_str_has_prefix(version, "mm1:") && strlen(version) >= 16 && header->fingerprint &&
            g_str_has_prefix(header->fingerprint, version));
}

void version_set_no_fingerprint(const Reference *reference, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("No version of %s that is here has a fingerprint that begins with %s (12 digits "
                  "or more are needed). See those that are here with: medmirror list %s"),
                reference->ref, reference->version, reference->ref);
}

void version_set_absent(const Reference *reference, const char *mirror, GError **error)
{
    if (reference->version && g_str_has_prefix(reference->version, "mm1:")) {
        version_set_no_fingerprint(reference, error);
        return;
    }
    g_autofree char *name = reference->version
                                ? g_strdup_printf("%s@%s", reference->ref, reference->version)
                                : g_strdup(reference->ref);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("%s is not in the mirror %s. Bring it with: medmirror pull %s"), name, mirror,
                name);
}

char *version_label(const LockHeader *header)
{
    gboolean is_whole_name =
        strstr(header->ref, "://") || header->ref[0] == '/' || header->ref[0] == '.';
    return g_strdup_printf("%s@%s", is_whole_name ? header->folder : header->ref, header->version);
}

static void set_which(const Reference *reference, const GPtrArray *versions, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < versions->len; i++) {
        const LockHeader *header = g_ptr_array_index(versions, i);
        g_string_append_printf(list, "%s%s", i ? ", " : "", header->version);
    }
    g_autofree char *newest = version_label(g_ptr_array_index(versions, 0));
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%u versions of %s are here: %s. Name one, as in %s, or the newest: %.*s@latest"),
                versions->len, reference->ref, list->str, newest,
                (int)(strrchr(newest, '@') - newest), newest);
}

LockHeader *version_choose(Mirror *mirror, const Reference *reference, GError **error)
{
    g_autoptr(GPtrArray) versions = mirror_versions(mirror, reference->folder, error);
    if (!versions) {
        return NULL;
    }
    for (guint i = 0; reference->version && i < versions->len; i++) {
        if (version_is_meant(reference, g_ptr_array_index(versions, i))) {
            return lock_header_copy(g_ptr_array_index(versions, i));
        }
    }
    if (versions->len == 0 || reference->version) {
        version_set_absent(reference, mirror_path(mirror), error);
        return NULL;
    }
    if (versions->len > 1 && !reference->latest) {
        set_which(reference, versions, error);
        return NULL;
    }
    return lock_header_copy(g_ptr_array_index(versions, 0));
}
