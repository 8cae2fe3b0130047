#include "crawl_checksums.h"

#include "checksum_list.h"
#include "checksum_table.h"
#include "error.h"
#include "i18n.h"
#include "relpath.h"
#include "web_address.h"

#include <string.h>

#define LIST_MOST_BYTES (G_GUINT64_CONSTANT(1) << 30)
#define HELD_MOST 50000  /* digests in memory; more are told to the taker one by one */
#define SINGLE_MOST 1000 /* files beside single files: a request each */
#define LISTS_MOST 1000  /* in one folder */

struct CrawlChecksums {
    HostServices *services;
    const ListingTaker *taker;
    ListingHead *head;
    ChecksumTable *table;
    GPtrArray *found; /* char*: paths of lists to read */
    guint single;     /* files beside single files that were read */
    guint64 left_out, dropped, unsafe;
};

CrawlChecksums *crawl_checksums_new(HostServices *services, const ListingTaker *taker,
                                    ListingHead *head)
{
    CrawlChecksums *checksums = g_new0(CrawlChecksums, 1);
    checksums->services = services;
    checksums->taker = taker;
    checksums->head = head;
    checksums->table = checksum_table_new(HELD_MOST);
    checksums->found = g_ptr_array_new_with_free_func(g_free);
    return checksums;
}

void crawl_checksums_free(CrawlChecksums *checksums)
{
    if (!checksums)
        return;
    checksum_table_free(checksums->table);
    g_ptr_array_unref(checksums->found);
    g_free(checksums);
}

/* The file that PATH's digest is of, where PATH is "x.sha256" and the like; NULL else. Owned. */
static char *single_stem(const char *path)
{
    static const char *const endings[] = {".md5", ".sha1", ".sha256", ".sha512", NULL};
    for (const char *const *ending = endings; *ending; ending++)
        if (g_str_has_suffix(path, *ending))
            return g_strndup(path, strlen(path) - strlen(*ending));
    return NULL;
}

gboolean crawl_checksums_may_be_list(const char *href)
{
    if (strchr(href, '%') || strchr(href, '?') || strchr(href, '#'))
        return TRUE;
    const char *slash = strrchr(href, '/');
    return checksum_list_is_name(slash ? slash + 1 : href);
}

void crawl_checksums_found(CrawlChecksums *checksums, const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    if (!checksum_list_is_name(base))
        return;
    g_autofree char *stem = single_stem(path);
    if (checksums->found->len >= LISTS_MOST || (stem && checksums->single >= SINGLE_MOST)) {
        checksums->left_out++;
        return;
    }
    if (stem)
        checksums->single++;
    g_ptr_array_add(checksums->found, g_strdup(path));
}

void crawl_checksums_forget(CrawlChecksums *checksums)
{
    g_ptr_array_set_size(checksums->found, 0);
}

static gboolean add_digest(CrawlChecksums *checksums, const char *path, const Digest *digest,
                           GError **error)
{
    if (checksum_table_add(checksums->table, path, digest))
        return TRUE;
    if (checksums->taker->digest)
        return checksums->taker->digest(checksums->taker->data, path, digest, error);
    checksums->dropped++;
    return TRUE;
}

/* The path below the start that a line means; NULL where it is no safe path. STEM: the file beside
 * which the list lies, which it may name by some other path. Owned. */
static char *line_path(const char *list, const char *stem, const char *named)
{
    if (stem) {
        g_autofree char *wanted = g_path_get_basename(stem);
        g_autofree char *base = g_path_get_basename(named);
        if (strcmp(wanted, base) == 0)
            return g_strdup(stem);
    }
    const char *slash = strrchr(list, '/');
    g_autofree char *folder = slash ? g_strndup(list, (gsize)(slash - list + 1)) : g_strdup("");
    char *path = g_strconcat(folder, named, NULL);
    if (relpath_check(named, NULL) && relpath_check(path, NULL))
        return path;
    g_free(path);
    return NULL;
}

static gboolean take_lines(CrawlChecksums *checksums, const char *list, const char *stem,
                           const Document *document, GError **error)
{
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(document->fd, list);
    for (;;) {
        g_auto(ChecksumLine) line = {0};
        int got = checksum_list_reader_next(reader, &line, error);
        if (got <= 0)
            return got == 0;
        g_autofree char *path = line_path(list, stem, line.path);
        if (!path)
            checksums->unsafe++;
        else if (!add_digest(checksums, path, &line.digest, error))
            return FALSE;
    }
}

static gboolean read_list(CrawlChecksums *checksums, const char *start, const char *path,
                          GError **error)
{
    g_autofree char *encoded = web_path_encode(path);
    g_autofree char *url = g_strconcat(start, encoded, NULL);
    DocumentRequest request = {.url = url, .max_bytes = LIST_MOST_BYTES};
    g_autoptr(Document) document = checksums->services->get(checksums->services, &request, error);
    if (!document)
        return FALSE;
    g_autofree char *stem = single_stem(path);
    return take_lines(checksums, path, stem, document, error);
}

gboolean crawl_checksums_read(CrawlChecksums *checksums, const char *start, GError **error)
{
    for (guint i = 0; i < checksums->found->len; i++) {
        const char *path = checksums->found->pdata[i];
        GError *why = NULL;
        if (read_list(checksums, start, path, &why))
            continue;
        if (!g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT) &&
            !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS) &&
            !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED)) {
            g_propagate_error(error, why);
            return FALSE;
        }
        g_autofree char *shown = relpath_display(path);
        listing_head_add_note(checksums->head,
                              _("The list of digests %s could not be used to its end: %s"), shown,
                              why->message);
        g_error_free(why);
    }
    g_ptr_array_set_size(checksums->found, 0);
    return TRUE;
}

void crawl_checksums_apply(CrawlChecksums *checksums, FileSpec *spec)
{
    checksum_table_apply(checksums->table, spec->path, &spec->declared);
}

void crawl_checksums_finish(CrawlChecksums *checksums)
{
    const char *example;
    guint unused = checksum_table_unused(checksums->table, &example);
    if (unused > 0) {
        g_autofree char *shown = relpath_display(example);
        listing_head_add_note(checksums->head,
                              _("The lists of digests name %u files that no listing shows (%s is "
                                "the first); they are not fetched."),
                              unused, shown);
    }
    if (checksums->unsafe > 0)
        listing_head_add_note(checksums->head,
                              _("%" G_GUINT64_FORMAT " lines of the lists of digests name no safe "
                                "path and were not used."),
                              checksums->unsafe);
    if (checksums->dropped > 0)
        listing_head_add_note(checksums->head,
                              _("%" G_GUINT64_FORMAT " digests of long lists were not used."),
                              checksums->dropped);
    if (checksums->left_out > 0)
        listing_head_add_note(checksums->head,
                              _("%" G_GUINT64_FORMAT
                                " lists of digests were not asked for: %d that "
                                "lie beside single files are the most."),
                              checksums->left_out, SINGLE_MOST);
}
