#include "tcia_words.h"

#include "error.h"
#include "i18n.h"
#include "nearest_words.h"
#include "relpath.h"
#include "source_facts.h"
#include "sources.h"
#include "tcia_names.h"

#define NAMES_TOLD 3

static char *words_controlled(const char *ref)
{
    return g_strdup_printf(
        _("Since autumn 2025 the controlled data of TCIA lie no more at NBIA but with the National "
          "Cancer Institute (General Commons, CTDC), and a login at TCIA opens nothing; no program "
          "can fetch them without an approval. To apply: read " TCIA_POLICY_PAGE
          " and ask for access at dbGaP (https://dbgap.ncbi.nlm.nih.gov/). Once you have the "
          "files, "
          "type: medmirror adopt %s DIR"),
        ref);
}

char *tcia_describe_access(const Fetcher *fetcher, const json_t *locator, const Manifest *manifest,
                           int status)
{
    g_autofree char *ref = manifest ? g_strdup(manifest->id) : tcia_ref(fetcher, locator);
    switch (status) {
    case 0: /* the catalogue's own steps say it all, where there are some */
        if (manifest && (manifest->steps_en->len || manifest->access != ACCESS_OPEN))
            return NULL;
        return g_strdup(_("TCIA's open collections need no account: the images come from the "
                          "Imaging Data Commons or from NBIA without one. Each series has its own "
                          "licence, and the collection's DOI is to be cited. What is under "
                          "controlled access is not there: " TCIA_POLICY_PAGE));
    case 400:
    case 401:
    case 403: {
        g_autofree char *closed = words_controlled(ref);
        return g_strdup_printf(_("TCIA's open data need no login, so what it refuses is closed or "
                                 "withdrawn. %s"),
                               closed);
    }
    case 404:
        return g_strdup_printf(_("The series is not at TCIA any more. What it has now is told by: "
                                 "medmirror files %s"),
                               ref);
    default:
        return NULL;
    }
}

void tcia_set_controlled(GError **error, const char *ref, const char *collection,
                         const char *licence)
{
    g_autofree char *words = words_controlled(ref);
    g_autofree char *shown = relpath_display(licence ? licence : "");
    if (*shown)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("Nothing of the collection %s is open: its licence is \"%.200s\". %s"),
                    collection, shown, words);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("Nothing of the collection %s is called open. %s"), collection, words);
}

void tcia_set_aspera(GError **error, const char *ref, const char *collection,
                     const ListingHead *head)
{
    g_autofree char *notes = NULL;
    if (head->notes && head->notes->len) {
        g_autoptr(GPtrArray) lines = g_ptr_array_new();
        for (guint i = 0; i < head->notes->len; i++)
            g_ptr_array_add(lines, head->notes->pdata[i]);
        g_ptr_array_add(lines, NULL);
        notes = g_strjoinv(" ", (char **)lines->pdata);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                _("Nothing of the collection %s can be fetched by this program. %s"), collection,
                notes ? notes : "");
}

void tcia_set_no_collection(GError **error, const char *wanted, const GPtrArray *names)
{
    g_autofree char *shown = relpath_display(wanted);
    g_autoptr(GPtrArray) near = names ? nearest_words(wanted, names, NAMES_TOLD) : NULL;
    GString *lines = g_string_new(NULL);
    for (guint i = 0; near && i < near->len; i++) {
        json_auto_t *locator = json_pack("{s:s}", "collection", (const char *)near->pdata[i]);
        g_autofree char *ref = tcia_ref(&tcia_fetcher, locator);
        g_string_append_printf(lines, "%smedmirror pull %s", i ? ", " : "", ref);
    }
    g_autofree char *meant = g_string_free(lines, FALSE);
    if (*meant)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("TCIA has no collection \"%s\". Did you mean: %s"), shown, meant);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("TCIA has no collection \"%s\". The collections are at "
                      "https://www.cancerimagingarchive.net/browse-collections/; then type: "
                      "medmirror pull tcia/NAME"),
                    shown);
}

void tcia_set_analysis_result(GError **error, const char *result)
{
    g_autofree char *shown = relpath_display(result);
    g_autofree char *slug = tcia_page_slug(result);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("\"%s\" is an analysis result and no collection: its series lie in the "
                  "collections that it was made of. Take its manifest (.tcia) from "
                  "https://www.cancerimagingarchive.net/analysis-result/%s/ and type: medmirror "
                  "pull FILE.tcia; or the collection's with: medmirror pull tcia/COLLECTION "
                  "--where ThirdPartyAnalysis=YES"),
                shown, slug);
}
