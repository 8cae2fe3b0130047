#include "checksum_list.h"

#include "buffered_writer.h"
#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <string.h>

struct ChecksumListWriter {
    BufferedWriter *out;
    DigestStream *digest;
    GString *line;
    GString *last; /* the path of the line before */
    gboolean has_lines;
};

ChecksumListWriter *checksum_list_writer_new(int fd)
{
    ChecksumListWriter *writer = g_new0(ChecksumListWriter, 1);
    writer->out = buffered_writer_new(fd);
    writer->digest = digest_stream_new(1u << DIGEST_SHA256, 0);
    writer->line = g_string_new(NULL);
    writer->last = g_string_new(NULL);
    return writer;
}

void checksum_list_writer_free(ChecksumListWriter *writer)
{
    if (!writer)
        return;
    buffered_writer_free(writer->out);
    digest_stream_free(writer->digest);
    g_string_free(writer->line, TRUE);
    g_string_free(writer->last, TRUE);
    g_free(writer);
}

/* The line as GNU coreutils 9 writes it: a name with a backslash, LF or CR in it has them escaped,
 * and a backslash stands in front of the line. */
static void make_line(GString *line, const char *path, const Digest *sha256)
{
    g_autofree char *hex = digest_to_hex(sha256);
    gboolean escaped = strpbrk(path, "\\\n\r") != NULL;
    g_string_assign(line, escaped ? "\\" : "");
    g_string_append(line, hex);
    g_string_append(line, "  ");
    for (const char *p = path; *p; p++) {
        if (*p == '\\')
            g_string_append(line, "\\\\");
        else if (*p == '\n')
            g_string_append(line, "\\n");
        else if (*p == '\r')
            g_string_append(line, "\\r");
        else
            g_string_append_c(line, *p);
    }
    g_string_append_c(line, '\n');
}

gboolean checksum_list_writer_add(ChecksumListWriter *writer, const char *path,
                                  const Digest *sha256, GError **error)
{
    if (writer->has_lines && strcmp(writer->last->str, path) >= 0) {
        g_autofree char *shown = relpath_display(path);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("The list of digests is not in order at %s."), shown);
        return FALSE;
    }
    writer->has_lines = TRUE;
    g_string_assign(writer->last, path);
    make_line(writer->line, path, sha256);
    digest_stream_update(writer->digest, writer->line->str, writer->line->len);
    int failed = buffered_writer_add(writer->out, writer->line->str, writer->line->len);
    return !failed || error_set_storage(error, failed, _("cannot write the list of digests"));
}

gboolean checksum_list_writer_finish(ChecksumListWriter *writer, char **fingerprint, GError **error)
{
    int failed = buffered_writer_flush(writer->out);
    if (failed)
        return error_set_storage(error, failed, _("cannot write the list of digests"));
    DigestSet set;
    digest_stream_finish(writer->digest, &set);
    g_autofree char *hex = digest_to_hex(&set.of[DIGEST_SHA256]);
    *fingerprint = g_strconcat("mm1:", hex, NULL);
    return TRUE;
}
