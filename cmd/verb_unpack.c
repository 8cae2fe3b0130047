#include "error.h"
#include "i18n.h"
#include "size_text.h"
#include "tree_writer.h"
#include "unpacking.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    Invocation *invocation;
    const char *archive, *folder;
    const char *charset;
    guint strip;
} Unpack;

/* DIR must be absent or empty; what of it was made here is told by *MADE. */
static int open_empty_folder(const char *path, gboolean *made, GError **error)
{
    *made = !g_file_test(path, G_FILE_TEST_EXISTS);
    if (g_mkdir_with_parents(path, 0777) != 0) {
        error_set_storage(error, errno, _("%s cannot be made"), path);
        return -1;
    }
    g_autoptr(GError) failure = NULL;
    GDir *dir = g_dir_open(path, 0, &failure);
    if (!dir) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE, _("%s cannot be read: %s"),
                    path, failure->message);
        return -1;
    }
    gboolean empty = g_dir_read_name(dir) == NULL;
    g_dir_close(dir);
    if (!empty) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s is not empty. Name a folder that is empty or not there yet."), path);
        return -1;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        error_set_storage(error, errno, _("%s cannot be opened"), path);
    }
    return fd;
}

/* Nothing stays there of an archive that is refused. */
static void empty_folder(int fd, const char *path, gboolean made)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir && (name = g_dir_read_name(dir))) {
        tree_remove_all(fd, name, NULL);
    }
    if (dir) {
        g_dir_close(dir);
    }
    if (made) {
        g_rmdir(path);
    }
}

static gboolean on_cancelled(gpointer data)
{
    return job_is_cancelled(data);
}

static gboolean unpack(Job *job, const Unpack *request, guint64 *bytes, guint64 *entries,
                       GError **error)
{
    g_autofree char *base = g_path_get_basename(request->archive);
    g_autoptr(UnpackRule) rule = unpack_rule_from_name(base);
    if (!rule) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s is no archive by its name: .zip, .tar, .tar.gz, .tar.xz, .tar.zst, .7z, "
                      ".rar and the like are."),
                    request->archive);
        return FALSE;
    }
    rule->charset = g_strdup(request->charset);
    rule->strip = request->strip;
    int archive = open(request->archive, O_RDONLY | O_CLOEXEC);
    if (archive < 0) {
        g_set_error(error, MEDMIRROR_ERROR,
                    errno == ENOENT ? MEDMIRROR_ERROR_ABSENT : MEDMIRROR_ERROR_STORAGE,
                    _("%s cannot be read: %s"), request->archive, g_strerror(errno));
        return FALSE;
    }
    gboolean made = FALSE;
    int folder = open_empty_folder(request->folder, &made, error);
    gboolean done = FALSE;
    if (folder >= 0) {
        const UnpackLimits limits = {.most_bytes = SIZE_UNKNOWN};
        done = unpack_whole_file(rule, archive, base, folder, &limits, bytes, entries, on_cancelled,
                                 job, error);
        if (!done) {
            empty_folder(folder, request->folder, made);
        }
        close(folder);
    }
    close(archive);
    return done;
}

static int unpack_on_job(Job *job, gpointer data)
{
    const Unpack *request = data;
    guint64 bytes = 0, entries = 0;
    g_autoptr(GError) error = NULL;
    if (!unpack(job, request, &bytes, &entries, &error)) {
        if (job_is_cancelled(job)) {
            g_clear_error(&error);
            g_autofree char *again =
                g_strdup_printf("medmirror unpack %s %s", request->archive, request->folder);
            job_set_cancelled_error(job, again, &error);
        }
        /* The archive is a file that a person named: bytes of it that are wrong are damage here. */
        job_tell(
            job, JOB_EVENT_FAILURE, "error",
            json_pack("{s:i, s:s}", "exit", error_exit_status(error), "message", error->message),
            "medmirror: %s", error->message);
        return error_exit_status(error);
    }
    g_autofree char *size = size_text(bytes);
    g_autofree char *path = g_canonicalize_filename(request->folder, NULL);
    g_autofree char *text =
        g_strdup_printf(_("unpacked     %" G_GUINT64_FORMAT " entries, %s"), entries, size);
    job_answer(job, JOB_EVENT_STEP, "summary",
               json_pack("{s:i, s:s, s:I, s:I}", "exit", 0, "path", path, "entries",
                         (json_int_t)entries, "bytes", (json_int_t)bytes),
               text, path);
    return 0;
}

static int run(Invocation *invocation)
{
    g_autofree char *charset = NULL;
    int strip = 0;
    const GOptionEntry entries[] = {
        {"charset", 0, 0, G_OPTION_ARG_FILENAME, &charset,
         N_("Of member names that are not UTF-8 (GBK, CP437 ...)"), "NAME"},
        {"strip", 0, 0, G_OPTION_ARG_INT, &strip, N_("Drop N leading parts of member names"), "N"},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (g_strv_length(invocation->arguments) != 2 || strip < 0 || strip > 32) {
        return invocation_usage(invocation, _("unpack takes an archive and a folder."));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    Unpack request = {.invocation = invocation,
                      .archive = invocation->arguments[0],
                      .folder = invocation->arguments[1],
                      .charset = charset,
                      .strip = (guint)strip};
    return invocation_run(invocation, unpack_on_job, &request);
}

const Verb verb_unpack = {
    .name = "unpack",
    .summary = N_("The safe unpacker by itself"),
    .arguments = "ARCHIVE DIR",
    .help = N_("Decodes in a child process that can open nothing, refuses what would escape, "
               "overwrite, collide or explode (exit "
               "status 9), and leaves nothing of an archive that is refused. DIR must be absent or "
               "empty.\n\n"
               "Examples:\n"
               "  medmirror unpack images.zip images\n"
               "  medmirror unpack --charset GBK data.zip data"),
    .run = run,
};
