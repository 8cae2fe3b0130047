#include "duration.h"
#include "error.h"
#include "i18n.h"
#include "job_readers.h"
#include "job_repair.h"
#include "lock_facts.h"
#include "size_text.h"
#include "verbs.h"
#include "verify_for.h"
#include "version_choice.h"

#include <string.h>

typedef struct {
    Invocation *invocation;
    gboolean quick, repair, no_wait;
    guint64 seconds; /* --for; 0: without limit */
    VerifyRequest request;
} Verifying;

static json_t *result_json(const VerifyResult *result, guint64 mended, int status)
{
    return json_pack("{s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:i}",
                     "ref", result->label, "fingerprint", result->fingerprint, "files",
                     (json_int_t)result->files, "right", (json_int_t)result->right, "unchanged",
                     (json_int_t)result->unchanged, "damaged", (json_int_t)result->damaged,
                     "missing", (json_int_t)result->missing, "unreadable",
                     (json_int_t)result->unreadable, "foreign", (json_int_t)result->foreign,
                     "exposed", (json_int_t)result->exposed, "mended", (json_int_t)mended, "bytes",
                     (json_int_t)result->bytes, "complete", !result->is_cut, "exit", status);
}

static void tell_result(Job *job, const VerifyResult *result, guint64 mended, int status)
{
    g_autofree char *size = size_text(result->bytes);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text,
                           status              ? _("not proven   %s: ")
                           : result->is_cut    ? _("read so far  %s: ")
                           : result->unchanged ? _("unchanged    %s: ")
                                               : _("proven       %s: "),
                           result->label);
    if (result->unchanged) {
        g_string_append_printf(text,
                               ngettext("%" G_GUINT64_FORMAT " file has the size and time that it "
                                        "had when it was read last (--quick); ",
                                        "%" G_GUINT64_FORMAT " files have the size and time that "
                                        "they had when they were read last (--quick); ",
                                        (gulong)result->unchanged),
                               result->unchanged);
    }
    if (result->unchanged && !result->right) {
        g_string_append(text, _("contents not read"));
    } else {
        g_string_append_printf(text,
                               ngettext("%" G_GUINT64_FORMAT " file right, %s read",
                                        "%" G_GUINT64_FORMAT " files right, %s read",
                                        (gulong)result->right),
                               result->right, size);
    }
    if (result->damaged + result->missing + result->unreadable) {
        g_string_append_printf(text,
                               _("; %" G_GUINT64_FORMAT " damaged, %" G_GUINT64_FORMAT
                                 " missing, %" G_GUINT64_FORMAT " unreadable"),
                               result->damaged, result->missing, result->unreadable);
    }
    if (result->no_digest) {
        g_string_append_printf(text, _("; %" G_GUINT64_FORMAT " without a digest"),
                               result->no_digest);
    }
    if (result->foreign) {
        g_string_append_printf(text,
                               ngettext("; %" G_GUINT64_FORMAT " file that is not the dataset's",
                                        "; %" G_GUINT64_FORMAT " files that are not the dataset's",
                                        result->foreign),
                               result->foreign);
    }
    if (result->exposed) {
        g_string_append_printf(text, _("; %" G_GUINT64_FORMAT " that others can read"),
                               result->exposed);
    }
    if (mended) {
        g_string_append_printf(text, _("; %" G_GUINT64_FORMAT " mended"), mended);
    }
    if (result->fingerprint) {
        g_string_append_printf(text, _("\nfingerprint  %s"), result->fingerprint);
    }
    job_tell(job, JOB_EVENT_STEP, "verified", result_json(result, mended, status), "%s", text->str);
}

static void tell_part(Job *job, const LockHeader *header)
{
    if (!lock_header_is_whole(header)) {
        g_autofree char *what = lock_facts_part(header);
        job_tell(job, JOB_EVENT_STEP, "part",
                 json_pack("{s:s, s:s}", "ref", header->ref, "selection", what),
                 _("part         %s@%s holds %s"), header->ref, header->version, what);
    }
}

static int finish(Job *job, const VerifyResult *result, guint64 mended, const GError *error)
{
    int status = error_exit_status(error);
    if (result) {
        tell_result(job, result, mended, status);
    }
    if (error) {
        job_tell(job, JOB_EVENT_FAILURE, "error",
                 json_pack("{s:i, s:s}", "exit", status, "message", error->message),
                 "medmirror: %s", error->message);
    }
    return status;
}

/* What is wrong is fetched anew, and all of it is read once more (but where a slice was: there is
 * no time, and each file was proven as it came). */
static VerifyResult *mend(Job *job, Verifying *verifying, Mirror *mirror, const LockHeader *header,
                          const VerifyRequest *request, VerifyResult *before, guint64 *mended,
                          GError **error)
{
    g_autoptr(VerifyResult) result = before;
    g_autoptr(GError) failure = NULL;
    if (result->exposed || job_readers_lack_group(job, mirror, header)) {
        job_readers_mend(job, mirror, header, verifying->no_wait, &failure);
    }
    if (result->wrong->len && header->in_place) {
        job_verify_set_in_place(header, result, error);
        return g_steal_pointer(&result);
    }
    if (!failure && result->wrong->len) {
        g_autoptr(Reference) reference = reference_parse(
            header->id ? header->id : header->ref, verifying->invocation->catalogue, &failure);
        if (reference && reference_can_be_fetched(reference, &failure)) {
            job_repair(job, mirror, header, reference, result->wrong, verifying->no_wait, mended,
                       &failure);
        }
    }
    if (!failure && result->list_is_wrong) {
        job_repair_list(job, mirror, header, verifying->no_wait, &failure);
    }
    if (failure) {
        g_clear_error(error);
        g_propagate_error(error, g_steal_pointer(&failure));
        return g_steal_pointer(&result);
    }
    g_clear_error(error);
    if (request->pace) {
        job_verify_note_mended(mirror, header, result, *mended);
        return g_steal_pointer(&result);
    }
    return job_verify_version(job, mirror, header, request, error);
}

static int verify_version(Job *job, Mirror *mirror, const LockHeader *header,
                          const VerifyRequest *request, gpointer data)
{
    Verifying *verifying = data;
    g_autoptr(GError) error = NULL;
    guint64 mended = 0;
    VerifyResult *result = job_verify_version(job, mirror, header, request, &error);
    if (result && verifying->repair &&
        (result->wrong->len || result->list_is_wrong || result->exposed ||
         job_readers_lack_group(job, mirror, header))) {
        result = mend(job, verifying, mirror, header, request, result, &mended, &error);
    }
    if (!error && verifying->repair && job_lacks_metadata(mirror, header)) {
        job_repair_metadata(job, mirror, header, verifying->no_wait, &error);
    }
    tell_part(job, header);
    g_autofree char *label = version_label(header);
    g_autofree char *again =
        g_strdup_printf("medmirror verify%s %s", job_settings(job)->mirror_words, label);
    version_add_next(error, label, again);
    int status = finish(job, result, mended, error);
    g_clear_pointer(&result, verify_result_free);
    return status;
}

/* A manifest of one's own is a REF, as everywhere. */
static gboolean is_folder(const char *text)
{
    if (g_str_has_suffix(text, ".json") && g_file_test(text, G_FILE_TEST_IS_REGULAR)) {
        return FALSE;
    }
    return strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || g_str_has_prefix(text, "./") ||
           g_str_has_prefix(text, "../") || text[0] == '/' || text[0] == '~';
}

static int verify_one(Job *job, Verifying *verifying, Mirror *mirror, const char *text)
{
    g_autoptr(GError) error = NULL;
    if (is_folder(text)) {
        g_autoptr(VerifyResult) result = NULL;
        if (verifying->repair) {
            g_set_error(
                &error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("--repair mends what is in a mirror; %s is a folder. Name the REF instead."),
                text);
        } else {
            result = job_verify_folder(job, text, &verifying->request, &error);
        }
        return finish(job, result, 0, error);
    }
    g_autoptr(Reference) reference =
        reference_parse(text, verifying->invocation->catalogue, &error);
    g_autoptr(LockHeader) header =
        reference && mirror ? version_choose(mirror, reference, &error) : NULL;
    if (!reference && g_file_test(text, G_FILE_TEST_IS_DIR)) {
        g_autofree char *more = g_strdup_printf(
            _("%s The folder of that name here is checked by: medmirror verify ./%s"),
            error->message, text);
        g_free(error->message);
        error->message = g_steal_pointer(&more);
    }
    if (!header && !error) {
        g_set_error(&error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("There is no mirror at %s yet. Bring a dataset with: medmirror pull %s"),
                    verifying->invocation->mirror_path, text);
    }
    return header ? verify_version(job, mirror, header, &verifying->request, verifying)
                  : finish(job, NULL, 0, error);
}

static void set_nothing_here(const Verifying *verifying, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("Nothing is in the mirror %s yet. Bring a dataset with: medmirror pull REF"),
                verifying->invocation->mirror_path);
}

/* What has a lock that cannot be read is not proven, whatever else is; the exit status. */
static int tell_damaged_locks(Job *job, const Verifying *verifying, Mirror *mirror,
                              const char *folder)
{
    g_autoptr(GPtrArray) all =
        mirror ? mirror_damaged_locks(mirror, folder)
               : g_ptr_array_new_with_free_func((GDestroyNotify)damaged_lock_free);
    int status = 0;
    for (guint i = 0; i < all->len; i++) {
        g_autoptr(GError) error = NULL;
        version_set_damaged(all->pdata[i], verifying->invocation->catalogue, &error);
        int now = finish(job, NULL, 0, error);
        status = i == 0 ? now : exit_status_worst(status, now);
    }
    return status;
}

static int verify_whole_mirror(Job *job, Verifying *verifying, Mirror *mirror)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) headers = mirror ? mirror_list(mirror, &error) : NULL;
    int status = tell_damaged_locks(job, verifying, mirror, NULL);
    if (!headers || headers->len == 0) {
        if (!error && status) {
            return status;
        }
        if (!error) {
            set_nothing_here(verifying, &error);
        }
        return finish(job, NULL, 0, error);
    }
    for (guint i = 0; i < headers->len && !job_is_cancelled(job); i++) {
        int now = verify_version(job, mirror, g_ptr_array_index(headers, i), &verifying->request,
                                 verifying);
        status = status ? exit_status_worst(status, now) : now;
    }
    return status;
}

/* The versions that the REFs mean; of a REF without a version, all that are here. */
static GPtrArray *choose_versions(Verifying *verifying, Mirror *mirror, GError **error)
{
    char **refs = verifying->invocation->arguments;
    g_autoptr(GPtrArray) chosen = g_ptr_array_new_with_free_func((GDestroyNotify)lock_header_free);
    for (guint i = 0; refs[i]; i++) {
        g_autoptr(Reference) reference =
            reference_parse(refs[i], verifying->invocation->catalogue, error);
        g_autoptr(GPtrArray) versions =
            reference ? mirror_versions(mirror, reference->folder, error) : NULL;
        if (!versions) {
            return NULL;
        }
        guint before = chosen->len;
        for (guint k = 0; k < versions->len; k++) {
            const LockHeader *header = g_ptr_array_index(versions, k);
            if (version_is_meant(reference, header)) {
                g_ptr_array_add(chosen, lock_header_copy(header));
            }
        }
        if (chosen->len == before) {
            version_set_missing(mirror, reference, error);
            return NULL;
        }
    }
    return g_steal_pointer(&chosen);
}

static int verify_in_slices(Job *job, Verifying *verifying, Mirror *mirror)
{
    g_autoptr(GError) error = NULL;
    gboolean all = !verifying->invocation->arguments[0];
    g_autoptr(GPtrArray) headers = !mirror ? NULL
                                   : all   ? mirror_list(mirror, &error)
                                           : choose_versions(verifying, mirror, &error);
    int damaged = all ? tell_damaged_locks(job, verifying, mirror, NULL) : 0;
    if (!error && damaged && (!headers || headers->len == 0)) {
        return damaged;
    }
    if (!error && (!headers || headers->len == 0)) {
        set_nothing_here(verifying, &error);
    }
    if (error) {
        return finish(job, NULL, 0, error);
    }
    const VerifyForSpec spec = {.seconds = verifying->seconds,
                                .request = verifying->request,
                                .verify = verify_version,
                                .data = verifying};
    int status = verify_for(job, mirror, headers, &spec);
    return damaged ? exit_status_worst(damaged, status) : status;
}

static int verify_all(Job *job, gpointer data)
{
    Verifying *verifying = data;
    Invocation *invocation = verifying->invocation;
    g_autoptr(GError) error = NULL;
    g_autoptr(Mirror) mirror = mirror_open(
        invocation->mirror_path, verifying->repair ? MIRROR_OPEN_WRITE : MIRROR_OPEN_READ, &error);
    if (!mirror && !g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        return finish(job, NULL, 0, error);
    }
    int status = 0;
    if (verifying->seconds) {
        status = verify_in_slices(job, verifying, mirror);
    } else if (!invocation->arguments[0]) {
        status = verify_whole_mirror(job, verifying, mirror);
    }
    for (guint i = 0; !verifying->seconds && invocation->arguments[i] && !job_is_cancelled(job);
         i++) {
        int now = verify_one(job, verifying, mirror, invocation->arguments[i]);
        status = i == 0 ? now : exit_status_worst(status, now);
    }
    job_tell(job, JOB_EVENT_DETAIL, "summary", json_pack("{s:i}", "exit", status), NULL);
    return status;
}

/* --for; 0, or the exit status of what is wrong with it. */
static int take_time(Verifying *verifying, const char *text)
{
    Invocation *invocation = verifying->invocation;
    if (!duration_parse(text, &verifying->seconds) || !verifying->seconds) {
        return invocation_usage(invocation, _("--for takes a time, as in 5h, 30m or 90s."));
    }
    if (verifying->quick) {
        return invocation_usage(invocation,
                                _("--for and --quick exclude each other: --quick reads nothing, "
                                  "and proves nothing that could be gone on with."));
    }
    for (guint i = 0; invocation->arguments[i]; i++) {
        if (is_folder(invocation->arguments[i])) {
            return invocation_usage(invocation,
                                    _("--for goes on from run to run in a mirror; %s is a folder."),
                                    invocation->arguments[i]);
        }
    }
    return 0;
}

/* What goes on after an interruption. */
static char *line_again(const Invocation *invocation, const char *for_time)
{
    g_autofree char *refs = g_strjoinv(" ", invocation->arguments);
    return g_strdup_printf("medmirror verify --for %s%s%s", for_time, *refs ? " " : "", refs);
}

static int run(Invocation *invocation)
{
    Verifying verifying = {.invocation = invocation};
    g_autofree char *require = NULL;
    g_autofree char *for_time = NULL;
    g_autofree char *again = NULL;
    const GOptionEntry entries[] = {
        {"quick", 0, 0, G_OPTION_ARG_NONE, &verifying.quick,
         N_("By size and time; contents are read only where these have changed"), NULL},
        {"repair", 0, 0, G_OPTION_ARG_NONE, &verifying.repair,
         N_("Fetch what is damaged or missing anew"), NULL},
        {"for", 0, 0, G_OPTION_ARG_FILENAME, &for_time,
         N_("As long as this, as in 5h or 30m, longest unproven first; the next run goes on"),
         "TIME"},
        {"require", 0, 0, G_OPTION_ARG_FILENAME, &require,
         N_("declared or locked: files that nobody vouches for are a failure"), "TRUST"},
        {"no-wait", 0, 0, G_OPTION_ARG_NONE, &verifying.no_wait,
         N_("With --repair: end with exit status 8 where another run works on it"), NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (require && strcmp(require, "declared") != 0 && strcmp(require, "locked") != 0) {
        return invocation_usage(invocation, _("--require takes declared or locked."));
    }
    if (verifying.no_wait && !verifying.repair) {
        return invocation_usage(invocation,
                                _("--no-wait goes with --repair: verify alone waits for nobody."));
    }
    int wrong = for_time ? take_time(&verifying, for_time) : 0;
    if (wrong) {
        return wrong;
    }
    again = for_time ? line_again(invocation, for_time) : NULL;
    verifying.request.again = again;
    verifying.request.quick = verifying.quick;
    verifying.request.require = !require                           ? REQUIRE_NOTHING
                                : strcmp(require, "declared") == 0 ? REQUIRE_DECLARED
                                                                   : REQUIRE_LOCKED;
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return invocation_run(invocation, verify_all, &verifying);
}

const Verb verb_verify = {
    .name = "verify",
    .summary = N_("Prove every file against its digest; mend what is damaged"),
    .arguments = "[REF...|DIR]",
    .help = N_("Without REF, the whole mirror. DIR (a path that begins with . or /) is any folder "
               "with SHA256SUMS, MD5SUMS or the "
               "like in it, or with a lock or list of medmirror beside it. Exit status 3 where "
               "something is not as it must be. --for is for a timer: each run goes on where the "
               "last one stopped; a file that is begun is read to its end, and one that would not "
               "end in time is left to the next run.\n\n"
               "Examples:\n"
               "  medmirror verify mitdb\n"
               "  medmirror verify --repair physionet/mitdb@1.0.0\n"
               "  medmirror verify --for 5h"),
    .run = run,
};
