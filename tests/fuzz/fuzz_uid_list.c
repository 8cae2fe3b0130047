/* Lists of series: what is given is a UID, a folder of a bucket or an address, and lines only go
 * on. The first byte chooses the form. */
#include "error.h"
#include "fuzz_input.h"
#include "uid_list.h"

typedef struct {
    guint64 items, strange, line;
} Seen;

static gboolean on_item(gpointer data, const SeriesItem *item, GError **error)
{
    Seen *seen = data;
    seen->items++;
    g_assert_cmpuint(item->line, >=, seen->line);
    seen->line = item->line;
    g_assert_true(item->series || item->uuid || item->address);
    g_assert_cmpint(item->uuid == NULL, ==, item->bucket == NULL);
    if (item->series) {
        g_assert_cmpuint(strlen(item->series), <=, 64);
        g_assert_cmpuint(strspn(item->series, "0123456789."), ==, strlen(item->series));
    }
    if (item->uuid)
        g_assert_cmpuint(strlen(item->uuid), ==, 36);
    if (item->address)
        g_assert_true(g_ascii_strncasecmp(item->address, "http", 4) == 0);
    g_assert_true(!item->object || !strchr(item->object, '/'));
    return TRUE;
}

static void on_strange(gpointer data, guint64 line, const char *text, const char *why)
{
    Seen *seen = data;
    seen->strange++;
    g_assert_true(g_utf8_validate(text, -1, NULL));
    g_assert_true(*why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"a.tcia", "a.s5cmd", "a.csv", "a.tsv"};
    const char *name = names[fuzz_byte(&data, &size) % G_N_ELEMENTS(names)];
    Seen seen = {0};
    const SeriesTaker taker = {on_item, on_strange, &seen};
    g_auto(UidListHead) head = {0};
    g_autoptr(GError) error = NULL;
    int fd = fuzz_file(data, size);
    if (!uid_list_read(fd, name, &taker, &head, &error))
        fuzz_assert_told(error);
    g_assert_cmpuint(head.items, ==, seen.items);
    g_assert_cmpuint(head.strange, ==, seen.strange);
    close(fd);
    return 0;
}
