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

void version_set_damaged(const DamagedLock *damaged, Catalogue *catalogue, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(damaged->folder, catalogue, NULL);
    g_autofree char *next =
        reference ? g_strdup_printf("%s@%s", reference->ref, damaged->name) : g_strdup("REF");
    g_set_error(error, MEDMIRROR_ERROR, (gint)damaged->problem->code,
                _("%s/%s cannot be read: %s Its files are as they were. Move the lock file away, "
                  "then bring the version again, which takes what is right of them: medmirror pull "
                  "%s"),
                damaged->folder, damaged->name, damaged->problem->message, next);
}

gboolean version_check_tree(const Mirror *mirror, const LockHeader *header, GError **error)
{
    if (mirror_has_tree(mirror, header)) {
        return TRUE;
    }
    g_autofree char *label = version_label(header);
    g_autofree char *path = mirror_version_path(mirror, header->folder, header->version);
    if (header->in_place) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s is in place at %s, and no folder is there any more. When it is gone for "
                      "good, forget it with: medmirror remove %s"),
                    label, header->in_place, label);
    } else {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The folder of %s, %s, is not there any more: somebody removed or moved it. "
                      "Bring it again with: medmirror pull %s, or forget it with: medmirror remove "
                      "%s"),
                    label, path, label, label);
    }
    return FALSE;
}

void version_add_next(GError *error, const char *label, const char *command)
{
    if (!error || strstr(error->message, "medmirror ")) {
        return;
    }
    int status = error_exit_status(error);
    g_autofree char *before = error->message;
    error->message =
        status == 3 && label && strstr(before, ".lock.jsonl")
            ? g_strdup_printf(_("%s Its files are as they were. Move the lock file away, then "
                                "bring the version again, which takes what is right of them: "
                                "medmirror pull %s"),
                              before, label)
        : status == 6 || status == 9
            ? g_strdup_printf(_("%s When that is put right, type: %s"), before, command)
            : g_strdup_printf(_("%s What is here is proven by: medmirror verify%s%s"), before,
                              label ? " " : "", label ? label : "");
}

/* A version that is not found may be one that cannot be read. */
static gboolean is_damaged(Mirror *mirror, const Reference *reference, GError **error)
{
    g_autoptr(GPtrArray) all = mirror_damaged_locks(mirror, reference->folder);
    g_autofree char *name = reference->version ? mirror_version_name(reference->version) : NULL;
    for (guint i = 0; i < all->len; i++) {
        const DamagedLock *damaged = g_ptr_array_index(all, i);
        if (!name || strcmp(damaged->name, name) == 0) {
            version_set_damaged(damaged, reference->catalogue, error);
            return TRUE;
        }
    }
    return FALSE;
}

void version_set_missing(Mirror *mirror, const Reference *reference, GError **error)
{
    if (!is_damaged(mirror, reference, error)) {
        version_set_absent(reference, mirror_path(mirror), error);
    }
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
        version_set_missing(mirror, reference, error);
        return NULL;
    }
    if (versions->len > 1 && !reference->latest) {
        set_which(reference, versions, error);
        return NULL;
    }
    return lock_header_copy(g_ptr_array_index(versions, 0));
}
