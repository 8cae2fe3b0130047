#include "proofs.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROOFS "proofs.jsonl"

/* One write(2) of one line with O_APPEND: lines of several runs do not mix. */
gboolean proofs_append(Mirror *mirror, const Proof *proof, GError **error)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *when = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    json_t *line = json_pack(
        "{s:s, s:s, s:s, s:s?, s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "when", when, "folder",
        proof->folder, "version", proof->version, "fingerprint", proof->fingerprint, "by",
        proof->by, "quick", proof->quick, "files", (json_int_t)proof->files, "bytes",
        (json_int_t)proof->bytes, "damaged", (json_int_t)proof->damaged, "missing",
        (json_int_t)proof->missing, "foreign", (json_int_t)proof->foreign);
    char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(line);
    g_autofree char *whole = g_strdup_printf("%s\n", text);
    free(text);
    int fd =
        openat(mirror_private_fd(mirror), PROOFS, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        return error_set_storage(error, errno, _("The proof cannot be written to %s/.medmirror/%s"),
                                 mirror_path(mirror), PROOFS);
    }
    gssize wrote = TEMP_FAILURE_RETRY(write(fd, whole, strlen(whole)));
    int number = wrote < 0 ? errno : ENOSPC;
    close(fd);
    if (wrote != (gssize)strlen(whole)) {
        return error_set_storage(error, number,
                                 _("The proof cannot be written to %s/.medmirror/%s"),
                                 mirror_path(mirror), PROOFS);
    }
    return TRUE;
}

static gboolean is_full_proof(json_t *line, const char *folder, const char *version)
{
    const char *of = json_string_value(json_object_get(line, "folder"));
    const char *which = json_string_value(json_object_get(line, "version"));
    return g_strcmp0(of, folder) == 0 && g_strcmp0(which, version) == 0 &&
           !json_is_true(json_object_get(line, "quick")) &&
           json_integer_value(json_object_get(line, "damaged")) == 0 &&
           json_integer_value(json_object_get(line, "missing")) == 0;
}

char *proofs_newest(Mirror *mirror, const char *folder, const char *version)
{
    int fd = mirror_private_fd(mirror) >= 0
                 ? openat(mirror_private_fd(mirror), PROOFS, O_RDONLY | O_CLOEXEC)
                 : -1;
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    char *newest = NULL;
    char *text = NULL;
    size_t size = 0;
    while (file && getline(&text, &size, file) > 0) {
        json_t *line = strstr(text, folder) ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
        if (line && is_full_proof(line, folder, version)) {
            g_free(newest);
            newest = g_strdup(json_string_value(json_object_get(line, "when")));
        }
        json_decref(line);
    }
    free(text);
    if (file) {
        fclose(file);
    }
    return newest;
}
