/* PathDB: the slides of a collection, by pages until an empty one. Nobody declares digests. */
#include "error.h"
#include "i18n.h"
#include "json_stream.h"
#include "relpath.h"
#include "tcia_extras.h"
#include "tcia_names.h"
#include "tcia_series.h"
#include "web_address.h"

#include <string.h>

#define LIST_MOST_BYTES (64 * 1024 * 1024)
#define PAGES_MOST 100000

typedef struct {
    TciaExtras *extras;
    const char *wanted; /* plain name */
    char *number;       /* tid of the collection */
    guint64 rows;       /* of this page */
    char *first;        /* address of the first slide of this page */
    char *first_before; /* and of the page before */
    guint64 unnamed;    /* rows without an address that can be asked */
} Slides;

static Document *get_list(TciaExtras *extras, const char *url, GError **error)
{
    const DocumentRequest request = {
        .url = url, .max_bytes = LIST_MOST_BYTES, .optional = extras->only_if_asked};
    return extras->services->get(extras->services, &request, error);
}

/* FALSE with _ORIGIN where it is no list. */
static gboolean read_list(TciaExtras *extras, const char *url, JsonElementFunc func, Slides *slides,
                          GError **error)
{
    g_autoptr(Document) document = get_list(extras, url, error);
    JsonStreamShape shape;
    if (!document || !json_stream_array(document->fd, func, slides, &shape, error))
        return FALSE;
    if (shape == JSON_STREAM_ARRAY || shape == JSON_STREAM_EMPTY)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The answer of %s is no list of slides."), url);
    return FALSE;
}

static gboolean take_collection(const json_t *element, gpointer data, GError **error)
{
    Slides *slides = data;
    g_autofree char *name = tcia_loose_text(element, "name");
    g_autofree char *plain = name ? tcia_plain_name(name) : NULL;
    g_autofree char *number = tcia_loose_text(element, "tid");
    if (!slides->number && plain && strcmp(plain, slides->wanted) == 0 && number &&
        strspn(number, "0123456789") == strlen(number))
        slides->number = g_steal_pointer(&number);
    return TRUE;
}

/* Where a slide is to be asked for: its path below the base that counts; http becomes https. NULL
 * where it lies on another host. Owned. */
static char *slide_address(const TciaExtras *extras, const char *said)
{
    const char *path = strstr(said, "://");
    path = path ? strchr(path + 3, '/') : NULL;
    g_autofree char *host = path ? g_strndup(said, (gsize)(path - said)) : NULL;
    gboolean is_own = host && (g_str_has_suffix(host, "://" TCIA_PATHDB_HOST) ||
                               strcmp(host, extras->places->pathdb) == 0);
    if (!is_own)
        return NULL;
    /* Encoded or not, as it comes. */
    g_autofree char *decoded = g_uri_unescape_string(path, NULL);
    g_autofree char *encoded = web_path_encode(decoded ? decoded : path);
    return g_strconcat(extras->places->pathdb, encoded, NULL);
}

static FileSpec *slide_spec(const Slides *slides, const json_t *element, const char *address)
{
    g_autofree char *patient = tcia_loose_text(element, "clinicaltrialsubjectid");
    g_autofree char *changed = tcia_loose_text(element, "changed");
    g_autofree char *created = tcia_loose_text(element, "created");
    g_autofree char *part = relpath_encode_part(patient ? patient : "unknown");
    if (strlen(part) > 160)
        part[160] = '\0';
    g_autofree char *folder = g_strconcat("slides/", part, NULL);
    g_autofree char *path = tcia_extra_path(folder, address);
    FileSpec *spec = file_spec_new(path);
    file_spec_add_address(spec, address);
    spec->modified = tcia_date(changed ? changed : created);
    spec->facts = json_pack("{s:s}", "Collection", slides->extras->collection);
    if (patient)
        json_object_set_new(spec->facts, "PatientID", json_string(patient));
    return spec;
}

static gboolean take_slide(const json_t *element, gpointer data, GError **error)
{
    Slides *slides = data;
    g_autofree char *said = tcia_loose_text(element, "field_wsiimage");
    g_autofree char *address = said ? slide_address(slides->extras, said) : NULL;
    if (slides->rows++ == 0) {
        slides->first = g_strdup(said);
        if (said && g_strcmp0(said, slides->first_before) == 0) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                        _("PathDB gives the same page of slides again and again."));
            return FALSE;
        }
    }
    if (!address) {
        slides->unnamed++;
        return TRUE;
    }
    g_autoptr(FileSpec) spec = slide_spec(slides, element, address);
    return tcia_take_extra(slides->extras, spec, "slides", error);
}

static gboolean read_pages(Slides *slides, GError **error)
{
    const char *base = slides->extras->places->pathdb;
    for (guint page = 0; page < PAGES_MOST; page++) {
        g_autofree char *url =
            g_strdup_printf("%s/listofimages/%s?_format=json&page=%u", base, slides->number, page);
        slides->rows = 0;
        gboolean is_read = read_list(slides->extras, url, take_slide, slides, error);
        g_free(slides->first_before);
        slides->first_before = g_steal_pointer(&slides->first);
        if (!is_read || slides->rows == 0)
            return is_read;
    }
    return TRUE;
}

gboolean tcia_list_slides(TciaExtras *extras, GError **error)
{
    if (!extras->places->pathdb)
        return TRUE;
    g_autofree char *plain = tcia_plain_name(extras->collection);
    g_autofree char *url = g_strconcat(extras->places->pathdb, "/collections?_format=json", NULL);
    Slides slides = {.extras = extras, .wanted = plain};
    guint64 before = extras->listed;
    GError *why = NULL;
    gboolean is_read = read_list(extras, url, take_collection, &slides, &why);
    if (is_read && slides.number) {
        extras->is_known = TRUE;
        is_read = read_pages(&slides, &why);
    }
    g_free(slides.number);
    g_free(slides.first_before);
    if (slides.unnamed)
        listing_head_add_note(
            extras->head,
            ngettext_count("%" G_GUINT64_FORMAT " slide has no address at PathDB, and is "
                           "left out.",
                           "%" G_GUINT64_FORMAT " slides have no address at PathDB, and are "
                           "left out.",
                           slides.unnamed),
            slides.unnamed);
    if (!is_read)
        return tcia_forgive(extras, why, _("Not all slides of the collection could be listed"),
                            error);
    if (extras->only_if_asked && extras->listed > before)
        listing_head_add_note(
            extras->head,
            ngettext_count("%" G_GUINT64_FORMAT " slide is taken only when asked for, and "
                           "may be a converted copy of what was submitted: medmirror pull %s "
                           "--where Part=slides",
                           "%" G_GUINT64_FORMAT " slides are taken only when asked for, and "
                           "may be converted copies of what was submitted: medmirror pull %s "
                           "--where Part=slides",
                           extras->listed - before),
            extras->listed - before, extras->ref);
    return TRUE;
}
