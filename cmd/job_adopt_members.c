/* Files that somebody unpacked from an archive, and what the source says that the archive holds. */
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_adopt_internal.h"
#include "relpath.h"

typedef struct {
    Adopt *adopt;
    guint64 wrong;
    GString *named;   /* the first of them, a line each */
    GPtrArray *paths; /* char*: of those that are there, and wrong */
} Compared;

static void compared_clear(Compared *compared)
{
    g_string_free(compared->named, TRUE);
    g_ptr_array_unref(compared->paths);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Compared, compared_clear)

static gboolean on_head(gpointer data, const ListingHead *head, GError **error)
{
    return TRUE;
}

static gboolean on_file(gpointer data, const FileSpec *file, GError **error)
{
    return TRUE;
}

static void note_wrong(Compared *compared, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void note_wrong(Compared *compared, const char *format, ...)
{
    if (++compared->wrong > SURVEY_NAMED) {
        return;
    }
    va_list args;
    va_start(args, format);
    g_string_append(compared->named, "\n  ");
    g_string_append_vprintf(compared->named, format, args);
    va_end(args);
}

static gboolean on_member(gpointer data, const char *archive, const char *path, guint64 size,
                          GError **error)
{
    Compared *compared = data;
    Adopt *adopt = compared->adopt;
    struct stat now;
    if (!g_str_equal(archive, adopt->archive->file->path) ||
        !selection_takes_member(adopt->pull.selection, archive, path,
                                adopt->archive->file->facts)) {
        return !job_is_cancelled(adopt->job);
    }
    g_autofree char *name = local_files_name(&adopt->files, path);
    g_autofree char *shown = relpath_display(path);
    if (!name || local_files_stat(&adopt->files, name, &now) != LOCAL_THERE) {
        note_wrong(compared, _("%s is not there"), shown);
    } else if (size != SIZE_UNKNOWN && (guint64)now.st_size != size) {
        note_wrong(compared,
                   _("%s has %" G_GINT64_FORMAT " bytes, and its source lists %" G_GUINT64_FORMAT),
                   shown, (gint64)now.st_size, size);
        g_ptr_array_add(compared->paths, g_strdup(path));
    }
    return !job_is_cancelled(adopt->job);
}

static gboolean leave_out(const Compared *compared, GError **error)
{
    Spool *spool = compared->adopt->pull.spool;
    for (guint i = 0; i < compared->paths->len; i++) {
        g_autoptr(SpoolDownload) row =
            spool_find(spool, g_ptr_array_index(compared->paths, i), NULL);
        if (row && !spool_note_state(spool, row->id, SPOOL_FAILED,
                                     _("its size is not the listed one"), error)) {
            return FALSE;
        }
    }
    compared->adopt->result->missing += compared->wrong;
    return TRUE;
}

static gboolean refuse(const Compared *compared, GError **error)
{
    const Adopt *adopt = compared->adopt;
    if (compared->wrong > SURVEY_NAMED) {
        g_string_append_printf(compared->named, _("\n  and %" G_GUINT64_FORMAT " more"),
                               compared->wrong - SURVEY_NAMED);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                ngettext("%s: %" G_GUINT64_FORMAT " file is not what its source lists, and nothing "
                         "was taken:%s\nWhat is right is taken with: %s --allow-incomplete; all "
                         "of it is brought by: medmirror pull %s",
                         "%s: %" G_GUINT64_FORMAT " files are not what their source lists, and "
                         "nothing was taken:%s\nWhat is right is taken with: %s "
                         "--allow-incomplete; all of it is brought by: medmirror pull %s",
                         (gulong)compared->wrong),
                adopt->reference->ref, compared->wrong, compared->named->str,
                adopt->request->command, adopt->reference->ref);
    return FALSE;
}

gboolean adopt_compare_members(Adopt *adopt, GError **error)
{
    const Reference *reference = adopt->reference;
    g_auto(Compared) compared = {.adopt = adopt,
                                 .named = g_string_new(NULL),
                                 .paths = g_ptr_array_new_with_free_func(g_free)};
    const ResolveRequest request = {.locator = reference->locator,
                                    .manifest = reference->manifest,
                                    .version = adopt->pull.head ? adopt->pull.head->version : NULL};
    const ListingTaker taker = {
        .head = on_head, .file = on_file, .member = on_member, .data = &compared};
    g_autoptr(GError) silent = NULL;
    HostServices *services =
        adopt->archive && !adopt->not_asked ? job_services(adopt->job, &silent) : NULL;
    if (!services) {
        return TRUE; /* nobody tells */
    }
    if (reference->fetcher->resolve(reference->fetcher, &request, services, &taker, &silent) ==
        RESOLVE_FAILED) {
        event_log(EVENT_LOG_DEBUG, "%s: %s", reference->ref,
                  silent ? silent->message : "interrupted");
    }
    if (job_is_cancelled(adopt->job)) {
        job_set_cancelled_error(adopt->job, adopt->request->command, error);
        return FALSE;
    }
    if (compared.wrong == 0) {
        return TRUE;
    }
    return adopt->request->allow_incomplete ? leave_out(&compared, error)
                                            : refuse(&compared, error);
}
