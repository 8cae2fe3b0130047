/*
 * Runs a fuzz target without libFuzzer: every file of the folders given, each as it is and with
 * mutations that are the same in every run. TAP on standard output, a case a file.
 */
#include "fuzz_input.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MUTATIONS = 300,
    MOST_BYTES = 64 * 1024,
    MOST_EDITS = 6,
};

/* Words that parsers stumble over. */
static const char *const words[] = {
    "",
    "0",
    "-1",
    "18446744073709551615",
    "18446744073709551616",
    "\xff\xff",
    "../",
    "/",
    "\\",
    "\"",
    "{",
    "[",
    "null",
    "\r\n",
    "\xef\xbb\xbf",
    "\xc3\xa9",
    "\xe9",
    "%2e%2e",
    "\xff\xff\xff\xff",
    "\x01",
    "PK\3\4",
    "PK\1\2",
    "PK\5\6",
    "1e999",
    "\xed\xa0\x80",
};

static void edit(GByteArray *bytes, GRand *rand)
{
    const guint length = bytes->len;
    const guint at = length ? (guint)g_rand_int_range(rand, 0, (gint32)length) : 0;
    const guint span =
        length ? (guint)g_rand_int_range(rand, 1, (gint32)MIN(length - at, 64) + 1) : 0;
    const char *word = words[g_rand_int_range(rand, 0, G_N_ELEMENTS(words))];
    g_autofree guint8 *copy = NULL;
    switch (g_rand_int_range(rand, 0, 6)) {
    case 0:
        if (length)
            bytes->data[at] ^= (guint8)(1U << g_rand_int_range(rand, 0, 8));
        break;
    case 1:
        if (length)
            bytes->data[at] = (guint8)g_rand_int_range(rand, 0, 256);
        break;
    case 2:
        g_byte_array_remove_range(bytes, at, span);
        break;
    case 3:
        g_byte_array_set_size(bytes, at);
        break;
    case 4:
        copy = g_memdup2(bytes->data + at, length - at);
        g_byte_array_set_size(bytes, at);
        g_byte_array_append(bytes, (const guint8 *)word, (guint)strlen(word));
        g_byte_array_append(bytes, copy, length - at);
        break;
    default:
        copy = g_memdup2(bytes->data + at, span);
        g_byte_array_append(bytes, copy, span);
        break;
    }
}

/* A copy of exactly that size, so that a sanitizer sees every byte read beyond it. */
static void run_bytes(const GByteArray *bytes)
{
    g_autofree guint8 *copy = g_memdup2(bytes->data, bytes->len);
    static const guint8 nothing[1];
    LLVMFuzzerTestOneInput(copy ? copy : nothing, bytes->len);
}

static void run_file(const char *path, const char *name)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &text, &length, &error)) {
        printf("Bail out! %s\n", error->message);
        exit(1);
    }
    g_autoptr(GRand) rand = g_rand_new_with_seed(g_str_hash(name));
    for (int i = 0; i <= MUTATIONS; i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        g_byte_array_append(bytes, (const guint8 *)text, (guint)length);
        for (int edits = i ? g_rand_int_range(rand, 1, MOST_EDITS + 1) : 0; edits > 0; edits--)
            edit(bytes, rand);
        if (i > 0 && bytes->len > MOST_BYTES)
            g_byte_array_set_size(bytes, MOST_BYTES);
        run_bytes(bytes);
    }
}

static int by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *list_files(const char *folder)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GDir) open = g_dir_open(folder, 0, NULL);
    const char *name;
    while (open && (name = g_dir_read_name(open)))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, by_name);
    return g_steal_pointer(&names);
}

int main(int argc, char **argv)
{
    guint cases = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        g_autoptr(GPtrArray) names = list_files(argv[i]);
        for (guint j = 0; j < names->len; j++) {
            const char *name = g_ptr_array_index(names, j);
            g_autofree char *path = g_build_filename(argv[i], name, NULL);
            run_file(path, name);
            printf("ok %u %s\n", ++cases, name);
        }
    }
    printf("1..%u\n", cases);
    /* No seed is no test. */
    return cases == 0;
}
