#include "unpack_store_private.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <sys/stat.h>

enum {
    MOST_ENTRIES = 5000000,
    MOST_RATIO = 1100,
    MOST_DEPTH = 32,
    MOST_WARNINGS = 50,
};
#define RATIO_FROM (G_GUINT64_CONSTANT(1) << 30)

static guint64 archive_size(const UnpackSpec *spec)
{
    guint64 size = 0;
    struct stat seen;
    if (fstat(spec->fd, &seen) == 0)
        size += (guint64)seen.st_size;
    for (const int *fd = spec->volume_fds; fd && *fd >= 0; fd++) {
        if (fstat(*fd, &seen) == 0)
            size += (guint64)seen.st_size;
    }
    return size;
}

UnpackStore *unpack_store_new(const UnpackSpec *spec, UnpackNested nested, gpointer data,
                              GError **error)
{
    g_autoptr(UnpackStore) store = g_new0(UnpackStore, 1);
    store->spec = spec;
    store->limits = spec->limits;
    if (!store->limits.most_bytes)
        store->limits.most_bytes = SIZE_UNKNOWN;
    if (!store->limits.most_entries)
        store->limits.most_entries = MOST_ENTRIES;
    if (!store->limits.ratio)
        store->limits.ratio = MOST_RATIO;
    if (!store->limits.ratio_from)
        store->limits.ratio_from = RATIO_FROM;
    if (!store->limits.most_depth)
        store->limits.most_depth = MOST_DEPTH;
    store->nested = nested;
    store->nested_data = data;
    store->warnings = g_ptr_array_new_with_free_func(g_free);
    store->whole_size = archive_size(spec);
    store->log = member_log_new(error);
    return store->log ? g_steal_pointer(&store) : NULL;
}

void unpack_store_free(UnpackStore *store)
{
    if (!store)
        return;
    member_log_free(store->log);
    g_ptr_array_unref(store->warnings);
    g_free(store);
}

const UnpackSpec *unpack_store_spec(const UnpackStore *store)
{
    return store->spec;
}

void unpack_store_progress(UnpackStore *store, guint64 *bytes, guint64 *entries)
{
    *bytes = atomic_load(&store->output);
    *entries = atomic_load(&store->entries);
}

gboolean unpack_store_series(const UnpackStore *store, SeriesCount *came, Digest *digest)
{
    if (store->has_series) {
        *came = store->series_came;
        *digest = store->series_digest;
    }
    return store->has_series;
}

const GPtrArray *unpack_store_warnings(const UnpackStore *store)
{
    return store->warnings;
}

static void refuse_bytes(guint64 most, const char *member, GError **error)
{
    g_autofree char *shown = relpath_display(member);
    g_autofree char *size = g_format_size(most);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("The archive is refused as unsafe: with its member \"%s\" it unpacks to more "
                  "than %s."),
                shown, size);
}

static void refuse_ratio(guint most, const char *member, GError **error)
{
    g_autofree char *shown = relpath_display(member);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("The archive is refused as unsafe: with its member \"%s\" it unpacks to more "
                  "than %u times its size."),
                shown, most);
}

gboolean unpack_store_check_output(const UnpackStore *store, const char *member, guint64 output,
                                   gboolean declared, GError **error)
{
    const UnpackLimits *limits = &store->limits;
    Frontier *frontier = store->spec->frontier;
    if (output > limits->most_bytes) {
        refuse_bytes(limits->most_bytes, member, error);
        return FALSE;
    }
    if (output <= limits->ratio_from ||
        (declared && frontier && frontier_state(frontier) != FRONTIER_COMPLETE))
        return TRUE;
    const guint64 input = frontier ? frontier_now(frontier) : store->whole_size;
    if (output / limits->ratio > input) {
        refuse_ratio(limits->ratio, member, error);
        return FALSE;
    }
    return TRUE;
}

void unpack_store_warn(UnpackStore *store, const char *archive, UnpackWarning warning,
                       guint64 number)
{
    GPtrArray *warnings = store->warnings;
    g_autofree char *shown = relpath_display(archive);
    if (warnings->len >= MOST_WARNINGS)
        return;
    switch (warning) {
    case UNPACK_WARNING_BEHIND:
        g_ptr_array_add(warnings,
                        g_strdup_printf(_("%" G_GUINT64_FORMAT " bytes lie behind the end of %s."),
                                        number, shown));
        break;
    case UNPACK_WARNING_BEFORE:
        g_ptr_array_add(warnings, g_strdup_printf(_("%" G_GUINT64_FORMAT
                                                    " bytes lie in front of the archive in %s."),
                                                  number, shown));
        break;
    case UNPACK_WARNING_NO_END:
        g_ptr_array_add(warnings,
                        g_strdup_printf(_("%s has no mark at its end, so that nobody can tell "
                                          "whether members are missing there."),
                                        shown));
        break;
    case UNPACK_WARNING_NO_CHECK:
        g_ptr_array_add(warnings, g_strdup_printf(_("The format of %s cannot show whether it is "
                                                    "damaged or cut."),
                                                  shown));
        break;
    case UNPACK_WARNING_DEAD_ENTRY:
        g_ptr_array_add(warnings, g_strdup_printf(_("%" G_GUINT64_FORMAT
                                                    " entries of %s are not in its directory and "
                                                    "are left out."),
                                                  number, shown));
        break;
    }
}
