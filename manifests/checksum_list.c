#include "checksum_list.h"

#include "error.h"
#include "i18n.h"
#include "line_reader.h"
#include "relpath.h"

#include <string.h>

/* The longest path, each byte escaped, with the longest digest, and some air. */
#define MOST_LINE_BYTES 65536

struct ChecksumListReader {
    LineReader *lines;
    char *name;
    char *implied_path; /* "x" where the list is "x.sha256" and may hold a bare digest; else NULL */
};

void checksum_line_clear(ChecksumLine *line)
{
    g_clear_pointer(&line->path, g_free);
}

/* The algorithm that the ending of a list's name tells ("x.sha256"), and the name without it; FALSE
 * where it tells none. */
static gboolean split_ending(const char *name, char **rest, DigestAlgorithm *algorithm)
{
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name)
        return FALSE;
    g_autofree char *ending = g_ascii_strdown(dot + 1, -1);
    if (g_str_has_suffix(ending, "sums"))
        ending[strlen(ending) - 4] = '\0';
    else if (g_str_has_suffix(ending, "sum"))
        ending[strlen(ending) - 3] = '\0';
    if (!digest_algorithm_parse(ending, algorithm))
        return FALSE;
    if (rest)
        *rest = g_strndup(name, (gsize)(dot - name));
    return TRUE;
}

ChecksumListReader *checksum_list_reader_new(int fd, const char *name)
{
    ChecksumListReader *reader = g_new0(ChecksumListReader, 1);
    reader->lines = line_reader_new(fd, MOST_LINE_BYTES);
    reader->name = g_strdup(name);
    const char *slash = strrchr(name, '/');
    DigestAlgorithm algorithm;
    split_ending(slash ? slash + 1 : name, &reader->implied_path, &algorithm);
    return reader;
}

void checksum_list_reader_free(ChecksumListReader *reader)
{
    if (!reader)
        return;
    line_reader_free(reader->lines);
    g_free(reader->name);
    g_free(reader->implied_path);
    g_free(reader);
}

static int damaged(const ChecksumListReader *reader, const char *reason, GError **error)
{
    g_autofree char *shown = relpath_display(reader->name);
    /* TRANSLATORS: a list of digests, a line number, and a clause such as "it has no path". */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                _("Line %" G_GUINT64_FORMAT " of %s cannot be used: %s."),
                line_reader_number(reader->lines), shown, reason);
    return -1;
}

/* Undoes GNU's escapes in place; FALSE where one is none of them. */
static gboolean unescape(char *path)
{
    char *to = path;
    for (const char *from = path; *from; from++) {
        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        switch (*++from) {
        case '\\':
            *to++ = '\\';
            break;
        case 'n':
            *to++ = '\n';
            break;
        case 'r':
            *to++ = '\r';
            break;
        default:
            return FALSE;
        }
    }
    *to = '\0';
    return TRUE;
}

static gboolean is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* "HEX  PATH", "HEX *PATH" or "HEX PATH"; *PATH points into TEXT. A bare digest leaves *PATH NULL.
 */
static gboolean parse_gnu(char *text, Digest *digest, char **path)
{
    gsize digits = strspn(text, "0123456789abcdefABCDEF");
    char *rest = text + digits;
    char behind = *rest;
    *rest = '\0';
    gboolean known = digest_parse_hex_any(text, digest);
    *rest = behind;
    if (!known || (behind && !is_blank(behind)))
        return FALSE;
    *path = NULL;
    if (!behind)
        return TRUE;
    rest++;
    if (*rest == ' ' || *rest == '*')
        rest++;
    *path = *rest ? rest : NULL;
    return TRUE;
}

/* "ALGORITHM (PATH) = HEX", also as openssl dgst writes it, without blanks. */
static gboolean parse_bsd(char *text, Digest *digest, char **path)
{
    DigestAlgorithm algorithm;
    char *open = strchr(text, '(');
    char *equals = strrchr(text, '=');
    if (!open || !equals || equals < open)
        return FALSE;
    char *close = equals;
    while (close > open && is_blank(close[-1]))
        close--;
    if (close[-1] != ')' || close - 1 <= open + 1)
        return FALSE;
    char *name_end = open;
    while (name_end > text && is_blank(name_end[-1]))
        name_end--;
    g_autofree char *name = g_strndup(text, (gsize)(name_end - text));
    const char *hex = equals + 1;
    while (is_blank(*hex))
        hex++;
    if (!digest_algorithm_parse(name, &algorithm) || !digest_parse_hex(algorithm, hex, digest))
        return FALSE;
    close[-1] = '\0';
    *path = open + 1;
    return TRUE;
}

static int parse_line(const ChecksumListReader *reader, char *text, ChecksumLine *line,
                      GError **error)
{
    char *path = NULL;
    gboolean escaped = *text == '\\';
    if (escaped)
        text++;
    if (!parse_gnu(text, &line->digest, &path) && !parse_bsd(text, &line->digest, &path))
        return damaged(reader, _("it begins with no digest of MD5, SHA-1, SHA-256 or SHA-512"),
                       error);
    if (!path)
        path = reader->implied_path;
    if (!path)
        return damaged(reader, _("it names no file"), error);
    line->path = g_strdup(path);
    if (escaped && !unescape(line->path))
        return damaged(reader, _("its name has an escape other than \\\\, \\n and \\r"), error);
    char *start = line->path;
    while (g_str_has_prefix(start, "./"))
        start += 2;
    if (start > line->path)
        memmove(line->path, start, strlen(start) + 1);
    if (!*line->path)
        return damaged(reader, _("it names no file"), error);
    return 1;
}

int checksum_list_reader_next(ChecksumListReader *reader, ChecksumLine *line, GError **error)
{
    static const char byte_order_mark[] = "\xEF\xBB\xBF";
    checksum_line_clear(line);
    for (;;) {
        char *text = NULL;
        gsize length = 0;
        int errno_value = 0;
        switch (line_reader_next(reader->lines, &text, &length, NULL, &errno_value)) {
        case LINE_END:
            return 0;
        case LINE_FAILED:
            error_set_storage(error, errno_value, _("cannot read %s"), reader->name);
            return -1;
        case LINE_TOO_LONG:
            return damaged(reader, _("it is longer than 64 KiB"), error);
        case LINE_READ:
            break;
        }
        if (memchr(text, '\0', length))
            return damaged(reader, _("it has a NUL in it"), error);
        if (line_reader_number(reader->lines) == 1 && g_str_has_prefix(text, byte_order_mark)) {
            text += 3;
            length -= 3;
        }
        if (length > 0 && text[length - 1] == '\r')
            text[--length] = '\0';
        while (is_blank(*text))
            text++;
        if (!*text || *text == '#')
            continue;
        int result = parse_line(reader, text, line, error);
        if (result < 0)
            checksum_line_clear(line);
        return result;
    }
}

gboolean checksum_list_is_name(const char *base_name)
{
    static const char *const names[] = {
        "md5sum",
        "md5sums",
        "md5sum.txt",
        "md5sums.txt",
        "md5.txt",
        "sha1sum",
        "sha1sums",
        "sha1sum.txt",
        "sha1sums.txt",
        "sha1.txt",
        "sha256sum",
        "sha256sums",
        "sha256sum.txt",
        "sha256sums.txt",
        "sha256.txt",
        "sha512sum",
        "sha512sums",
        "sha512sum.txt",
        "sha512sums.txt",
        "sha512.txt",
        "checksum",
        "checksums",
        "checksum.txt",
        "checksums.txt",
        "checksum.md5",
        "checksums.md5",
        "checksum.sha256",
        "checksums.sha256",
        "manifest-md5.txt",
        "manifest-sha1.txt",
        "manifest-sha256.txt",
        "manifest-sha512.txt",
    };
    /* A million names pass here, and all but few end here. */
    if (!strcasestr(base_name, "sum") && !strcasestr(base_name, "md5") &&
        !strcasestr(base_name, "sha"))
        return FALSE;
    g_autofree char *lower = g_ascii_strdown(base_name, -1);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(lower, names[i]) == 0)
            return TRUE;
    }
    if (g_str_has_suffix(lower, ".sums")) /* of TCIA's packages: which algorithm, its lines tell */
        return TRUE;
    DigestAlgorithm algorithm;
    return split_ending(lower, NULL, &algorithm) && algorithm != DIGEST_CRC32C &&
           algorithm != DIGEST_GIT_BLOB;
}
