#include "evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#define COPY_BYTES (64 * 1024)
#define NAME_MOST 200 /* leaves room for ".json" and what is still being written */

/* One part, whatever NAME is; a long one is cut and told from its like by its SHA-256. */
static char *file_name(const char *name)
{
    g_autofree char *part = relpath_encode_part(name);

    if (strlen(part) <= NAME_MOST)
        return g_steal_pointer(&part);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, name, -1);
    return g_strdup_printf("%.*s+%.16s", NAME_MOST - 17, part, sum);
}

static int copy_range(int from_fd, guint64 offset, guint64 length, int to_fd)
{
    g_autofree guint8 *buffer = g_malloc(COPY_BYTES);

    while (length > 0) {
        gssize got = TEMP_FAILURE_RETRY(
            pread(from_fd, buffer, (gsize)MIN(length, (guint64)COPY_BYTES), (off_t)offset));
        if (got < 0)
            return errno;
        if (got == 0)
            return 0;
        for (gssize done = 0; done < got;) {
            gssize put = TEMP_FAILURE_RETRY(write(to_fd, buffer + done, (gsize)(got - done)));
            if (put < 0)
                return errno;
            done += put;
        }
        offset += (guint64)got;
        length -= (guint64)got;
    }
    return 0;
}

/* NAME and ENDING below FOLDER_FD, made anew. -1 and errno. */
static int make_file(int folder_fd, const char *name, const char *ending, mode_t mode)
{
    g_autofree char *full = g_strconcat(name, ending, NULL);

    if (unlinkat(folder_fd, full, 0) < 0 && errno != ENOENT)
        return -1;
    return TEMP_FAILURE_RETRY(
        openat(folder_fd, full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
}

static int keep_range(int folder_fd, const char *name, const char *ending, mode_t mode, int fd,
                      guint64 offset, guint64 length)
{
    int to_fd = make_file(folder_fd, name, ending, mode);

    if (to_fd < 0)
        return errno;
    int failed = copy_range(fd, offset, length, to_fd);
    if (close(to_fd) < 0 && !failed)
        failed = errno;
    return failed;
}

static json_t *digests_to_json(const DigestSet *digests)
{
    json_t *object = json_object();

    for (guint i = 0; digests && i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(digests, (DigestAlgorithm)i);
        g_autofree char *hex = digest ? digest_to_hex(digest) : NULL;
        if (hex)
            json_object_set_new(object, digest_algorithm_name((DigestAlgorithm)i),
                                json_string(hex));
    }
    return object;
}

static char *describe(const EvidenceNote *note, guint64 size, gboolean whole)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *when = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    g_autofree char *path = g_utf8_make_valid(note->path ? note->path : "", -1);
    g_autofree char *address = note->address ? g_utf8_make_valid(note->address, -1) : NULL;
    json_t *object =
        json_pack("{s:s, s:s?, s:s, s:I, s:s, s:o, s:o}", "path", path, "address", address, "kept",
                  when, "size", (json_int_t)size, "copy", whole ? "whole" : "first and last MiB",
                  "seen", digests_to_json(note->seen), "wanted", digests_to_json(note->wanted));
    char *text = json_dumps(object, JSON_INDENT(2));

    json_decref(object);
    return text;
}

static int keep_note(int folder_fd, const char *name, mode_t mode, const char *text)
{
    int fd = make_file(folder_fd, name, ".json", mode);
    gsize length = strlen(text);
    int failed = 0;

    if (fd < 0)
        return errno;
    for (gsize done = 0; done < length && !failed;) {
        gssize put = TEMP_FAILURE_RETRY(write(fd, text + done, length - done));
        if (put < 0)
            failed = errno;
        else
            done += (gsize)put;
    }
    if (close(fd) < 0 && !failed)
        failed = errno;
    return failed;
}

static void remove_old(int folder_fd, const char *name)
{
    static const char *const endings[] = {"", ".head", ".tail", ".json"};

    for (guint i = 0; i < G_N_ELEMENTS(endings); i++) {
        g_autofree char *full = g_strconcat(name, endings[i], NULL);
        unlinkat(folder_fd, full, 0); /* what cannot go is met again when it is made */
    }
}

gboolean evidence_keep(int evidence_fd, const char *name, int fd, const EvidenceNote *note,
                       GError **error)
{
    g_autofree char *part = file_name(name);
    struct stat st;
    int failed = fstat(fd, &st) < 0 ? errno : 0;

    if (!failed) {
        const mode_t mode = (st.st_mode & 0666) | 0200;
        const guint64 size = (guint64)st.st_size;
        const gboolean whole = size <= EVIDENCE_WHOLE_BYTES;
        char *text = describe(note, size, whole);

        remove_old(evidence_fd, part);
        if (whole)
            failed = keep_range(evidence_fd, part, "", mode, fd, 0, size);
        else
            failed = keep_range(evidence_fd, part, ".head", mode, fd, 0, EVIDENCE_PART_BYTES);
        if (!failed && !whole)
            failed = keep_range(evidence_fd, part, ".tail", mode, fd, size - EVIDENCE_PART_BYTES,
                                EVIDENCE_PART_BYTES);
        if (!failed)
            failed = keep_note(evidence_fd, part, mode, text);
        free(text);
        if (failed)
            remove_old(evidence_fd, part);
    }
    if (failed)
        return error_set_storage(error, failed, _("Cannot keep the wrong copy of %s"), name);
    return TRUE;
}
