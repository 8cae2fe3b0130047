#include "error.h"
#include "i18n.h"
#include "job_list.h"
#include "job_uid_list.h"
#include "lock_choice.h"
#include "relpath.h"
#include "selection_options.h"
#include "verbs.h"
#include "version_choice.h"
#include "where_check.h"

typedef struct {
    Invocation *invocation;
    Job *job;
    const char *text;
    Selection *selection;
    guint64 printed;
} Filing;

static void print_file(Filing *filing, const char *path, guint64 size, const Digest *digest,
                       const char *state)
{
    filing->printed++;
    g_autofree char *hex = digest ? digest_to_hex(digest) : NULL;
    g_autofree char *named =
        hex ? g_strdup_printf("%s:%s", digest_algorithm_name(digest->algorithm), hex) : NULL;
    g_autofree char *bytes =
        size == SIZE_UNKNOWN ? g_strdup("-") : g_strdup_printf("%" G_GUINT64_FORMAT, size);
    g_autofree char *shown = relpath_display(path);
    g_autofree char *text = g_strdup_printf("%14s  %s  %s", bytes, named ? named : "-", shown);
    json_t *facts = NULL;
    if (filing->invocation->json) {
        facts = json_pack("{s:s, s:s?, s:s}", "path", path, "digest", named, "state", state);
        json_object_set_new(facts, "bytes",
                            size == SIZE_UNKNOWN ? json_null() : json_integer((json_int_t)size));
    }
    job_answer(filing->job, JOB_EVENT_DETAIL, "listed", facts, NULL, text);
}

static const Digest *best_digest(const DigestSet *set)
{
    static const DigestAlgorithm order[] = {DIGEST_SHA256, DIGEST_SHA512,   DIGEST_MD5,
                                            DIGEST_SHA1,   DIGEST_GIT_BLOB, DIGEST_CRC32C};
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        if (digest_set_get(set, order[i])) {
            return digest_set_get(set, order[i]);
        }
    }
    return NULL;
}

static gboolean print_lock(Filing *filing, Mirror *mirror, const LockHeader *header,
                           const Selection *selection, GError **error)
{
    g_autoptr(LockReader) reader = mirror_open_lock(mirror, header->folder, header->version, error);
    g_autoptr(LockChoice) choice = lock_choice_new(selection);
    guint64 taken = 0;
    LockLine kind = reader ? LOCK_LINE_FILE : LOCK_LINE_ERROR;
    while (kind != LOCK_LINE_END && kind != LOCK_LINE_ERROR) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        kind = lock_reader_next(reader, &download, &file, error);
        if (kind == LOCK_LINE_DOWNLOAD) {
            lock_choice_add(choice, &download);
        }
        if (kind == LOCK_LINE_FILE && lock_choice_takes(choice, &file)) {
            taken++;
            print_file(filing, file.path, file.size, best_digest(&file.digests),
                       lock_state_name(file.state));
        }
    }
    const char *missing =
        taken == 0 ? where_missing_key(selection, lock_choice_keys(choice)) : NULL;
    return kind == LOCK_LINE_END &&
           (!missing || where_set_missing(header->ref, missing, lock_choice_keys(choice), error));
}

static gboolean on_listed(const SpoolDownload *download, gpointer data, GError **error)
{
    Filing *filing = data;
    const FileSpec *file = download->file;
    /* An archive of which members may be taken is named where it is itself, or is a series. */
    if ((file->unpack && file->unpack->series) ||
        selection_takes(filing->selection, file->path, file->facts)) {
        print_file(filing, download->file->path,
                   download->file->size_is_rounded ? SIZE_UNKNOWN : download->file->size,
                   best_digest(&download->file->declared), file_role_name(download->file->role));
    }
    return TRUE;
}

/* Its size is what the source says, which the archive may say otherwise. */
static gboolean on_member(const char *archive, const char *path, guint64 size, gpointer data,
                          GError **error)
{
    Filing *filing = data;
    if (selection_takes(filing->selection, path, NULL)) {
        print_file(filing, path, size, NULL, "member");
    }
    return TRUE;
}

/* A misspelt value is not an empty answer; what archives hold that are not here is not known. */
static gboolean check_printed(const Filing *filing, const Reference *reference,
                              const Selection *selection, gboolean is_here, GError **error)
{
    if (filing->printed > 0 || selection_is_all(selection)) {
        return TRUE;
    }
    if (is_here || selection_looks_at_facts(selection)) {
        return where_set_none(reference->ref, selection, error);
    }
    g_autofree char *asked = selection_describe(selection);
    job_tell(filing->job, JOB_EVENT_WARNING, "note", json_pack("{s:s}", "ref", reference->ref),
             _("%s: nothing that the source lists is taken by %s; what its archives hold is not "
               "always listed. All that is listed: medmirror files %s"),
             reference->ref, asked, reference->ref);
    return TRUE;
}

/* Of what is here, its lock; else the source is asked. */
static gboolean print_reference(Filing *filing, Reference *reference, GError **error)
{
    Invocation *invocation = filing->invocation;
    HostServices *services =
        reference_is_complete(reference) ? NULL : job_services(filing->job, NULL);
    if (services && !reference_ask(reference, invocation->catalogue, services, error)) {
        return FALSE;
    }
    g_autoptr(Selection) selection = reference_narrow(reference, filing->selection, error);
    g_autoptr(Mirror) mirror =
        selection ? mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, NULL) : NULL;
    g_autoptr(GError) not_here = NULL;
    g_autoptr(LockHeader) header = mirror ? version_choose(mirror, reference, &not_here) : NULL;
    if (!selection) {
        return FALSE;
    }
    filing->printed = 0;
    if (header) {
        return print_lock(filing, mirror, header, selection, error) &&
               check_printed(filing, reference, selection, TRUE, error);
    }
    if (not_here && g_error_matches(not_here, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE)) {
        g_propagate_error(error, g_steal_pointer(&not_here));
        return FALSE;
    }
    const ListReader reader = {.download = on_listed, .member = on_member, .data = filing};
    return reference_can_be_fetched(reference, error) &&
           job_list(filing->job, reference, selection, &reader, error) &&
           check_printed(filing, reference, selection, FALSE, error);
}

static gboolean print_list(Filing *filing, GError **error)
{
    g_autoptr(UidListed) listed =
        job_uid_list(filing->job, filing->text, filing->invocation->catalogue, error);
    for (guint i = 0; listed && i < listed->references->len; i++) {
        if (!print_reference(filing, g_ptr_array_index(listed->references, i), error)) {
            return FALSE;
        }
    }
    return listed && uid_listed_check(listed, filing->text, error);
}

static gboolean print_named(Filing *filing, GError **error)
{
    g_autoptr(Reference) reference =
        reference_parse(filing->text, filing->invocation->catalogue, error);
    return reference && print_reference(filing, reference, error);
}

static int files_on_job(Job *job, gpointer data)
{
    Filing *filing = data;
    g_autoptr(GError) error = NULL;
    filing->job = job;
    gboolean done = reference_is_uid_list(filing->text) ? print_list(filing, &error)
                                                        : print_named(filing, &error);
    if (!done && error) {
        job_tell(
            job, JOB_EVENT_FAILURE, "error",
            json_pack("{s:i, s:s}", "exit", error_exit_status(error), "message", error->message),
            "medmirror: %s", error->message);
    }
    return error_exit_status(error);
}

static int run(Invocation *invocation)
{
    g_auto(SelectionOptions) options = {0};
    const GOptionEntry entries[] = {SELECTION_ENTRIES(options), {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0] || invocation->arguments[1]) {
        return invocation_usage(invocation, _("files takes one REF, as in: medmirror files mitdb"));
    }
    g_autoptr(GError) error = NULL;
    Filing filing = {.invocation = invocation, .text = invocation->arguments[0]};
    if (!invocation_open(invocation, &error) ||
        !(filing.selection = selection_options_make(&options, &error))) {
        return invocation_fail(invocation, error);
    }
    status = invocation_run(invocation, files_on_job, &filing);
    selection_free(filing.selection);
    return status;
}

const Verb verb_files = {
    .name = "files",
    .summary = N_("What a pull would bring: paths, sizes, digests"),
    .arguments = "REF",
    .help = N_(
        "Of a version that is here, from its lock; else the source is asked. A line a file: "
        "bytes, digest, path. Of an "
        "archive that is not here, the archive itself is named, and its members where the source "
        "lists them.\n\n"
        "Examples:\n"
        "  medmirror files physionet/mitdb\n"
        "  medmirror files ptb-xl --include '*.csv'"),
    .run = run,
};
