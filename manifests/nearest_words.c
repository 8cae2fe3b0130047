#include "nearest_words.h"

#include <stdlib.h>
#include <string.h>

/* Longer ones are no slip of a finger; this bounds the work as well. */
#define LONGEST_WORD 64
#define HOLDS_THE_WORD 1000

typedef struct {
    const char *word;
    guint distance;
} Near;

/* Optimal string alignment: insert, delete, replace, exchange neighbours, one each. */
static guint edit_distance(const gunichar *a, guint a_length, const gunichar *b, guint b_length)
{
    guint rows[3][LONGEST_WORD + 1];
    guint *before = rows[0], *above = rows[1], *row = rows[2];
    for (guint j = 0; j <= b_length; j++)
        row[j] = j;
    for (guint i = 1; i <= a_length; i++) {
        guint *next = before;
        before = above;
        above = row;
        row = next;
        row[0] = i;
        for (guint j = 1; j <= b_length; j++) {
            const guint replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = MIN(replaced, MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], before[j - 2] + 1);
        }
    }
    return row[b_length];
}

static int compare_near(gconstpointer a, gconstpointer b)
{
    const Near *left = a, *right = b;
    if (left->distance != right->distance)
        return left->distance < right->distance ? -1 : 1;
    return strcmp(left->word, right->word);
}

GPtrArray *nearest_words(const char *word, const GPtrArray *candidates, guint most)
{
    GPtrArray *found = g_ptr_array_new();
    if (!g_utf8_validate(word, -1, NULL) || strlen(word) > (gsize)4 * LONGEST_WORD)
        return found;
    g_autofree char *folded = g_utf8_casefold(word, -1);
    glong length = 0;
    g_autofree gunichar *letters = g_utf8_to_ucs4_fast(folded, -1, &length);
    if (length == 0 || length > LONGEST_WORD)
        return found;
    const guint near_enough = MAX(1, (guint)(length + 1) / 3);

    g_autoptr(GArray) near = g_array_new(FALSE, FALSE, sizeof(Near));
    for (guint i = 0; i < candidates->len; i++) {
        const char *candidate = candidates->pdata[i];
        g_autofree char *other = g_utf8_casefold(candidate, -1);
        glong other_length = 0;
        g_autofree gunichar *other_letters = g_utf8_to_ucs4_fast(other, -1, &other_length);
        Near entry = {candidate, G_MAXUINT};
        if (other_length <= LONGEST_WORD)
            entry.distance =
                edit_distance(letters, (guint)length, other_letters, (guint)other_length);
        if (entry.distance > near_enough && length >= 3 && strstr(other, folded))
            entry.distance = HOLDS_THE_WORD + (guint)other_length;
        else if (entry.distance > near_enough || entry.distance >= (guint)length)
            continue;
        g_array_append_val(near, entry);
    }
    g_array_sort(near, compare_near);
    for (guint i = 0; i < near->len && i < most; i++) {
        const Near *best = &g_array_index(near, Near, 0), *entry = &g_array_index(near, Near, i);
        /* Beside a close one, what is much farther off is noise. */
        if (entry->distance < HOLDS_THE_WORD && entry->distance > best->distance + 1)
            continue;
        g_ptr_array_add(found, (gpointer)entry->word);
    }
    return found;
}
