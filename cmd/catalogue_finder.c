#include "catalogue_finder.h"

#include "child.h"
#include "event_log.h"
#include "fetcher.h"
#include "i18n.h"

#include <sys/stat.h>

#define MOST_WRONG 5 /* told one by one */

struct CatalogueFinder {
    Catalogue *catalogue;
    CatalogueIndex *index;
    gboolean is_opened; /* or was found to be impossible */
};

/* Places are what this program's fetchers say: another build is another maker. */
static char *maker(void)
{
    g_autofree char *program = child_own_program();
    struct stat status;
    if (!program || stat(program, &status) != 0)
        return g_strdup(MEDMIRROR_VERSION);
    return g_strdup_printf(MEDMIRROR_VERSION " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld",
                           (gint64)status.st_size, (gint64)status.st_mtim.tv_sec,
                           status.st_mtim.tv_nsec);
}

static char *place_of(const char *source, const json_t *locator, gpointer data)
{
    const Fetcher *fetcher = fetcher_find(source);
    return fetcher && fetcher->check_locator(fetcher, locator, NULL)
               ? fetcher->folder(fetcher, locator, NULL)
               : NULL;
}

static CatalogueIndex *open_index(CatalogueFinder *finder, gboolean anew, GError **error)
{
    finder->is_opened = TRUE;
    g_autofree char *made_by = maker();
    g_autofree char *folder = g_build_filename(g_get_user_cache_dir(), "medmirror", NULL);
    CatalogueIndexSettings settings = {.folders = catalogue_folders(finder->catalogue),
                                       .cache_folder = folder,
                                       .maker = made_by,
                                       .place = place_of,
                                       .anew = anew};
    finder->index = catalogue_index_open(&settings, error);
    return finder->index;
}

CatalogueIndex *catalogue_finder_index(CatalogueFinder *finder, GError **error)
{
    return finder->index ? finder->index : open_index(finder, FALSE, error);
}

CatalogueIndex *catalogue_finder_renew(CatalogueFinder *finder, GError **error)
{
    g_clear_pointer(&finder->index, catalogue_index_close);
    return open_index(finder, TRUE, error);
}

static GPtrArray *look_up(gpointer data, const char *source, const char *place)
{
    CatalogueFinder *finder = data;
    g_autoptr(GError) error = NULL;
    CatalogueIndex *index =
        finder->is_opened && !finder->index ? NULL : catalogue_finder_index(finder, &error);
    GPtrArray *ids = !index   ? NULL
                     : source ? catalogue_index_by_place(index, source, place, &error)
                              : catalogue_index_by_doi(index, place, &error);
    if (error)
        event_log(EVENT_LOG_DEBUG, _("The catalogue's index is not used: %s"), error->message);
    return ids;
}

CatalogueFinder *catalogue_finder_new(Catalogue *catalogue)
{
    CatalogueFinder *finder = g_new0(CatalogueFinder, 1);
    finder->catalogue = catalogue;
    catalogue_set_lookup(catalogue, look_up, finder);
    return finder;
}

void catalogue_finder_free(CatalogueFinder *finder)
{
    if (!finder)
        return;
    catalogue_set_lookup(finder->catalogue, NULL, NULL);
    catalogue_index_close(finder->index);
    g_free(finder);
}

void catalogue_finder_tell_wrong(CatalogueFinder *finder, Console *console)
{
    if (!finder->index)
        return;
    guint count = 0;
    g_autoptr(GPtrArray) wrong = catalogue_index_wrong(finder->index, MOST_WRONG, &count);
    for (guint i = 0; i < wrong->len; i++) {
        const char *text = wrong->pdata[i];
        console_note(console, _("medmirror: a manifest is passed over: %s"), text);
        console_json(console, "wrong-manifest", json_pack("{s:s}", "message", text));
    }
    if (count > wrong->len)
        console_note(console,
                     _("medmirror: %u more manifests are wrong. See them all with: "
                       "medmirror manifest check"),
                     count - wrong->len);
}
