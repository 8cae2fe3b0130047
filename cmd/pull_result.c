#include "pull_result.h"

#include "error.h"
#include "i18n.h"
#include "job_copy.h"
#include "job_uid_list.h"
#include "progress.h"
#include "pull_note.h"
#include "size_text.h"
#include "version_choice.h"

static void add_line(GString *text, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add_line(GString *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (text->len) {
        g_string_append_c(text, '\n');
    }
    g_string_append_vprintf(text, format, args);
    va_end(args);
}

static void add_trust(GString *text, const LockHeader *header)
{
    const guint64 *by = header->trust_count;
    const struct {
        guint64 files;
        const char *words;
    } rows[] = {{by[TRUST_LOCKED], _("by the lock")},
                {by[TRUST_DECLARED], _("by digests that are declared")},
                {by[TRUST_HINT], _("agreeing with the size or ETag that the source gives")},
                {by[TRUST_FIRST_USE], _("first use (nobody declares a digest)")}};
    g_autoptr(GString) words = g_string_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].files) {
            g_string_append_printf(words, "%s%" G_GUINT64_FORMAT " %s", words->len ? " · " : "",
                                   rows[i].files, rows[i].words);
        }
    }
    if (words->len) {
        add_line(text, _("verified     %s"), words->str);
    }
}

static void add_part(GString *text, const LockHeader *header)
{
    if (lock_header_is_whole(header)) {
        return;
    }
    g_autofree char *what = selection_describe(header->selection);
    add_line(text,
             ngettext("part         %s: %" G_GUINT64_FORMAT " file is held, %" G_GUINT64_FORMAT
                      " of the source not",
                      "part         %s: %" G_GUINT64_FORMAT " files are held, %" G_GUINT64_FORMAT
                      " of the source not",
                      header->held_files),
             what, header->held_files, header->skipped + header->absent + header->failed);
}

char *pull_result_describe(const PullResult *result)
{
    const LockHeader *header = result->header;
    GString *text = g_string_new(NULL);
    g_autofree char *held = size_text(header->held_bytes);
    g_autofree char *files = g_strdup_printf(
        ngettext("%" G_GUINT64_FORMAT " file", "%" G_GUINT64_FORMAT " files", header->held_files),
        header->held_files);
    if (result->up_to_date) {
        add_line(text,
                 result->not_asked ? _("here         %s@%s; whether there is a newer one is not "
                                       "known: %s, %s")
                 : result->is_weak ? _("up to date   %s@%s, as far as the source tells: %s, %s")
                                   : _("up to date   %s@%s: %s, %s"),
                 result->ref, header->version, files, held);
    } else {
        g_autofree char *received = size_text(result->fetched.received);
        g_autofree char *time =
            result->elapsed_us < 10 * G_USEC_PER_SEC
                ? g_strdup_printf(_("%.1f s"), (gdouble)result->elapsed_us / G_USEC_PER_SEC)
                : duration_text((guint64)(result->elapsed_us / G_USEC_PER_SEC));
        gdouble seconds = MAX((gdouble)result->elapsed_us / G_USEC_PER_SEC, 0.001);
        g_autofree char *rate = size_text((guint64)((gdouble)result->fetched.received / seconds));
        if (result->fetched.received) {
            add_line(text, _("done         %s@%s: %s, %s; received %s in %s (%s/s)"), result->ref,
                     header->version, files, held, received, time, rate);
        } else {
            add_line(text, _("done         %s@%s: %s, %s; nothing had to be fetched"), result->ref,
                     header->version, files, held);
        }
        if (result->fetched.shared_files) {
            g_autofree char *shared = size_text(result->fetched.shared_bytes);
            add_line(text,
                     _("shared       %" G_GUINT64_FORMAT " files, %s, were in the mirror already"),
                     result->fetched.shared_files, shared);
        }
        add_trust(text, header);
    }
    add_part(text, header);
    add_line(text, _("fingerprint  %s"), header->fingerprint);
    if (header->citation && !result->up_to_date) {
        add_line(text, _("cite         %s"), header->citation);
    }
    return g_string_free(text, FALSE);
}

json_t *pull_result_json(const PullResult *result)
{
    json_t *facts =
        json_pack("{s:s, s:b, s:b, s:b, s:b}", "ref", result->ref, "up_to_date",
                  result->up_to_date && !result->not_asked, "not_asked", result->not_asked,
                  "as_far_as_the_source_tells", result->is_weak, "installed", result->installed);
    const LockHeader *header = result->header;
    if (header) {
        json_object_update_new(
            facts,
            json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:I}", "version", header->version,
                      "path", result->path, "fingerprint", header->fingerprint, "files",
                      (json_int_t)header->held_files, "bytes", (json_int_t)header->held_bytes,
                      "whole", lock_header_is_whole(header), "skipped", (json_int_t)header->skipped,
                      "absent", (json_int_t)header->absent, "failed", (json_int_t)header->failed));
    }
    json_object_set_new(facts, "received", json_integer((json_int_t)result->fetched.received));
    return facts;
}

static gboolean ask_what_is_open(Job *job, Reference *reference, Catalogue *catalogue,
                                 GError **error)
{
    if (reference_is_complete(reference)) {
        return TRUE;
    }
    HostServices *services = job_services(job, error);
    g_autoptr(GError) failure = NULL;
    if (!services || reference_ask(reference, catalogue, services, &failure)) {
        return services != NULL;
    }
    if (error_exit_status(failure) == 5 && !strstr(failure->message, "medmirror ")) {
        g_autofree char *said = failure->message;
        failure->message = g_strdup_printf(_("%s Try again later with: medmirror pull%s %s"), said,
                                           job_settings(job)->mirror_words, reference->text);
    }
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

void pull_tell_error(Job *job, const char *ref, const GError *error)
{
    g_autofree char *line = g_strdup_printf("medmirror: %s", error->message);
    job_answer(job, JOB_EVENT_FAILURE, "error",
               json_pack("{s:s, s:i, s:s}", "ref", ref, "exit", error_exit_status(error), "message",
                         error->message),
               line, NULL);
}

/* The tree at a place of one's own too (--to). */
static gboolean copy_result(Job *job, const PullRequest *request, const PullResult *result,
                            GError **error)
{
    const char *mirror_path = job_settings(job)->mirror_path;
    g_auto(CopyResult) copy = {0};
    g_autoptr(Mirror) mirror = mirror_open(mirror_path, MIRROR_OPEN_READ, error);
    g_autoptr(GError) failure = NULL;
    if (!mirror) {
        return FALSE;
    }
    if (!job_copy(job, mirror, result->header, request->to, SERIES_LAYOUT_TREE, &copy, &failure)) {
        g_autofree char *label = version_label(result->header);
        g_autofree char *quoted = g_shell_quote(request->to);
        g_autofree char *again = g_strdup_printf("medmirror copy%s %s %s",
                                                 job_settings(job)->mirror_words, label, quoted);
        version_add_next(failure, label, again);
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    job_copy_tell(job, result->header, &copy);
    return TRUE;
}

/* With --to, the answer is where the copy lies, and it has been given. */
static void tell_result(Job *job, const char *text, const PullResult *result, gboolean is_copied,
                        const GError *error)
{
    json_t *facts = result ? pull_result_json(result) : json_pack("{s:s}", "ref", text);
    if (error) {
        json_object_set_new(facts, "message", json_string(error->message));
    }
    json_object_set_new(facts, "exit", json_integer(error_exit_status(error)));
    if (result && result->header) {
        g_autofree char *paragraph = pull_result_describe(result);
        job_answer(job, JOB_EVENT_STEP, "result", facts, paragraph,
                   is_copied ? NULL : result->path);
    } else {
        job_tell(job, JOB_EVENT_DETAIL, "result", facts, NULL);
    }
    if (error) {
        pull_tell_error(job, text, error);
    }
}

void pull_tally_add(PullTally *tally, int status)
{
    tally->status = tally->refs == 0 ? status : exit_status_worst(tally->status, status);
    tally->refs++;
    tally->failed += status != 0;
    tally->must_end = tally->must_end || status == 6 || status >= 130;
}

/* A pull of REFERENCE (NULL with ERROR: it is none), told as TEXT. */
static int pull_one(Job *job, Catalogue *catalogue, const char *text, Reference *reference,
                    const PullRequest *request, GError *error, PullTally *tally)
{
    g_autoptr(GError) failure = error;
    g_autoptr(PullResult) result = NULL;
    g_autofree char *options = pull_request_options(request);
    if (reference && reference_can_be_fetched(reference, &failure) &&
        ask_what_is_open(job, reference, catalogue, &failure)) {
        g_autoptr(Selection) narrowed = reference_narrow(reference, request->selection, &failure);
        PullRequest of_part = *request;
        of_part.reference = reference;
        of_part.options = options;
        of_part.selection = narrowed;
        if (narrowed) {
            job_pull(job, &of_part, &result, &failure);
        }
    }
    int status = error_exit_status(failure);
    tell_result(job, text, result, request->to != NULL, failure);
    /* What is absent at the source keeps nobody from the rest. */
    if (request->to && result && result->header && !request->dry_run && (!failure || status == 7)) {
        g_autoptr(GError) uncopied = NULL;
        if (!copy_result(job, request, result, &uncopied)) {
            pull_tell_error(job, text, uncopied);
            int now = error_exit_status(uncopied);
            status = status ? exit_status_worst(status, now) : now;
        }
    }
    pull_tally_add(tally, status);
    return status;
}

/* One pull for each collection of a list of series; what nobody knows is said at the end. */
static int pull_list(Job *job, Catalogue *catalogue, const char *path, const PullRequest *request,
                     PullTally *tally)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(UidListed) listed = job_uid_list(job, path, catalogue, &error);
    if (listed && request->to && listed->references->len > 1) {
        g_set_error(&error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s is of %u datasets, and --to DIR takes one, for DIR becomes its folder. "
                      "Without it: medmirror pull %s"),
                    path, listed->references->len, path);
    }
    int worst = 0;
    PullRequest of_list = *request;
    g_autofree char *whole = g_canonicalize_filename(path, NULL);
    for (guint i = 0; listed && !error && i < listed->references->len && !tally->must_end; i++) {
        Reference *reference = g_ptr_array_index(listed->references, i);
        of_list.list = reference->index && g_utf8_validate(whole, -1, NULL) ? whole : NULL;
        int status = pull_one(job, catalogue, reference->ref, reference, &of_list, NULL, tally);
        worst = i ? exit_status_worst(worst, status) : status;
    }
    if (listed && !error) {
        uid_listed_check(listed, path, &error);
    }
    if (error) {
        int status = error_exit_status(error);
        pull_tell_error(job, path, error);
        pull_tally_add(tally, status);
        worst = worst ? exit_status_worst(worst, status) : status;
    }
    return worst;
}

int pull_and_tell(Job *job, Catalogue *catalogue, const char *text, const PullRequest *request,
                  PullTally *tally)
{
    if (reference_is_uid_list(text)) {
        return pull_list(job, catalogue, text, request, tally);
    }
    GError *error = NULL;
    g_autoptr(Reference) reference = reference_parse(text, catalogue, &error);
    return pull_one(job, catalogue, text, reference, request, error, tally);
}

void pull_tell_summary(Job *job, const PullTally *tally)
{
    job_tell(job, JOB_EVENT_DETAIL, "summary",
             json_pack("{s:i, s:i, s:i}", "exit", tally->status, "refs", (int)tally->refs, "failed",
                       (int)tally->failed),
             NULL);
}
