#include "error.h"
#include "i18n.h"
#include "job_adopt.h"
#include "selection_options.h"
#include "size_text.h"
#include "verbs.h"

#include <string.h>

typedef struct {
    Invocation *invocation;
    SelectionOptions selection_options;
    Selection *selection;
    gboolean move, in_place, allow_incomplete, no_wait, dry_run;
    char *checksums;
    char *command; /* as typed */
} Adopting;

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

static const char *list_name(AdoptList list)
{
    switch (list) {
    case ADOPT_LIST_SOURCE:
        return "source";
    case ADOPT_LIST_LOCK:
        return "lock";
    case ADOPT_LIST_GIVEN:
        return "given";
    case ADOPT_LIST_BESIDE:
        return "beside";
    default:
        return "none";
    }
}

static const char *compared_with(AdoptList list)
{
    switch (list) {
    case ADOPT_LIST_SOURCE:
        return _("the names are those that the source lists");
    case ADOPT_LIST_LOCK:
        return _("the names are those of the version's lock");
    case ADOPT_LIST_GIVEN:
        return _("the names are those of the list that is given");
    case ADOPT_LIST_BESIDE:
        return _("the names are those of a list that lay beside the files, which is not known to "
                 "be the publisher's");
    default:
        return _("nobody tells which files it must have: all of them were taken");
    }
}

/* Of archives the names alone are listed, and a file of another name may be anything. */
static void add_names(GString *text, const AdoptResult *result)
{
    if (result->taken_for && result->list == ADOPT_LIST_SOURCE) {
        add_line(text,
                 _("compared     no name: the source lists %s alone, and this "
                   "file has another name"),
                 result->taken_for);
    } else if (result->only_archives && result->list == ADOPT_LIST_SOURCE) {
        add_line(text, _("compared     the archives have the names that the source lists; what is "
                         "in them is listed nowhere"));
    } else {
        add_line(
            text, _("compared     %s"),
            result->unpacked_by_hand
                ? _("the source gives archives alone, and what they hold was unpacked by hand: all "
                    "of it was taken")
                : compared_with(result->list));
    }
}

/* How each was judged, and what could not be compared. */
static void add_compared(GString *text, const AdoptResult *result)
{
    const LockHeader *header = result->header;
    const guint64 *by = header->trust_count;
    add_names(text, result);
    if (by[TRUST_DECLARED] + by[TRUST_LOCKED]) {
        add_line(text,
                 ngettext("verified     %" G_GUINT64_FORMAT " file by the digest that is declared",
                          "verified     %" G_GUINT64_FORMAT " files by digests that are declared",
                          (gulong)(by[TRUST_DECLARED] + by[TRUST_LOCKED])),
                 by[TRUST_DECLARED] + by[TRUST_LOCKED]);
    }
    if (by[TRUST_HINT]) {
        add_line(text,
                 ngettext("agrees       %" G_GUINT64_FORMAT
                          " file with a size, or with a list that nobody vouches for",
                          "agree        %" G_GUINT64_FORMAT
                          " files with a size, or with a list that nobody vouches for",
                          (gulong)by[TRUST_HINT]),
                 by[TRUST_HINT]);
    }
    if (by[TRUST_FIRST_USE]) {
        add_line(text,
                 result->list == ADOPT_LIST_NONE || result->only_archives
                     ? ngettext("first use    %" G_GUINT64_FORMAT
                                " file: no digest to compare with; it is taken as it is",
                                "first use    %" G_GUINT64_FORMAT
                                " files: no digests to compare with; they are taken as they are",
                                (gulong)by[TRUST_FIRST_USE])
                     : ngettext("first use    %" G_GUINT64_FORMAT
                                " name right, no digest to compare with",
                                "first use    %" G_GUINT64_FORMAT
                                " names right, no digests to compare with",
                                (gulong)by[TRUST_FIRST_USE]),
                 by[TRUST_FIRST_USE]);
    }
    if (result->unpacked_by_hand && by[TRUST_FIRST_USE]) {
        add_line(text, _("             the source's digests, where it has any, are of the "
                         "archives"));
    }
}

static void add_missing(GString *text, const AdoptResult *result)
{
    const LockHeader *header = result->header;
    guint64 lacking = header->skipped + header->absent + header->failed;
    if (!lacking) {
        return;
    }
    g_autofree char *next =
        result->completion && !header->in_place
            ? g_strdup_printf(_("what is missing, and no more, is fetched by: %s"),
                              result->completion)
            : g_strdup(_("no program can fetch the rest"));
    add_line(
        text,
        ngettext("part         %" G_GUINT64_FORMAT " file is held, %" G_GUINT64_FORMAT " not; %s",
                 "part         %" G_GUINT64_FORMAT " files are held, %" G_GUINT64_FORMAT " not; %s",
                 (gulong)header->held_files),
        header->held_files, lacking, next);
}

static void add_moved(GString *text, const AdoptResult *result)
{
    if (result->moved || result->left) {
        add_line(text, _("moved        %" G_GUINT64_FORMAT " originals are the mirror's now"),
                 result->moved);
    }
}

static void add_originals(GString *text, const AdoptResult *result)
{
    add_moved(text, result);
    if (result->left) {
        add_line(text,
                 _("left         %" G_GUINT64_FORMAT
                   " originals, which changed meanwhile or could not be removed"),
                 result->left);
    }
    if (result->header->in_place && result->owner) {
        add_line(text,
                 _("registered   in place: %s can still change these files; verify notices, and "
                   "nothing is ever written there"),
                 result->owner);
    } else if (result->header->in_place) {
        add_line(text,
                 _("registered   in place: nothing is ever written there; verify notices what "
                   "changes"));
    }
}

/* The paragraph at the end. */
static char *describe_result(const AdoptResult *result)
{
    const LockHeader *header = result->header;
    GString *text = g_string_new(NULL);
    g_autofree char *held = size_text(header->held_bytes);
    g_autofree char *files = g_strdup_printf(
        ngettext("%" G_GUINT64_FORMAT " file", "%" G_GUINT64_FORMAT " files", header->held_files),
        header->held_files);
    if (result->up_to_date) {
        add_line(text, _("here         %s@%s is in the mirror already: %s, %s; nothing was taken"),
                 result->ref, header->version, files, held);
        add_moved(text, result);
    } else {
        add_line(text, _("done         %s@%s: %s, %s"), result->ref, header->version, files, held);
        add_compared(text, result);
        add_originals(text, result);
    }
    add_missing(text, result);
    add_line(text, _("fingerprint  %s"), header->fingerprint);
    if (header->citation && !result->up_to_date) {
        add_line(text, _("cite         %s"), header->citation);
    }
    return g_string_free(text, FALSE);
}

static json_t *result_json(const AdoptResult *result)
{
    const LockHeader *header = result->header;
    json_t *facts = json_pack(
        "{s:s, s:b, s:b, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "ref", result->ref, "up_to_date",
        result->up_to_date, "installed", result->installed, "list", list_name(result->list),
        "foreign", (json_int_t)result->foreign, "missing", (json_int_t)result->missing, "cloned",
        (json_int_t)result->cloned, "copied", (json_int_t)result->copied, "moved",
        (json_int_t)result->moved, "left", (json_int_t)result->left);
    if (header) {
        json_object_update_new(
            facts, json_pack("{s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:I, s:b}", "version",
                             header->version, "path", result->path, "fingerprint",
                             header->fingerprint, "files", (json_int_t)header->held_files, "bytes",
                             (json_int_t)header->held_bytes, "whole", lock_header_is_whole(header),
                             "declared",
                             (json_int_t)header->trust_count[TRUST_DECLARED] +
                                 (json_int_t)header->trust_count[TRUST_LOCKED],
                             "hint", (json_int_t)header->trust_count[TRUST_HINT], "first_use",
                             (json_int_t)header->trust_count[TRUST_FIRST_USE], "in_place",
                             header->in_place != NULL));
    }
    return facts;
}

/* A dataset of the catalogue, of a source, or of a manifest of one's own; nobody need be able to
 * fetch it. */
static gboolean check_can_be_adopted(const Reference *reference, GError **error)
{
    const Manifest *manifest = reference->manifest;
    if (reference->is_folder) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("%s names a folder of the mirror. Type the id, the name or the address of the "
              "dataset; for one that no catalogue has, a manifest of your own: medmirror "
              "adopt ./my-dataset.json DIR"),
            reference->text);
        return FALSE;
    }
    if (reference->version && g_str_has_prefix(reference->version, "mm1:")) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("A fingerprint names what is here already, and cannot name what is to be "
                      "adopted. Name the version, as in: medmirror adopt %s@1.0.0 DIR"),
                    reference->ref);
        return FALSE;
    }
    if (manifest && manifest->kind != KIND_DATASET && manifest->kind != KIND_CHALLENGE) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s is a collection, and no one dataset; see what is below it with: "
                      "medmirror show %s"),
                    reference->text, reference->ref);
        return FALSE;
    }
    return TRUE;
}

static gboolean complete_reference(Job *job, Reference *reference, Catalogue *catalogue,
                                   GError **error)
{
    if (reference_is_complete(reference)) {
        return TRUE;
    }
    HostServices *services = job_services(job, error);
    return services && reference_ask(reference, catalogue, services, error);
}

static gboolean adopt_one(Job *job, Adopting *adopting, AdoptResult **result, GError **error)
{
    Invocation *invocation = adopting->invocation;
    g_autoptr(Reference) reference =
        reference_parse(invocation->arguments[0], invocation->catalogue, error);
    if (!reference || !check_can_be_adopted(reference, error) ||
        !complete_reference(job, reference, invocation->catalogue, error)) {
        return FALSE;
    }
    g_autoptr(Selection) selection = reference_narrow(reference, adopting->selection, error);
    if (!selection) {
        return FALSE;
    }
    AdoptRequest request = {.reference = reference,
                            .from = invocation->arguments[1],
                            .checksums = adopting->checksums,
                            .selection = selection,
                            .how = adopting->move       ? ADOPT_MOVE
                                   : adopting->in_place ? ADOPT_IN_PLACE
                                                        : ADOPT_COPY,
                            .allow_incomplete = adopting->allow_incomplete,
                            .no_wait = adopting->no_wait,
                            .dry_run = adopting->dry_run,
                            .command = adopting->command};
    return job_adopt(job, &request, result, error);
}

static int adopt_on_job(Job *job, gpointer data)
{
    Adopting *adopting = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(AdoptResult) result = NULL;
    adopt_one(job, adopting, &result, &error);
    int status = error_exit_status(error);
    json_t *facts = result ? result_json(result)
                           : json_pack("{s:s}", "ref", adopting->invocation->arguments[0]);
    if (error) {
        json_object_set_new(facts, "message", json_string(error->message));
    }
    json_object_set_new(facts, "exit", json_integer(status));
    if (result && result->header) {
        g_autofree char *paragraph = describe_result(result);
        job_answer(job, JOB_EVENT_STEP, "result", facts, paragraph, result->path);
    } else {
        job_tell(job, JOB_EVENT_DETAIL, "result", facts, NULL);
    }
    if (error) {
        g_autofree char *line = g_strdup_printf("medmirror: %s", error->message);
        job_answer(job, JOB_EVENT_FAILURE, "error",
                   json_pack("{s:s, s:i, s:s}", "ref", adopting->invocation->arguments[0], "exit",
                             status, "message", error->message),
                   line, NULL);
    }
    job_tell(job, JOB_EVENT_DETAIL, "summary",
             json_pack("{s:i, s:i, s:i}", "exit", status, "refs", 1, "failed", status != 0), NULL);
    return status;
}

/* The line that goes on, with what was typed. */
static char *command_line(const Adopting *adopting)
{
    char **arguments = adopting->invocation->arguments;
    g_autofree char *from = g_shell_quote(arguments[1]);
    g_autofree char *list = adopting->checksums ? g_shell_quote(adopting->checksums) : NULL;
    g_autofree char *chosen =
        selection_is_all(adopting->selection) ? NULL : selection_describe(adopting->selection);
    /* Quotes only where the shell needs them. */
    const char *shown = strpbrk(arguments[1], " '\"\\$`*?[]()<>|&;!~#") ? from : arguments[1];
    return g_strdup_printf(
        "medmirror adopt%s%s%s%s%s%s%s%s %s %s", adopting->invocation->mirror_words,
        adopting->move ? " --move" : "", adopting->in_place ? " --in-place" : "",
        adopting->allow_incomplete ? " --allow-incomplete" : "", list ? " --checksums " : "",
        list ? list : "", chosen ? " " : "", chosen ? chosen : "", arguments[0], shown);
}

static gboolean is_there(const char *path)
{
    return g_file_test(path, G_FILE_TEST_EXISTS);
}

static int check_arguments(Adopting *adopting)
{
    Invocation *invocation = adopting->invocation;
    char **arguments = invocation->arguments;
    guint count = g_strv_length(arguments);
    if (count != 2) {
        return invocation_usage(
            invocation, count == 0 ? _("Which dataset, and where are its files? As in: medmirror "
                                       "adopt mitdb ~/Downloads/mitdb")
                        : count == 1
                            ? _("adopt takes a dataset and the folder (or file) that was "
                                "downloaded, as in: medmirror adopt mitdb ~/Downloads/mitdb")
                            : _("adopt takes one dataset and one folder (or file) at a time."));
    }
    if (adopting->move && adopting->in_place) {
        return invocation_usage(invocation, _("--move and --in-place exclude each other: the first "
                                              "takes the files away, the second leaves them where "
                                              "they are."));
    }
    if (!is_there(arguments[1]) && is_there(arguments[0]) && !strstr(arguments[1], "/")) {
        return invocation_usage(invocation, _("The dataset comes first: medmirror adopt %s %s"),
                                arguments[1], arguments[0]);
    }
    return 0;
}

static int adopt_opened(Adopting *adopting)
{
    Invocation *invocation = adopting->invocation;
    int status = check_arguments(adopting);
    if (status) {
        return status;
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    adopting->selection = selection_options_make(&adopting->selection_options, &error);
    if (!adopting->selection) {
        return invocation_fail(invocation, error);
    }
    adopting->command = command_line(adopting);
    return invocation_run(invocation, adopt_on_job, adopting);
}

static int run(Invocation *invocation)
{
    Adopting adopting = {.invocation = invocation};
    const GOptionEntry entries[] = {
        SELECTION_ENTRIES(adopting.selection_options),
        {"move", 0, 0, G_OPTION_ARG_NONE, &adopting.move,
         N_("The files become the mirror's: the originals go once all is installed"), NULL},
        {"in-place", 0, 0, G_OPTION_ARG_NONE, &adopting.in_place,
         N_("The folder stays where and whose it is; the mirror only points to it"), NULL},
        {"checksums", 0, 0, G_OPTION_ARG_FILENAME, &adopting.checksums,
         N_("Compare with this list (SHA256SUMS, MD5SUMS and the like)"), "FILE"},
        {"allow-incomplete", 0, 0, G_OPTION_ARG_NONE, &adopting.allow_incomplete,
         N_("Take what is there and right although other files are not"), NULL},
        {"no-wait", 0, 0, G_OPTION_ARG_NONE, &adopting.no_wait,
         N_("End with exit status 8 where another run works on it"), NULL},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &adopting.dry_run,
         N_("Say what would be done, and take nothing"), NULL},
        {NULL}};
    int status = 0;
    if (invocation_parse(invocation, entries, &status)) {
        status = adopt_opened(&adopting);
    }
    selection_options_clear(&adopting.selection_options);
    g_clear_pointer(&adopting.selection, selection_free);
    g_free(adopting.checksums);
    g_free(adopting.command);
    return status;
}

const Verb verb_adopt = {
    .name = "adopt",
    .summary = N_("Take files that were downloaded by hand, verified like any other"),
    .arguments = "REF DIR|FILE",
    .help = N_("REF is what the files are: an id of the catalogue, SOURCE/NAME[@VERSION], or a "
               "manifest of one's own (./my-dataset.json); also a dataset that no program can "
               "fetch. DIR is a folder in any layout that people have: the files themselves, below "
               "the folders that wget makes, below the top folder of an archive, in the cache of "
               "kagglehub (~/.cache/kagglehub), whose path tells the version. FILE is the "
               "archive as it was downloaded, or one file that a version still lacks.\n\n"
               "The files are compared with what the source declares, else with --checksums, else "
               "with a list that lies among them; what nobody vouches for is recorded as first "
               "use. They are cloned (reflink) where the disk can, else copied, and stay as they "
               "are, unless --move. Where no list is known, all files of DIR are taken.\n\n"
               "Examples:\n"
               "  medmirror adopt mitdb ~/Downloads/physionet.org\n"
               "  medmirror adopt uci/45 ~/Downloads/heart+disease.zip\n"
               "  medmirror adopt kaggle/OWNER/SLUG ~/.cache/kagglehub\n"
               "  medmirror adopt --in-place physionet/ptb-xl@1.0.3 /data/shared/ptb-xl\n"
               "  medmirror adopt --checksums MD5SUMS adni /media/disk/ADNI"),
    .run = run,
};
