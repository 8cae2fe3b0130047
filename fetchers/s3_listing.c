#include "s3_listing.h"

#include "error.h"
#include "i18n.h"
#include "verdict.h"

#include <string.h>
#include <unistd.h>

#define PAGE_MOST_BYTES (16 * 1024 * 1024) /* 1,000 objects, with the longest keys */
#define MOST_PAGES (10 * 1000 * 1000)
#define MOST_EMPTY 100 /* pages in a row: what was removed may fill some */

char *s3_object_address(const char *base, const char *bucket, const char *key)
{
    g_autofree char *path = g_uri_escape_string(key, "/", FALSE);
    return g_strdup_printf("%s/%s/%s", base, bucket, path);
}

/* The names are sorted, and the values encoded: a signature is made of the query as it stands. Keys
 * are not asked for in another encoding: MinIO says only behind the objects that they are, and what
 * no XML can hold is no name for a file. */
static char *page_address(const S3Listing *listing, const char *token)
{
    g_autofree char *prefix = g_uri_escape_string(listing->prefix, NULL, FALSE);
    g_autofree char *next = token ? g_uri_escape_string(token, NULL, FALSE) : NULL;
    return g_strdup_printf("%s/%s/?%s%s%slist-type=2&max-keys=1000&prefix=%s", listing->base,
                           listing->bucket, next ? "continuation-token=" : "", next ? next : "",
                           next ? "&" : "", prefix);
}

typedef struct {
    S3ObjectFunc func;
    gpointer data;
    guint64 count;
} Counted;

static gboolean on_object(const S3Object *object, gpointer data, GError **error)
{
    Counted *counted = data;
    if (object->size == 0 && g_str_has_suffix(object->key, "/"))
        return TRUE;
    counted->count++;
    return counted->func(object, counted->data, error);
}

/* What the host says in place of a listing. */
static gboolean refuse(const S3Listing *listing, const Document *page_document, const S3Page *page,
                       GError **error)
{
    const char *code = page->error_code ? page->error_code : "";
    int status = page_document->status;
    MedmirrorError kind = MEDMIRROR_ERROR_ORIGIN;
    if (status == 404 || strcmp(code, "NoSuchBucket") == 0)
        kind = MEDMIRROR_ERROR_ABSENT;
    else if (status == 401 || status == 403)
        kind = MEDMIRROR_ERROR_ACCESS;
    g_autofree char *said = g_utf8_make_valid(page->error_message ? page->error_message : "", -1);
    g_strchomp(said);
    if (g_str_has_suffix(said, "."))
        said[strlen(said) - 1] = 0;
    g_set_error(error, MEDMIRROR_ERROR, kind,
                _("The bucket %s could not be listed: %s answered %d%s%s%s%s."), listing->bucket,
                listing->base, status, *code ? " " : "", code, *said ? ", " : "", said);
    return FALSE;
}

static Document *ask(const S3Listing *listing, const char *token, GError **error)
{
    g_autofree char *url = page_address(listing, token);
    const DocumentRequest request = {
        .url = url,
        .max_bytes = PAGE_MOST_BYTES,
        .any_refusal = TRUE,
        .keep_redirect = TRUE,
        .most_attempts = listing->most_attempts,
        .signer = listing->signer,
    };
    return listing->services->get(listing->services, &request, error);
}

gboolean s3_list(const S3Listing *listing, S3ObjectFunc func, gpointer data, guint64 *count,
                 char **region, GError **error)
{
    Counted counted = {.func = func, .data = data};
    g_autofree char *token = NULL, *earlier = NULL;
    guint empty = 0;
    for (guint pages = 0; pages < MOST_PAGES; pages++) {
        g_auto(S3Page) page = {0};
        g_autoptr(GError) unreadable = NULL;
        g_autoptr(Document) document = ask(listing, token, error);
        if (!document)
            return FALSE;
        gboolean is_good = document->status == 200;
        guint64 before = counted.count;
        gboolean read =
            document->fd >= 0 &&
            s3_page_read(document->fd, &page, is_good ? on_object : NULL, &counted, &unreadable);
        /* It becomes a part of an address, and of a line to type. */
        if (region && page.error_region && request_signer_is_region(page.error_region))
            *region = g_strdup(page.error_region);
        if (!is_good || (read && !page.is_listing))
            return refuse(listing, document, &page, error);
        if (!read) {
            g_propagate_error(error, g_steal_pointer(&unreadable));
            return FALSE;
        }
        if (count)
            *count = counted.count;
        if (!page.is_truncated)
            return TRUE;
        /* The same pages for ever are no listing. */
        empty = counted.count > before ? 0 : empty + 1;
        if (!page.token || !*page.token || g_strcmp0(page.token, earlier) == 0 ||
            empty >= MOST_EMPTY)
            break;
        if ((pages & (pages - 1)) == 0) { /* a round of any length is met by a power of two */
            g_free(earlier);
            earlier = g_strdup(page.token);
        }
        g_free(token);
        token = g_steal_pointer(&page.token);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The listing of the bucket %s has no end: %s says that there is more, and not "
                  "where."),
                listing->bucket, listing->base);
    return FALSE;
}
