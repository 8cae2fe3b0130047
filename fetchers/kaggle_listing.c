#include "kaggle_listing.h"

#include "error.h"
#include "i18n.h"
#include "kaggle_facts.h"
#include "relpath.h"

#include <string.h>

#define MOST_EMPTY 10 /* pages in a row */
#define MOST_FOLDERS 10000

void kaggle_listing_clear(KaggleListing *listing)
{
    json_decref(listing->page);
    g_free(listing->token);
    g_free(listing->newest);
    g_free(listing->left);
    *listing = (KaggleListing){0};
}

/* A page with its files; NULL with an error. FOLDER NULL: of the flat list. */
static json_t *get_page(KaggleListing *listing, const char *folder, const char *token,
                        GError **error)
{
    const KaggleName *name = &listing->door->name;
    g_auto(KaggleCall) call = folder ? kaggle_call_tree(name, listing->version, folder, token)
                                     : kaggle_call_files(name, listing->version, token);
    g_auto(KaggleAnswer) answer = {0};
    if (!kaggle_ask(listing->door, &call, FALSE, &answer, error))
        return NULL;
    const char *said = json_string_value(json_object_get(answer.json, "errorMessage"));
    if (said && *said) {
        g_autofree char *shown = relpath_display(said);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("Kaggle does not list the files of %s: %s"), listing->door->ref, shown);
        return NULL;
    }
    listing->pages++;
    return json_incref(answer.json);
}

gboolean kaggle_listing_begin(KaggleListing *listing, KaggleDoor *door, const char *version,
                              GError **error)
{
    *listing = (KaggleListing){.door = door, .version = version};
    listing->page = get_page(listing, NULL, NULL, error);
    return listing->page != NULL;
}

/* Today's two forms, and the bare array of the years before paging. Borrowed. */
static const json_t *files_of(const json_t *page)
{
    const json_t *files = json_object_get(page, "datasetFiles");
    if (!files)
        files = json_object_get(page, "files");
    return json_is_array(page) ? page : files;
}

static void note_date(KaggleListing *listing, const json_t *file)
{
    char *date = kaggle_date(json_string_value(json_object_get(file, "creationDate")));
    if (date && g_strcmp0(date, listing->newest) > 0) {
        g_free(listing->newest);
        listing->newest = g_steal_pointer(&date);
    }
    g_free(date);
}

static gboolean tell_file(KaggleListing *listing, const json_t *file, const char *folder,
                          const char *archive, const ListingTaker *taker, GError **error)
{
    const char *name = json_string_value(json_object_get(file, "name"));
    const json_t *size = json_object_get(file, "totalBytes");
    if (!name)
        name = json_string_value(json_object_get(file, "nameNullable"));
    g_autofree char *path = name && *folder ? g_strconcat(folder, "/", name, NULL) : NULL;
    name = path ? path : name;
    note_date(listing, file);
    if (!name || !relpath_check(name, NULL)) {
        listing->unsafe++;
        return TRUE;
    }
    listing->files++;
    guint64 bytes = json_is_integer(size) && json_integer_value(size) >= 0
                        ? (guint64)json_integer_value(size)
                        : SIZE_UNKNOWN;
    return !taker->member || taker->member(taker->data, archive, name, bytes, error);
}

static gboolean tell_page(KaggleListing *listing, const char *archive, const ListingTaker *taker,
                          GError **error)
{
    const json_t *files = files_of(listing->page);
    size_t index;
    json_t *file;
    listing->empty = json_array_size(files) ? 0 : listing->empty + 1;
    json_array_foreach((json_t *)files, index, file)
    {
        if (!tell_file(listing, file, "", archive, taker, error))
            return FALSE;
    }
    return TRUE;
}

static void leave(KaggleListing *listing, char *why)
{
    g_free(listing->left);
    listing->left = why;
    g_clear_pointer(&listing->page, json_decref);
}

/* The token of the next page; NULL where the list ends, or is left. Owned. */
static char *next_token(KaggleListing *listing)
{
    const char *next = json_string_value(json_object_get(listing->page, "nextPageToken"));
    if (!next || !*next)
        return NULL;
    if (g_strcmp0(next, listing->token) == 0)
        leave(listing, g_strdup(_("its next page is called as the one before")));
    else if (listing->empty >= MOST_EMPTY)
        leave(listing, g_strdup_printf(_("%d pages in a row were empty"), MOST_EMPTY));
    else if (listing->pages >= KAGGLE_MOST_PAGES)
        leave(listing,
              g_strdup_printf(_("it goes on after %u pages, a request each"), listing->pages));
    else
        return g_strdup(next);
    return NULL;
}

/* The next page; FALSE with an error where access is refused or the run is over. */
static gboolean turn_page(KaggleListing *listing, GError **error)
{
    g_autofree char *next = next_token(listing);
    if (!next) {
        g_clear_pointer(&listing->page, json_decref);
        return TRUE;
    }
    GError *why = NULL;
    json_t *page = get_page(listing, NULL, next, &why);
    json_decref(listing->page);
    listing->page = page;
    g_free(listing->token);
    listing->token = g_steal_pointer(&next);
    if (page)
        return TRUE;
    if (!g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN) &&
        !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    leave(listing, g_strdup(why->message));
    g_error_free(why);
    return TRUE;
}

gboolean kaggle_listing_tell(KaggleListing *listing, const char *archive, const ListingTaker *taker,
                             GError **error)
{
    while (listing->page)
        if (!tell_page(listing, archive, taker, error) || !turn_page(listing, error))
            return FALSE;
    return TRUE;
}

/* The files of the page, and what lies below it to FOLDERS. */
static gboolean tell_folder_page(KaggleListing *listing, const char *folder, GQueue *folders,
                                 const char *archive, const ListingTaker *taker, GError **error)
{
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(listing->page, "files"), index, one)
    {
        if (!tell_file(listing, one, folder, archive, taker, error))
            return FALSE;
    }
    json_array_foreach(json_object_get(listing->page, "directories"), index, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        g_autofree char *below =
            name && *folder ? g_strconcat(folder, "/", name, NULL) : g_strdup(name);
        if (!below || !relpath_check(below, NULL))
            listing->unsafe++;
        else if (folders->length >= MOST_FOLDERS)
            leave(listing, g_strdup_printf(_("more than %d folders are listed"), MOST_FOLDERS));
        else
            g_queue_push_tail(folders, g_steal_pointer(&below));
        if (!listing->page)
            break;
    }
    return TRUE;
}

static gboolean tell_folder(KaggleListing *listing, const char *folder, GQueue *folders,
                            const char *archive, const ListingTaker *taker, GError **error)
{
    g_autofree char *token = NULL;
    do {
        listing->page = get_page(listing, folder, token, error);
        if (!listing->page || !tell_folder_page(listing, folder, folders, archive, taker, error))
            return FALSE;
        g_free(listing->token);
        listing->token = g_steal_pointer(&token);
        token = listing->page ? next_token(listing) : NULL;
        g_clear_pointer(&listing->page, json_decref);
    } while (token);
    return TRUE;
}

gboolean kaggle_listing_tell_tree(KaggleListing *listing, KaggleDoor *door, const char *version,
                                  const char *archive, const ListingTaker *taker, GError **error)
{
    GQueue folders = G_QUEUE_INIT;
    gboolean good = TRUE;
    *listing = (KaggleListing){.door = door, .version = version};
    g_queue_push_tail(&folders, g_strdup(""));
    while (good && folders.length && !listing->left) {
        g_autofree char *folder = g_queue_pop_head(&folders);
        if (listing->pages >= KAGGLE_MOST_PAGES)
            leave(listing,
                  g_strdup_printf(_("it goes on after %u pages, a request each"), listing->pages));
        else
            good = tell_folder(listing, folder, &folders, archive, taker, error);
    }
    g_queue_clear_full(&folders, g_free);
    return good;
}

guint64 kaggle_listing_count(KaggleDoor *door, const char *version)
{
    g_auto(KaggleCall) call = kaggle_call_summary(&door->name, version);
    g_auto(KaggleAnswer) answer = {0};
    g_autoptr(GError) why = NULL;
    if (!kaggle_ask(door, &call, TRUE, &answer, &why)) {
        door->services->log(door->services, why->message);
        return SIZE_UNKNOWN;
    }
    const json_t *info = json_object_get(answer.json, "fileSummaryInfo");
    const json_t *count =
        json_object_get(json_is_object(info) ? info : answer.json, "totalFileCount");
    return json_is_integer(count) && json_integer_value(count) >= 0
               ? (guint64)json_integer_value(count)
               : SIZE_UNKNOWN;
}
