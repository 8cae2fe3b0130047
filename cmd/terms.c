#include "terms.h"

#include "error.h"
#include "i18n.h"
#include "line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_LINE (1024 * 1024)

static void add(GString *text, const char *name, const char *value)
{
    if (value) {
        g_string_append_printf(text, "%s: %s\n", name, value);
    }
}

char *terms_text(const Reference *reference)
{
    const Manifest *manifest = reference->manifest;
    if (!manifest || !(manifest->licence || manifest->terms || manifest->terms_page)) {
        return NULL;
    }
    GString *text = g_string_new(NULL);
    add(text, "dataset", reference->ref);
    add(text, "licence", manifest->licence);
    add(text, "terms", manifest->terms);
    add(text, "terms page", manifest->terms_page);
    add(text, "passing on", manifest->sharing);
    return g_string_free(text, FALSE);
}

char *terms_digest(const char *text)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
}

static char *file_path(void)
{
    return g_build_filename(g_get_user_config_dir(), "medmirror", "terms.jsonl", NULL);
}

static gboolean is_of(const char *line, const char *ref, const char *digest, char **when)
{
    json_auto_t *record = json_loads(line, 0, NULL);
    const char *of = json_string_value(json_object_get(record, "ref"));
    const char *what = json_string_value(json_object_get(record, "sha256"));
    if (g_strcmp0(of, ref) != 0 || g_strcmp0(what, digest) != 0) {
        return FALSE;
    }
    *when = g_strdup(json_string_value(json_object_get(record, "time")));
    return *when != NULL;
}

char *terms_accepted(const char *ref, const char *digest, GError **error)
{
    g_autofree char *path = file_path();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            error_set_storage(error, errno, _("%s cannot be read"), path);
        }
        return NULL;
    }
    g_autoptr(LineReader) reader = line_reader_new(fd, MOST_LINE);
    LineResult result;
    char *when = NULL;
    char *line;
    gsize length;
    int why = 0;
    do {
        result = line_reader_next(reader, &line, &length, NULL, &why);
    } while (result != LINE_END && result != LINE_FAILED &&
             !(result == LINE_READ && is_of(line, ref, digest, &when)));
    close(fd);
    if (result == LINE_FAILED) {
        error_set_storage(error, why, _("%s cannot be read"), path);
    }
    return when;
}

static char *record_line(const Reference *reference, const char *text, const char *digest)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *when = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    json_auto_t *record =
        json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s}", "time", when, "person", g_get_user_name(),
                  "uid", (json_int_t)getuid(), "host", g_get_host_name(), "ref", reference->ref,
                  "sha256", digest, "text", text);
    char *line = json_dumps(record, JSON_COMPACT | JSON_PRESERVE_ORDER);
    char *whole = g_strdup_printf("%s\n", line);
    free(line);
    return whole;
}

/* One write(2) of one line with O_APPEND: lines of several runs do not mix. */
gboolean terms_accept(const Reference *reference, const char *text, const char *digest,
                      GError **error)
{
    g_autofree char *path = file_path();
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *line = record_line(reference, text, digest);
    int fd = g_mkdir_with_parents(folder, 0700) == 0
                 ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                 : -1;
    gssize wrote = fd >= 0 ? TEMP_FAILURE_RETRY(write(fd, line, strlen(line))) : -1;
    gboolean good = wrote == (gssize)strlen(line) && fsync(fd) == 0;
    int why = wrote >= 0 && wrote < (gssize)strlen(line) ? ENOSPC : errno;
    if (fd >= 0) {
        close(fd);
    }
    return good || error_set_storage(error, why, _("%s cannot be written"), path);
}
