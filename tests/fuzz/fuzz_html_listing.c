/* A directory listing of some web server, or any other page. */
#include "error.h"
#include "fuzz_input.h"
#include "html_listing.h"
#include "verdict.h"

static gboolean check_entry(const ListedEntry *entry, gpointer data, GError **error)
{
    guint *entries = data;
    g_assert_nonnull(entry->href);
    g_assert_true(entry->size != SIZE_UNKNOWN || !entry->size_is_rounded);
    g_assert_true(!entry->modified || strlen(entry->modified) >= strlen("YYYY-MM-DD"));
    (*entries)++;
    return TRUE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"text/html", "text/html; charset=iso-8859-1",
                                        "application/json", NULL};
    const char *type = types[fuzz_byte(&data, &size) % G_N_ELEMENTS(types)];
    const int fd = fuzz_file(data, size);
    guint entries = 0;
    const ListedEntryTaker taker = {.func = check_entry, .data = &entries};
    ListingShape shape = LISTING_NONE;
    g_autofree char *title = NULL;
    g_autoptr(GError) error = NULL;
    if (!listing_read(fd, type, &taker, &shape, &title, &error))
        fuzz_assert_told(error);
    else
        g_assert_true(!title || g_utf8_validate(title, -1, NULL));
    close(fd);
    g_autofree char *text = g_strndup((const char *)data, size);
    ListedEntry entry = {.size = SIZE_UNKNOWN};
    listing_text_parse(text, &entry);
    listed_entry_clear(&entry);
    return 0;
}
