/* A tree of DICOM images that another program made: which of the dataset's series are in it, told
 * by the images themselves, for their names and folders prove nothing. */
#include "dicom_head.h"
#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "job_adopt_internal.h"
#include "relpath.h"
#include "series_member.h"
#include "verifier.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    Adopt *adopt;
    SeriesMap *map;
    WhereTerm *there;                  /* the series that are there */
    guint64 series, listed;            /* there; of the dataset, chosen */
    guint64 missing;                   /* chosen, and not one image of them is there */
    guint64 shorter;                   /* fewer images than the source has */
    GString *shorter_named;            /* the first of them, a line each */
    GArray *missing_ids, *shorter_ids; /* gint64: rows */
    guint64 foreign;                   /* files that are no images of the dataset */
    GPtrArray *foreign_named;
    guint64 damaged; /* images whose head cannot be read */
} SeriesMatch;

static void series_match_clear(SeriesMatch *match)
{
    g_clear_pointer(&match->map, series_map_free);
    g_clear_pointer(&match->there, where_term_unref);
    g_string_free(match->shorter_named, TRUE);
    g_array_unref(match->missing_ids);
    g_array_unref(match->shorter_ids);
    g_ptr_array_unref(match->foreign_named);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SeriesMatch, series_match_clear)

static void note_foreign(SeriesMatch *match, const char *path)
{
    match->foreign++;
    if (match->foreign_named->len < SURVEY_NAMED) {
        g_ptr_array_add(match->foreign_named, relpath_display(path));
    }
}

static void tell_damaged(SeriesMatch *match, const char *path, const char *reason)
{
    g_autofree char *shown = local_files_shown(&match->adopt->files, path);
    match->damaged++;
    job_tell(match->adopt->job, JOB_EVENT_WARNING, "not-an-image",
             json_pack("{s:s, s:s}", "path", shown, "reason", reason),
             _("%s cannot be told which image it is: %s. It is left where it is."), shown, reason);
}

static gboolean on_file(const char *path, guint64 size, gboolean is_link, gpointer data,
                        GError **error)
{
    SeriesMatch *match = data;
    const LocalFiles *files = &match->adopt->files;
    struct stat now;
    DicomHead head;
    DicomHeadResult result;
    const char *reason = NULL;
    g_autoptr(GError) unreadable = NULL;
    if (job_is_cancelled(match->adopt->job)) {
        return FALSE;
    }
    if (local_files_stat(files, path, &now) != LOCAL_THERE || !g_utf8_validate(path, -1, NULL)) {
        note_foreign(match, path);
        return TRUE;
    }
    int fd = local_files_open(files, path, &now, &unreadable);
    gboolean read =
        fd >= 0 && dicom_head_read(fd, &result, &head, &reason, fd >= 0 ? &unreadable : NULL);
    if (fd >= 0) {
        close(fd);
    }
    if (!read) {
        g_propagate_error(error, g_steal_pointer(&unreadable));
        return FALSE;
    }
    if (result == DICOM_HEAD_DONE) {
        return series_map_add(match->map, head.series_instance, head.sop_instance, path,
                              (guint64)now.st_size, error);
    }
    if (result == DICOM_HEAD_DAMAGED) {
        tell_damaged(match, path, reason);
    }
    note_foreign(match, path);
    return TRUE;
}

static gboolean read_images(SeriesMatch *match, GError **error)
{
    Adopt *adopt = match->adopt;
    g_autoptr(GError) failure = NULL;
    guint64 images = 0, series = 0;
    match->map = series_map_new(error);
    if (!match->map) {
        return FALSE;
    }
    if (!tree_walk(adopt->files.fd, on_file, match, &failure) && failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (job_is_cancelled(adopt->job)) {
        job_set_cancelled_error(adopt->job, adopt->request->command, error);
        return FALSE;
    }
    if (!series_map_finish(match->map, error) ||
        !series_map_totals(match->map, &images, &series, error)) {
        return FALSE;
    }
    job_tell(adopt->job, JOB_EVENT_STEP, "images",
             json_pack("{s:s, s:I, s:I}", "ref", adopt->reference->ref, "images",
                       (json_int_t)images, "series", (json_int_t)series),
             _("images       %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
               " series, told by what is in them"),
             images, series);
    return TRUE;
}

static void note_shorter(SeriesMatch *match, const SpoolDownload *row, guint64 images,
                         guint64 wanted)
{
    match->shorter++;
    g_array_append_val(match->shorter_ids, row->id);
    if (match->shorter <= SURVEY_NAMED) {
        g_string_append_printf(match->shorter_named,
                               _("\n  %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " images of %s"),
                               images, wanted, row->file->unpack->series);
    }
}

static gboolean on_row(const SpoolDownload *row, gpointer data, GError **error)
{
    SeriesMatch *match = data;
    guint64 images = 0, bytes = 0;
    if (!row->file->unpack || !row->file->unpack->series) {
        match->missing++;
        g_array_append_val(match->missing_ids, row->id);
        return TRUE;
    }
    const SeriesCount wanted = series_count_of(row->file->facts);
    match->listed++;
    if (!series_map_count(match->map, row->file->unpack->series, &images, &bytes, error)) {
        return FALSE;
    }
    if (images == 0) {
        match->missing++;
        g_array_append_val(match->missing_ids, row->id);
        return TRUE;
    }
    match->series++;
    where_term_add(match->there, row->file->unpack->series);
    if (wanted.images != SIZE_UNKNOWN && images < wanted.images) {
        note_shorter(match, row, images, wanted.images);
        return TRUE;
    }
    match->adopt->there += images;
    match->adopt->there_bytes += bytes;
    return TRUE;
}

static gboolean refuse_none(const SeriesMatch *match, GError **error)
{
    const Adopt *adopt = match->adopt;
    guint64 images = 0, series = 0;
    series_map_totals(match->map, &images, &series, NULL);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                adopt->pull.standing
                    ? _("%s adds nothing to %s: it holds %" G_GUINT64_FORMAT
                        " images of %" G_GUINT64_FORMAT
                        " series, and none is of the %" G_GUINT64_FORMAT
                        " that the version here lacks. Nothing was taken. These are brought by: "
                        "medmirror pull %s")
                    : _("%s is not %s: it holds %" G_GUINT64_FORMAT " images of %" G_GUINT64_FORMAT
                        " series, and none is of the %" G_GUINT64_FORMAT
                        " that were looked for. Nothing was taken. What they are is told by: "
                        "medmirror files %s"),
                adopt->request->from, adopt->reference->ref, images, series, match->listed,
                adopt->reference->ref);
    return FALSE;
}

static gboolean refuse_shorter(const SeriesMatch *match, GError **error)
{
    const Adopt *adopt = match->adopt;
    if (match->shorter > SURVEY_NAMED) {
        g_string_append_printf(match->shorter_named, _("\n  and %" G_GUINT64_FORMAT " more"),
                               match->shorter - SURVEY_NAMED);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                ngettext("%s: %" G_GUINT64_FORMAT " series lacks images, and nothing was "
                         "taken:%s\nThe others are taken with: %s --allow-incomplete; then it "
                         "is fetched by: medmirror pull %s",
                         "%s: %" G_GUINT64_FORMAT " series lack images, and nothing was "
                         "taken:%s\nThe others are taken with: %s --allow-incomplete; then "
                         "they are fetched by: medmirror pull %s",
                         (gulong)match->shorter),
                adopt->reference->ref, match->shorter, match->shorter_named->str,
                adopt->request->command, adopt->reference->ref);
    return FALSE;
}

static gboolean refuse_missing(const SeriesMatch *match, GError **error)
{
    const Adopt *adopt = match->adopt;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("%s: %" G_GUINT64_FORMAT " of the %" G_GUINT64_FORMAT
                  " series that were chosen are not in %s, and nothing was taken. What is there is "
                  "taken with: %s --allow-incomplete"),
                adopt->reference->ref, match->missing, match->missing + match->series,
                adopt->request->from, adopt->request->command);
    return FALSE;
}

static gboolean leave_out(Adopt *adopt, const GArray *ids, const char *reason, GError **error)
{
    for (guint i = 0; i < ids->len; i++) {
        if (!spool_note_state(adopt->pull.spool, g_array_index(ids, gint64, i), SPOOL_FAILED,
                              reason, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* A tree holds what somebody chose for it: those series are a part of the dataset. */
static gboolean choose_what_is_there(SeriesMatch *match, GError **error)
{
    Adopt *adopt = match->adopt;
    g_autoptr(GPtrArray) terms = g_ptr_array_new();
    g_autoptr(Selection) all = selection_new_all();
    g_ptr_array_add(terms, match->there);
    g_clear_pointer(&adopt->chosen, selection_free);
    adopt->chosen = selection_narrow(all, terms);
    adopt->as_pull.selection = adopt->chosen;
    g_clear_pointer(&adopt->pull.selection, selection_free);
    return pull_choose_files(&adopt->pull, error);
}

static void tell_foreign(SeriesMatch *match)
{
    Adopt *adopt = match->adopt;
    adopt->result->foreign = match->foreign;
    if (match->foreign == 0) {
        return;
    }
    g_ptr_array_add(match->foreign_named, NULL);
    g_autofree char *names = g_strjoinv(", ", (char **)match->foreign_named->pdata);
    job_tell(
        adopt->job, JOB_EVENT_STEP, "not-its-own",
        json_pack("{s:s, s:I}", "ref", adopt->reference->ref, "files", (json_int_t)match->foreign),
        ngettext("not its own  %" G_GUINT64_FORMAT " file, left where it is: %s%s",
                 "not its own  %" G_GUINT64_FORMAT " files, left where they are: %s%s",
                 (gulong)match->foreign),
        match->foreign, names, match->foreign > SURVEY_NAMED ? " ..." : "");
}

static gboolean settle(SeriesMatch *match, GError **error)
{
    Adopt *adopt = match->adopt;
    gboolean was_chosen = adopt->request->selection && !selection_is_all(adopt->request->selection);
    if (match->series == 0) {
        return refuse_none(match, error);
    }
    if (match->shorter && !adopt->request->allow_incomplete) {
        return refuse_shorter(match, error);
    }
    if (match->missing && was_chosen && !adopt->request->allow_incomplete) {
        return refuse_missing(match, error);
    }
    if (match->missing && !was_chosen && !choose_what_is_there(match, error)) {
        return FALSE;
    }
    adopt->result->missing = match->shorter + (was_chosen ? match->missing : 0);
    return (!was_chosen ||
            leave_out(adopt, match->missing_ids, _("not among the adopted files"), error)) &&
           leave_out(adopt, match->shorter_ids, _("not all of its images are among the adopted"),
                     error);
}

gboolean adopt_match_series(Adopt *adopt, GError **error)
{
    g_auto(SeriesMatch) match = {
        .adopt = adopt,
        .there = where_term_new("SeriesInstanceUID", WHERE_IS),
        .shorter_named = g_string_new(NULL),
        .missing_ids = g_array_new(FALSE, FALSE, sizeof(gint64)),
        .shorter_ids = g_array_new(FALSE, FALSE, sizeof(gint64)),
        .foreign_named = g_ptr_array_new_with_free_func(g_free),
    };
    if (adopt->request->how == ADOPT_IN_PLACE) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("A tree of series lies in the mirror by its UIDs, and not as another program "
                      "made it, so it cannot be adopted in place. Take it as a copy (cloned where "
                      "the file system can): medmirror adopt %s %s"),
                    adopt->reference->ref, adopt->request->from);
        return FALSE;
    }
    adopt->there = adopt->there_bytes = 0;
    if (!read_images(&match, error) ||
        !spool_each_download(adopt->pull.spool, SPOOL_QUEUED, on_row, &match, error) ||
        !settle(&match, error)) {
        return FALSE;
    }
    tell_foreign(&match);
    adopt->files.series = g_steal_pointer(&match.map);
    return TRUE;
}
