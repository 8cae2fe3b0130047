/*
 * A million lines pass through here: what our own writer wrote is scanned in place, key by key in
 * the writer's order. Whatever looks different, be it right or wrong, is the parser's.
 */
#include "lock_form.h"

#include <string.h>

typedef struct {
    const char *at;
    gsize length;
} Span;

/* Inline, so that the literal's length is known: most keys fail at their first bytes. */
static inline gboolean take(const char **p, const char *literal)
{
    gsize length = strlen(literal);
    const char *at = *p;
    if (at[0] != literal[0] || strncmp(at, literal, length) != 0)
        return FALSE;
    *p += length;
    return TRUE;
}

/* Nearly all lines are ASCII, which needs no decoding; eight bytes at a time. */
static gboolean is_utf8(const char *text, gsize length)
{
    guint64 all = 0, eight;
    gsize i = 0;
    for (; i + sizeof eight <= length; i += sizeof eight) {
        memcpy(&eight, text + i, sizeof eight);
        all |= eight;
    }
    for (; i < length; i++)
        all |= (guint64)(guint8)text[i];
    return all & G_GUINT64_CONSTANT(0x8080808080808080) ? g_utf8_validate_len(text, length, NULL)
                                                        : memchr(text, '\0', length) == NULL;
}

/* The rest of a string behind its opening quote, without escapes. */
static gboolean take_string(const char **p, Span *span)
{
    const char *start = *p, *end = start;
    while ((guint8)*end >= 0x20 && *end != '"' && *end != '\\')
        end++;
    if (*end != '"')
        return FALSE;
    *span = (Span){start, (gsize)(end - start)};
    *p = end + 1;
    return TRUE;
}

/* `,"KEY":"` and a string; *SPAN is empty where the key is not there. FALSE where the string is
 * not plain. */
static gboolean take_optional(const char **p, const char *key, Span *span)
{
    *span = (Span){NULL, 0};
    return !take(p, key) || take_string(p, span);
}

/* Digits as JSON has them, at most 18, so that no check for overflow is needed. */
static gboolean take_number(const char **p, guint64 *number)
{
    const char *start = *p;
    guint64 value = 0;
    while (**p >= '0' && **p <= '9')
        value = value * 10 + (guint64)(*(*p)++ - '0');
    gsize digits = (gsize)(*p - start);
    *number = value;
    return digits > 0 && digits <= 18 && (digits == 1 || *start != '0');
}

static gboolean take_size(const char **p, guint64 *size)
{
    *size = SIZE_UNKNOWN;
    return !take(p, ",\"size\":") || take_number(p, size);
}

static gboolean span_to_digest(const Span *span, DigestAlgorithm algorithm, Digest *digest)
{
    char hex[2 * DIGEST_MAX_BYTES + 1];
    if (span->length >= sizeof hex)
        return FALSE;
    memcpy(hex, span->at, span->length);
    hex[span->length] = '\0';
    return digest_parse_hex(algorithm, hex, digest);
}

/* Digest members in the writer's order; FIRST: the first of them has no comma in front. */
static gboolean take_digests(const char **p, gboolean first, DigestSet *set)
{
    static const char *const keys[DIGEST_ALGORITHMS] = {
        ",\"sha256\":\"", ",\"sha512\":\"",   ",\"sha1\":\"",     ",\"md5\":\"",
        ",\"crc32c\":\"", ",\"git-blob\":\"", ",\"md5-tree\":\"",
    };
    *set = (DigestSet){0};
    for (gsize i = 0; i < DIGEST_ALGORITHMS; i++) {
        Span hex;
        Digest digest;
        if (!take(p, first ? keys[i] + 1 : keys[i]))
            continue;
        first = FALSE;
        if (!take_string(p, &hex) || !span_to_digest(&hex, lock_digest_order[i], &digest))
            return FALSE;
        digest_set_add(set, &digest);
    }
    return TRUE;
}

static gboolean take_digest_object(const char **p, const char *key, DigestSet *set)
{
    *set = (DigestSet){0};
    return !take(p, key) || (take_digests(p, TRUE, set) && take(p, "}"));
}

static gboolean span_is(const Span *span, const char *text)
{
    return strlen(text) == span->length && memcmp(span->at, text, span->length) == 0;
}

static gboolean take_state(const char **p, LockState *state)
{
    Span span;
    if (!take(p, ",\"state\":\"") || !take_string(p, &span))
        return FALSE;
    for (guint i = LOCK_STATE_HAVE; i <= LOCK_STATE_FAILED; i++) {
        if (span_is(&span, lock_state_name((LockState)i))) {
            *state = (LockState)i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean take_trust(const char **p, Trust *trust)
{
    Span span;
    *trust = TRUST_NONE;
    if (!take_optional(p, ",\"trust\":\"", &span))
        return FALSE;
    for (guint i = TRUST_LOCKED; span.at && i <= TRUST_FIRST_USE; i++) {
        if (span_is(&span, trust_name((Trust)i))) {
            *trust = (Trust)i;
            return TRUE;
        }
    }
    return !span.at;
}

static gboolean take_role(const char **p, FileRole *role)
{
    Span span;
    if (!take(p, ",\"role\":\"") || !take_string(p, &span))
        return FALSE;
    for (guint i = FILE_ROLE_DATA; i <= FILE_ROLE_LICENCE; i++) {
        if (span_is(&span, file_role_name((FileRole)i))) {
            *role = (FileRole)i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean take_addresses(const char **p, GPtrArray **addresses)
{
    Span span;
    *addresses = NULL;
    if (!take(p, ",\"addresses\":["))
        return TRUE;
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func(g_free);
    do {
        if (!take(p, "\"") || !take_string(p, &span))
            return FALSE;
        g_ptr_array_add(found, g_strndup(span.at, span.length));
    } while (take(p, ","));
    if (!take(p, "]"))
        return FALSE;
    *addresses = g_steal_pointer(&found);
    return TRUE;
}

static char *span_to_text(const Span *span)
{
    return span->at ? g_strndup(span->at, span->length) : NULL;
}

/* In place: these are large, and most lines are taken. */
static gboolean scan_file(const char *line, gsize length, LockFile *file)
{
    const char *p = line;
    Span path, archive, member, link;
    if (!take(&p, "{\"file\":\"") || !take_string(&p, &path) || !take_state(&p, &file->state) ||
        !take_size(&p, &file->size) || !take_digests(&p, FALSE, &file->digests) ||
        !take_trust(&p, &file->trust) || !take_optional(&p, ",\"archive\":\"", &archive) ||
        !take_optional(&p, ",\"member\":\"", &member) ||
        !take_optional(&p, ",\"link\":\"", &link) || !take(&p, "}") || p != line + length ||
        !is_utf8(line, length))
        return FALSE;
    file->path = span_to_text(&path);
    file->archive = span_to_text(&archive);
    file->member = span_to_text(&member);
    file->link_target = span_to_text(&link);
    return TRUE;
}

gboolean lock_scan_file(const char *line, gsize length, LockFile *file)
{
    if (scan_file(line, length, file))
        return TRUE;
    *file = (LockFile){.size = SIZE_UNKNOWN};
    return FALSE;
}

gboolean lock_scan_download(const char *line, gsize length, LockDownload *download)
{
    const char *p = line;
    LockDownload scanned = {0};
    Span path;
    if (!take(&p, "{\"download\":\"") || !take_string(&p, &path) ||
        !take_state(&p, &scanned.state) || !take_role(&p, &scanned.role) ||
        !take_size(&p, &scanned.size) || !take_trust(&p, &scanned.trust) ||
        !take_digest_object(&p, ",\"declared\":{", &scanned.declared) ||
        !take_digest_object(&p, ",\"seen\":{", &scanned.seen) || !is_utf8(line, length))
        return FALSE;
    if (!take_addresses(&p, &scanned.addresses))
        return FALSE;
    if (!take(&p, "}") || p != line + length) {
        g_clear_pointer(&scanned.addresses, g_ptr_array_unref);
        return FALSE;
    }
    scanned.path = span_to_text(&path);
    *download = scanned;
    return TRUE;
}
