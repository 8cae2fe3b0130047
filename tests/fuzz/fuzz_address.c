/* Any text as an address or a name: each source says whether it is one of its own. */
#include "error.h"
#include "fetcher.h"
#include "fuzz_input.h"
#include "relpath.h"

static void check_locator(const Fetcher *fetcher, json_t *locator)
{
    g_autoptr(GError) error = NULL;
    if (!locator)
        return;
    g_assert_true(json_is_object(locator));
    if (fetcher->check_locator(fetcher, locator, &error)) {
        g_autofree char *ref = fetcher->ref(fetcher, locator);
        g_autofree char *folder = fetcher->folder(fetcher, locator, NULL);
        g_assert_nonnull(ref);
        relpath_check(folder, &error);
        g_assert_no_error(error);
    } else {
        fuzz_assert_told(error);
    }
    json_decref(locator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    if (!g_utf8_validate(text, -1, NULL))
        return 0;
    json_t *locator = NULL;
    g_autofree char *version = NULL;
    const Fetcher *fetcher = fetcher_find_by_address(text, &locator, &version);
    if (fetcher)
        check_locator(fetcher, locator);
    for (gsize i = 0; fetchers[i]; i++) {
        g_autofree char *named = NULL;
        g_autoptr(GError) error = NULL;
        locator = fetchers[i]->locator_from_name(fetchers[i], text, &named, &error);
        if (!locator)
            fuzz_assert_told(error);
        check_locator(fetchers[i], locator);
    }
    return 0;
}
