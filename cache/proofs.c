#include "proofs.h"

#include "error.h"
#include "group_mode.h"
#include "i18n.h"
#include "proofs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *utc(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    return g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
}

static char *line_of(const Proof *proof)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *when = utc(now);
    g_autofree char *begun = utc(proof->begun ? proof->begun : now);
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:s}", "when",
                  when, "begun", begun, "folder", proof->folder, "version", proof->version,
                  "fingerprint", proof->fingerprint, "by", proof->by, "quick", proof->quick,
                  "files", (json_int_t)proof->files, "bytes", (json_int_t)proof->bytes, "damaged",
                  (json_int_t)proof->damaged, "missing", (json_int_t)proof->missing, "foreign",
                  (json_int_t)proof->foreign, "tool", "medmirror/" MEDMIRROR_VERSION);
    if (proof->mended) {
        json_object_set_new(line, "mended", json_integer((json_int_t)proof->mended));
    }
    if (proof->after) {
        json_object_set_new(line, "after", json_string(proof->after));
    }
    if (proof->upto) {
        json_object_set_new(line, "upto", json_string(proof->upto));
    }
    char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(line);
    char *whole = text ? g_strdup_printf("%s\n", text) : NULL;
    free(text);
    return whole;
}

/* A crash may have left a line without its end. */
static gboolean ends_in_line(int fd)
{
    struct stat now;
    char last = '\n';
    return fstat(fd, &now) != 0 || now.st_size == 0 ||
           TEMP_FAILURE_RETRY(pread(fd, &last, 1, now.st_size - 1)) != 1 || last == '\n';
}

static gboolean refuse(Mirror *mirror, int number, GError **error)
{
    return error_set_storage(error, number, _("The proof cannot be written to %s/.medmirror/%s"),
                             mirror_path(mirror), PROOFS_FILE);
}

gboolean proofs_append(Mirror *mirror, const Proof *proof, GError **error)
{
    g_autofree char *line = line_of(proof);
    if (!line) {
        return refuse(mirror, EILSEQ, error);
    }
    int fd = openat(mirror_private_fd(mirror), PROOFS_FILE, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC,
                    group_mode(mirror_private_fd(mirror), 0644));
    if (fd < 0) {
        return refuse(mirror, errno, error);
    }
    g_autofree char *whole = g_strconcat(ends_in_line(fd) ? "" : "\n", line, NULL);
    gssize wrote = TEMP_FAILURE_RETRY(write(fd, whole, strlen(whole)));
    int number = wrote < 0 ? errno : ENOSPC;
    close(fd);
    return wrote == (gssize)strlen(whole) || refuse(mirror, number, error);
}
