#include "job_remove.h"

#include "error.h"
#include "i18n.h"
#include "job_owner.h"
#include "relpath.h"
#include "size_text.h"
#include "version_choice.h"

#define COMMAND "medmirror remove"

static gboolean on_cancelled(gpointer data)
{
    return job_is_cancelled(data);
}

static void tell_foreign(Job *job, const LockHeader *header, const RemovalFacts *facts)
{
    g_autofree char *label = version_label(header);
    g_autofree char *name = mirror_version_name(header->version);
    g_autoptr(GString) list = g_string_new(NULL);
    for (guint i = 0; i < facts->names->len; i++) {
        g_autofree char *shown = relpath_display(g_ptr_array_index(facts->names, i));
        job_tell(job, JOB_EVENT_DETAIL, "foreign",
                 json_pack("{s:s, s:s}", "ref", label, "path", shown), NULL);
        g_string_append_printf(list, "%s%s", i ? ", " : "", shown);
    }
    if (facts->foreign > facts->names->len) {
        g_string_append(list, _(", ..."));
    }
    if (facts->foreign) {
        g_autofree char *extra = g_strconcat(name, ".extra", NULL);
        job_tell(job, JOB_EVENT_WARNING, "set-aside",
                 json_pack("{s:s, s:I, s:s++}", "ref", label, "files", (json_int_t)facts->foreign,
                           "folder", header->folder, "/", extra),
                 ngettext("set aside    %" G_GUINT64_FORMAT
                          " file that is not the dataset's goes to %s/%s.extra/: %s",
                          "set aside    %" G_GUINT64_FORMAT
                          " files that are not the dataset's go to %s/%s.extra/: %s",
                          (gulong)facts->foreign),
                 facts->foreign, header->folder, name, list->str);
    }
}

static json_t *removal_json(const Mirror *mirror, const LockHeader *header,
                            const RemovalFacts *facts)
{
    g_autofree char *path = mirror_version_path(mirror, header->folder, header->version);
    return json_pack("{s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:b}", "ref", header->ref,
                     "version", header->version, "path", path, "fingerprint", header->fingerprint,
                     "files", (json_int_t)facts->files, "bytes", (json_int_t)facts->bytes,
                     "archives", (json_int_t)facts->archives, "foreign", (json_int_t)facts->foreign,
                     "in_place", facts->in_place);
}

static void tell_removal(Job *job, const Mirror *mirror, const LockHeader *header,
                         const RemovalFacts *facts)
{
    g_autofree char *label = version_label(header);
    g_autofree char *size = size_text(facts->bytes);
    json_t *json = removal_json(mirror, header, facts);
    if (facts->in_place) {
        job_tell(job, JOB_EVENT_STEP, "removal", json,
                 ngettext("forget       %s: %" G_GUINT64_FORMAT
                          " file, %s, lies elsewhere and stays there",
                          "forget       %s: %" G_GUINT64_FORMAT
                          " files, %s, lie elsewhere and stay there",
                          (gulong)facts->files),
                 label, facts->files, size);
    } else {
        job_tell(job, JOB_EVENT_STEP, "removal", json,
                 ngettext("remove       %s: %" G_GUINT64_FORMAT " file, %s",
                          "remove       %s: %" G_GUINT64_FORMAT " files, %s", (gulong)facts->files),
                 label, facts->files, size);
    }
    tell_foreign(job, header, facts);
}

/* Reflinks cannot be told from files of one's own: where there may be some, the figure is a bound.
 */
static void tell_space(Job *job, const Mirror *mirror, const SpaceCount *space)
{
    gboolean at_most = file_system_may_reflink(mirror_fd(mirror));
    g_autofree char *freed = size_text(space->freed_bytes);
    g_autofree char *shared = size_text(space->shared_bytes);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text,
                           at_most           ? _("frees        at most %s: what this file system "
                                                           "shares between copies cannot be told")
                           : space->at_least ? _("frees        at least %s")
                                             : _("frees        %s"),
                           freed);
    if (space->shared_files) {
        g_string_append_printf(
            text,
            ngettext("; %s (%" G_GUINT64_FORMAT " file) is shared with other versions and stays",
                     "; %s (%" G_GUINT64_FORMAT " files) are shared with other versions and stay",
                     (gulong)space->shared_files),
            shared, space->shared_files);
    }
    job_tell(job, JOB_EVENT_STEP, "frees",
             json_pack("{s:I, s:I, s:I, s:b, s:b}", "freed_bytes", (json_int_t)space->freed_bytes,
                       "shared_bytes", (json_int_t)space->shared_bytes, "shared_files",
                       (json_int_t)space->shared_files, "at_least", space->at_least, "at_most",
                       at_most),
             "%s", text->str);
}

gboolean job_remove_look(Job *job, Mirror *mirror, const GPtrArray *headers, GError **error)
{
    g_auto(SpaceCount) space = {0};
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        g_auto(RemovalFacts) facts = {0};
        g_autoptr(GError) problem = NULL;
        g_autoptr(Hold) hold = hold_find(mirror, header->folder, header->version, &problem);
        if (hold) {
            removal_set_held(header, hold, error);
            return FALSE;
        }
        if (!problem) {
            removal_look(mirror, header, &facts, &space, on_cancelled, job, &problem);
        }
        if (job_is_cancelled(job)) {
            job_set_cancelled_error(job, COMMAND, error);
            return FALSE;
        }
        if (problem) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        tell_removal(job, mirror, header, &facts);
    }
    if (headers->len) {
        tell_space(job, mirror, &space);
    }
    return TRUE;
}

gboolean job_remove_version(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                            GError **error)
{
    g_autofree char *label = version_label(header);
    g_autoptr(Owner) owner =
        job_take_owner(job, mirror, header->ref, header->folder, "remove", no_wait, error);
    if (!owner || !removal_run(mirror, owner, header, error)) {
        return FALSE;
    }
    g_autofree char *sentence = g_strdup_printf(_("removed      %s"), label);
    job_answer(job, JOB_EVENT_STEP, "removed",
               json_pack("{s:s, s:s, s:s?}", "ref", header->ref, "version", header->version,
                         "fingerprint", header->fingerprint),
               sentence, label);
    return TRUE;
}

gboolean job_remove_unfinished(Job *job, Mirror *mirror, const UnfinishedInfo *unfinished,
                               gboolean no_wait, GError **error)
{
    const char *ref = unfinished->ref ? unfinished->ref : unfinished->folder;
    g_autoptr(Owner) owner =
        job_take_owner(job, mirror, ref, unfinished->folder, "remove", no_wait, error);
    if (!owner || !intent_recover(mirror, unfinished->folder, error) ||
        !intent_empty_stage(mirror, unfinished->folder, error)) {
        return FALSE;
    }
    g_autofree char *size = size_text(unfinished->held_bytes);
    job_tell(job, JOB_EVENT_STEP, "unfinished-removed",
             json_pack("{s:s, s:s, s:I}", "ref", ref, "folder", unfinished->folder, "bytes",
                       (json_int_t)unfinished->held_bytes),
             _("removed      the unfinished pull of %s: %s"), ref, size);
    return TRUE;
}
