/* What is wanted, and is there, is short, or is missing. */
#include "error.h"
#include "i18n.h"
#include "job_adopt_internal.h"
#include "relpath.h"

#include <string.h>

/* What is there of each row. */
typedef struct {
    Adopt *adopt;
    guint64 missing, wrong, refused;
    GString *missing_named, *wrong_named, *refused_named;
    GArray *missing_ids; /* gint64 */
} Presence;

static void presence_clear(Presence *presence)
{
    g_string_free(presence->missing_named, TRUE);
    g_string_free(presence->wrong_named, TRUE);
    g_string_free(presence->refused_named, TRUE);
    g_array_unref(presence->missing_ids);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Presence, presence_clear)

static void name_one(GString *names, guint64 count, const char *text)
{
    if (count <= SURVEY_NAMED) {
        g_string_append_printf(names, "\n  %s", text);
    }
}

static void note_missing(Presence *presence, const SpoolDownload *row)
{
    g_autofree char *shown = relpath_display(row->file->path);
    presence->missing++;
    name_one(presence->missing_named, presence->missing, shown);
    g_array_append_val(presence->missing_ids, row->id);
}

static void note_there(Presence *presence, const SpoolDownload *row, const struct stat *now)
{
    const FileSpec *file = row->file;
    Adopt *adopt = presence->adopt;
    guint64 size = (guint64)now->st_size;
    if (file->size != SIZE_UNKNOWN && !file->size_is_rounded && file->size != size) {
        g_autofree char *shown = local_files_shown(&adopt->files, file->path);
        g_autofree char *text =
            g_strdup_printf(_("%s has %" G_GUINT64_FORMAT " bytes, and must have "
                              "%" G_GUINT64_FORMAT),
                            shown, size, file->size);
        presence->wrong++;
        name_one(presence->wrong_named, presence->wrong, text);
        job_tell(adopt->job, JOB_EVENT_DETAIL, "wrong-size",
                 json_pack("{s:s, s:I, s:I}", "path", file->path, "bytes", (json_int_t)size,
                           "expected", (json_int_t)file->size),
                 NULL);
    }
    adopt->there++;
    adopt->there_bytes += size;
    adopt->archives += file->role == FILE_ROLE_ARCHIVE && file->unpack;
}

static gboolean on_row(const SpoolDownload *row, gpointer data, GError **error)
{
    Presence *presence = data;
    const LocalFiles *files = &presence->adopt->files;
    struct stat now;
    g_autofree char *name = local_files_name(files, row->file->path);
    LocalState state = name ? local_files_stat(files, name, &now) : LOCAL_MISSING;
    if (state == LOCAL_MISSING) {
        note_missing(presence, row);
    } else if (state == LOCAL_REFUSED) {
        g_autofree char *shown = local_files_shown(files, row->file->path);
        presence->refused++;
        name_one(presence->refused_named, presence->refused, shown);
    } else {
        note_there(presence, row, &now);
    }
    return !job_is_cancelled(presence->adopt->job);
}

static void append_more(GString *names, guint64 count)
{
    if (count > SURVEY_NAMED) {
        g_string_append_printf(names, _("\n  and %" G_GUINT64_FORMAT " more"),
                               count - SURVEY_NAMED);
    }
}

static gboolean refuse_links(const Adopt *adopt, Presence *presence, GError **error)
{
    append_more(presence->refused_named, presence->refused);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("%s: what must be a file is a folder, a device, or a link that leads out of %s, "
                  "and nothing was taken:%s\nPut the files themselves there, then type: %s"),
                adopt->reference->ref, adopt->request->from, presence->refused_named->str,
                adopt->request->command);
    return FALSE;
}

static gboolean refuse_rows(const Adopt *adopt, Presence *presence, GError **error)
{
    const char *ref = adopt->reference->ref, *from = adopt->request->from;
    g_autofree char *complete = adopt_completion(adopt);
    g_autofree char *rest =
        complete ? g_strdup_printf(_("; the others are fetched afterwards by: %s"), complete)
                 : g_strdup("");
    if (presence->wrong && !adopt->request->allow_incomplete) {
        append_more(presence->wrong_named, presence->wrong);
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
            ngettext("%s: %" G_GUINT64_FORMAT
                     " file is no whole copy, or another file, and nothing was taken:%s\n"
                     "If it is another version, name it (medmirror versions %s): medmirror "
                     "adopt %s@VERSION %s. Take what is right with: %s "
                     "--allow-incomplete%s",
                     "%s: %" G_GUINT64_FORMAT
                     " files are no whole copies, or other files, and nothing was taken:%s\n"
                     "If it is another version, name it (medmirror versions %s): medmirror "
                     "adopt %s@VERSION %s. Take what is right with: %s "
                     "--allow-incomplete%s",
                     (gulong)presence->wrong),
            ref, presence->wrong, presence->wrong_named->str, ref, ref, from,
            adopt->request->command, rest);
        return FALSE;
    }
    append_more(presence->missing_named, presence->missing);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("%s: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                  " files are not in %s, and nothing was taken:%s\nTake what is there with: "
                  "%s --allow-incomplete%s"),
                ref, presence->missing, presence->missing + adopt->there, from,
                presence->missing_named->str, adopt->request->command, rest);
    return FALSE;
}

static gboolean leave_out_missing(Adopt *adopt, const Presence *presence, GError **error)
{
    for (guint i = 0; i < presence->missing_ids->len; i++) {
        if (!spool_note_state(adopt->pull.spool, g_array_index(presence->missing_ids, gint64, i),
                              SPOOL_FAILED, _("not among the adopted files"), error)) {
            return FALSE;
        }
    }
    adopt->result->missing = presence->missing;
    return TRUE;
}

/* What is recorded of an archive's contents must be there, too; but what also lies at an address of
 * its own need not be in the archive. */
static void look_for_members(Presence *presence)
{
    const Adopt *adopt = presence->adopt;
    g_autoptr(GHashTable) members = adopt_recorded_members(adopt);
    g_autoptr(GList) paths = g_list_sort(g_hash_table_get_keys(members), (GCompareFunc)strcmp);
    for (const GList *at = paths; at; at = at->next) {
        const ManifestFile *file = g_hash_table_lookup(members, at->data);
        if (!(file->addresses && file->addresses->len) &&
            !spool_lists(adopt->pull.spool, at->data) &&
            selection_takes(adopt->pull.selection, at->data, NULL)) {
            g_autofree char *shown = relpath_display(at->data);
            presence->missing++;
            name_one(presence->missing_named, presence->missing, shown);
        }
    }
}

gboolean adopt_check_presence(Adopt *adopt, GError **error)
{
    g_auto(Presence) presence = {.adopt = adopt,
                                 .missing_named = g_string_new(NULL),
                                 .wrong_named = g_string_new(NULL),
                                 .refused_named = g_string_new(NULL),
                                 .missing_ids = g_array_new(FALSE, FALSE, sizeof(gint64))};
    if (!spool_each_download(adopt->pull.spool, SPOOL_QUEUED, on_row, &presence, error)) {
        if (job_is_cancelled(adopt->job)) {
            job_set_cancelled_error(adopt->job, adopt->request->command, error);
        }
        return FALSE;
    }
    if (adopt->result->unpacked_by_hand) {
        look_for_members(&presence);
    }
    if (presence.refused) {
        return refuse_links(adopt, &presence, error);
    }
    if ((presence.missing || presence.wrong) && !adopt->request->allow_incomplete) {
        return refuse_rows(adopt, &presence, error);
    }
    if (adopt->archives && adopt->request->how == ADOPT_IN_PLACE) {
        return adopt_refuse_in_place(adopt, adopt->request->from, error);
    }
    adopt->result->only_archives = adopt->archives > 0 && adopt->archives == adopt->there;
    return leave_out_missing(adopt, &presence, error);
}
