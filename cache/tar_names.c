#include "tar_names.h"

#include <string.h>

enum {
    KEPT_BYTES = 1024 * 1024,
    BLOCK = 512,
    SIZE_AT = 124, /* of a header: ustar, POSIX.1-2017 pax */
    SIZE_BYTES = 12,
    TYPE_AT = 156,
    MOST_HEADERS = 8, /* in front of one member */
};

struct TarNames {
    guint64 end; /* of what was seen */
    guint8 kept[KEPT_BYTES];
};

TarNames *tar_names_new(void)
{
    return g_new0(TarNames, 1);
}

void tar_names_free(TarNames *names)
{
    g_free(names);
}

void tar_names_see(TarNames *names, const void *bytes, gsize length)
{
    const guint8 *from = bytes;
    if (length > KEPT_BYTES) {
        names->end += length - KEPT_BYTES;
        from += length - KEPT_BYTES;
        length = KEPT_BYTES;
    }
    while (length > 0) {
        const gsize at = (gsize)(names->end % KEPT_BYTES);
        const gsize n = MIN(length, KEPT_BYTES - at);
        memcpy(names->kept + at, from, n);
        names->end += n;
        from += n;
        length -= n;
    }
}

static gboolean recall(const TarNames *names, guint64 position, guint8 *to, gsize length)
{
    if (position > names->end || length > names->end - position ||
        names->end - position > KEPT_BYTES)
        return FALSE;
    for (gsize i = 0; i < length; i++)
        to[i] = names->kept[(position + i) % KEPT_BYTES];
    return TRUE;
}

/* A pax record is "LENGTH KEY=VALUE\n", LENGTH in decimal and of the whole record. */
static char *find_record(const char *text, gsize length, const char *key)
{
    const gsize key_length = strlen(key);
    char *found = NULL;
    while (length > 0) {
        char *rest = NULL;
        const guint64 record = g_ascii_strtoull(text, &rest, 10);
        const gsize digits = (gsize)(rest - text);
        if (record > length || record < digits + 3 || *rest != ' ' || text[record - 1] != '\n')
            break;
        const char *keyword = rest + 1;
        const gsize left = (gsize)record - digits - 2;
        if (left > key_length && strncmp(keyword, key, key_length) == 0 &&
            keyword[key_length] == '=') {
            g_free(found); /* the last one counts */
            found = g_strndup(keyword + key_length + 1, left - key_length - 1);
        }
        text += record;
        length -= (gsize)record;
    }
    return found;
}

static char *find_raw(const TarNames *names, guint64 position, const char *key)
{
    for (int i = 0; i < MOST_HEADERS; i++) {
        guint8 header[BLOCK];
        if (!recall(names, position, header, sizeof(header)))
            return NULL;
        char octal[SIZE_BYTES + 1] = {0};
        memcpy(octal, header + SIZE_AT, SIZE_BYTES);
        const guint64 size = g_ascii_strtoull(octal, NULL, 8);
        const char type = (char)header[TYPE_AT];
        if (!strchr("xgLK", type) || type == '\0' || size > KEPT_BYTES)
            return NULL;
        if (type == 'x') {
            /* Ended by NUL, so that a number at its end is one. */
            g_autofree guint8 *text = g_malloc0((gsize)size + 1);
            return recall(names, position + BLOCK, text, (gsize)size)
                       ? find_record((const char *)text, (gsize)size, key)
                       : NULL;
        }
        position += BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    }
    return NULL;
}

char *tar_names_find(const TarNames *names, guint64 position, const char *key, const char *read)
{
    g_autofree char *raw = g_str_is_ascii(read) ? NULL : find_raw(names, position, key);
    if (!raw || !g_utf8_validate(raw, -1, NULL) || !g_utf8_validate(read, -1, NULL))
        return NULL;
    g_autofree char *one = g_utf8_normalize(raw, -1, G_NORMALIZE_NFC);
    g_autofree char *other = g_utf8_normalize(read, -1, G_NORMALIZE_NFC);
    return g_str_equal(one, other) ? g_steal_pointer(&raw) : NULL;
}
