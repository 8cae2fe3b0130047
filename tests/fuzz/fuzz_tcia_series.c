/* An answer of getSeries, or whatever came in its place: facts, paths and the state of it. */
#include "error.h"
#include "file_facts.h"
#include "fuzz_input.h"
#include "json_stream.h"
#include "relpath.h"
#include "tcia_series.h"
#include "tcia_tally.h"

static gboolean check_series(const json_t *element, gpointer data, GError **error)
{
    TciaTally *tally = data;
    json_auto_t *facts = tcia_series_facts(element);
    g_assert_true(file_facts_are_flat(facts));
    if (!tcia_tally_add(tally, facts, FALSE))
        return TRUE;
    g_autoptr(FileSpec) spec = tcia_series_spec(facts);
    g_assert_true(relpath_check(spec->path, NULL));
    g_assert_true(!spec->modified || strlen(spec->modified) == strlen("YYYY-MM-DD"));
    return TRUE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int fd = fuzz_file(data, size);
    JsonStreamShape shape;
    g_autoptr(GError) error = NULL;
    g_auto(TciaTally) tally;
    tcia_tally_init(&tally);
    if (!json_stream_array(fd, check_series, &tally, &shape, &error))
        fuzz_assert_told(error);
    close(fd);
    g_assert_cmpuint(tally.listed + tcia_tally_closed(&tally), ==, tally.series);
    g_autoptr(ListingHead) head = listing_head_new();
    tcia_tally_tell(&tally, "tcia/X", head);
    g_autofree char *token = tcia_tally_token(&tally);
    g_assert_true(g_utf8_validate(token, -1, NULL));
    return 0;
}
