#include "series_index.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES 16
#define UUID_BYTES 16
#define UUID_TEXT 36

typedef struct {
    guint8 key[KEY_BYTES]; /* the first bytes of the SeriesInstanceUID's SHA-256 */
    guint8 uuid[UUID_BYTES];
    guint32 bucket; /* in BUCKETS */
    guint32 order;  /* of adding */
} Place;

struct SeriesIndex {
    GArray *places;
    GPtrArray *buckets;
    gboolean is_sorted;
};

SeriesIndex *series_index_new(void)
{
    SeriesIndex *index = g_new0(SeriesIndex, 1);
    index->places = g_array_new(FALSE, FALSE, sizeof(Place));
    index->buckets = g_ptr_array_new_with_free_func(g_free);
    return index;
}

void series_index_free(SeriesIndex *index)
{
    if (!index)
        return;
    g_array_unref(index->places);
    g_ptr_array_unref(index->buckets);
    g_free(index);
}

static gboolean key_of(const char *series, guint8 key[KEY_BYTES])
{
    guint8 digest[EVP_MAX_MD_SIZE];
    size_t length = 0;
    if (!EVP_Q_digest(NULL, "SHA256", NULL, series, strlen(series), digest, &length))
        return FALSE;
    memcpy(key, digest, KEY_BYTES);
    return TRUE;
}

static gboolean uuid_parse(const char *text, guint8 uuid[UUID_BYTES])
{
    if (strlen(text) != UUID_TEXT)
        return FALSE;
    for (gsize i = 0, at = 0; i < UUID_TEXT; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i] != '-')
                return FALSE;
            continue;
        }
        if (!g_ascii_isxdigit(text[i]) || !g_ascii_isxdigit(text[i + 1]))
            return FALSE;
        uuid[at++] =
            (guint8)(g_ascii_xdigit_value(text[i]) << 4 | g_ascii_xdigit_value(text[i + 1]));
        i++;
    }
    return TRUE;
}

static char *uuid_text(const guint8 uuid[UUID_BYTES])
{
    GString *text = g_string_sized_new(UUID_TEXT);
    for (gsize i = 0; i < UUID_BYTES; i++)
        g_string_append_printf(text, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x",
                               uuid[i]);
    return g_string_free(text, FALSE);
}

/* Letters, digits, dots, dashes, as buckets are named: it becomes a part of an address. */
static gboolean is_bucket(const char *name)
{
    gsize length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_");
    return length >= 3 && length <= 222 && !name[length] && !strstr(name, "..");
}

static guint32 bucket_number(SeriesIndex *index, const char *name)
{
    for (guint i = index->buckets->len; i > 0; i--) {
        if (strcmp(g_ptr_array_index(index->buckets, i - 1), name) == 0)
            return i - 1;
    }
    g_ptr_array_add(index->buckets, g_strdup(name));
    return index->buckets->len - 1;
}

gboolean series_index_add(SeriesIndex *index, const char *series, const char *bucket,
                          const char *uuid)
{
    Place place = {.order = index->places->len};
    if (!is_bucket(bucket) || !uuid_parse(uuid, place.uuid) || !key_of(series, place.key))
        return FALSE;
    place.bucket = bucket_number(index, bucket);
    g_array_append_val(index->places, place);
    index->is_sorted = FALSE;
    return TRUE;
}

guint64 series_index_length(const SeriesIndex *index)
{
    return index->places->len;
}

/* The last one added comes first. */
static int compare_places(gconstpointer a, gconstpointer b)
{
    const Place *one = a, *other = b;
    int order = memcmp(one->key, other->key, KEY_BYTES);
    return order != 0 ? order : (other->order > one->order) - (other->order < one->order);
}

gboolean series_index_find(SeriesIndex *index, const char *series, const char **bucket, char **uuid)
{
    Place sought = {.order = G_MAXUINT32};
    if (!index->is_sorted) {
        g_array_sort(index->places, compare_places);
        index->is_sorted = TRUE;
    }
    if (!key_of(series, sought.key))
        return FALSE;
    guint low = 0, high = index->places->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;
        if (compare_places(&g_array_index(index->places, Place, middle), &sought) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->places->len ||
        memcmp(g_array_index(index->places, Place, low).key, sought.key, KEY_BYTES) != 0)
        return FALSE;
    const Place *place = &g_array_index(index->places, Place, low);
    *bucket = g_ptr_array_index(index->buckets, place->bucket);
    *uuid = uuid_text(place->uuid);
    return TRUE;
}
