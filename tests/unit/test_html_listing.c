/* Every shape of directory listing, and what is none. */
#include "html_listing.h"

#include "error.h"
#include "verdict.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int document_of(const char *text, gsize length)
{
    int fd = memfd_create("listing", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, text, length), ==, (gssize)length);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return fd;
}

static gboolean note_entry(const ListedEntry *entry, gpointer data, GError **error)
{
    GString *lines = data;
    static const char kinds[] = {
        [LISTED_FILE] = 'f', [LISTED_FOLDER] = 'd', [LISTED_UNKNOWN] = '?'};
    g_string_append_printf(lines, "%c %s ", kinds[entry->kind], entry->href);
    if (entry->size == SIZE_UNKNOWN)
        g_string_append(lines, "-");
    else
        g_string_append_printf(lines, "%" G_GUINT64_FORMAT "%s", entry->size,
                               entry->size_is_rounded ? "~" : "");
    g_string_append_printf(lines, " %s%s\n", entry->modified ? entry->modified : "-",
                           entry->is_plain_name ? " plain" : "");
    return TRUE;
}

typedef struct {
    const char *name, *type, *document;
    ListingShape shape;
    const char *entries;
} Case;

static const Case cases[] = {
    {"nginx", "text/html",
     "<html>\r\n<head><title>Index of /files/x/1.0/</title></head>\r\n<body>\r\n"
     "<h1>Index of /files/x/1.0/</h1><hr><pre><a href=\"../\">../</a>\r\n"
     "<a href=\"sub/\">sub/</a>                    02-Jan-2024 03:04                   -\r\n"
     "<a href=\"a%20b.dat\">a b.dat</a>                 02-Jan-2024 03:04             1950000\r\n"
     "<a href=\"very_long_full_name.dat\">very_long_fu..&gt;</a> 02-Jan-2024 03:04        12\r\n"
     "<a href=\"big\">big</a>  31-Dec-2023 23:59  4398046511104\r\n"
     "</pre><hr></body>\r\n</html>\r\n",
     LISTING_HTML,
     "d ../ - -\n"
     "d sub/ - 2024-01-02T03:04\n"
     "f a%20b.dat 1950000 2024-01-02T03:04\n"
     "f very_long_full_name.dat 12 2024-01-02T03:04\n"
     "f big 4398046511104 2023-12-31T23:59\n"},
    {"nginx, sizes rounded", "text/html",
     "<html><head><title>Index of /</title></head><body><h1>Index of /</h1><hr><pre>"
     "<a href=\"a\">a</a>   02-Jan-2024 03:04     512\n"
     "<a href=\"b\">b</a>   02-Jan-2024 03:04     12K\n"
     "<a href=\"c\">c</a>   02-Jan-2024 03:04     3M\n</pre></body></html>",
     LISTING_HTML,
     "f a 512 2024-01-02T03:04\nf b 12288~ 2024-01-02T03:04\nf c 3145728~ 2024-01-02T03:04\n"},
    {"apache, plain", "text/html;charset=UTF-8",
     "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2 Final//EN\">\n<html>\n <head>\n"
     "  <title>Index of /dir</title>\n </head>\n <body>\n<h1>Index of /dir</h1>\n"
     "<ul><li><a href=\"/\"> Parent Directory</a></li>\n<li><a href=\"a.tar.gz\"> "
     "a.tar.gz</a></li>\n"
     "<li><a href=\"sub/\"> sub/</a></li>\n</ul>\n"
     "<address>Apache/2.4.57 (Debian) Server at x Port 80</address></body></html>\n",
     LISTING_HTML, "d / - -\nf a.tar.gz - -\nd sub/ - -\n"},
    {"apache, FancyIndexing", "text/html;charset=UTF-8",
     "<html><head><title>Index of /dir</title></head><body>\n<h1>Index of /dir</h1>\n"
     "<pre><img src=\"/icons/blank.gif\" alt=\"Icon \"> <a href=\"?C=N;O=D\">Name</a>      "
     "<a href=\"?C=M;O=A\">Last modified</a>      <a href=\"?C=S;O=A\">Size</a>  "
     "<a href=\"?C=D;O=A\">Description</a><hr>"
     "<img src=\"/icons/back.gif\" alt=\"[PARENTDIR]\"> <a href=\"/\">Parent Directory</a>       - "
     "  \n"
     "<img src=\"/icons/compressed.gif\" alt=\"[   ]\"> <a href=\"a.tar.gz\">a.tar.gz</a>   "
     "2024-01-02 03:04   12M  \n"
     "<a href=\"b.csv\"><img src=\"/icons/text.gif\" alt=\"[TXT]\"></a> <a "
     "href=\"b.csv\">b.csv</a> "
     "2024-01-02 03:05  1.5K  Tables of 2 arms\n"
     "<img src=\"/icons/text.gif\" alt=\"[TXT]\"> <a href=\"c.txt\">c.txt</a> 2024-01-02 03:06  "
     "950  \n"
     "<img src=\"/icons/folder.gif\" alt=\"[DIR]\"> <a href=\"sub/\">sub/</a> 2024-01-02 03:07    "
     "-   \n"
     "<img src=\"/icons/text.gif\" alt=\"[TXT]\"> <a href=\"old\">old</a> 02-Jan-2013 03:04  1.2G "
     "\n"
     "<hr></pre>\n<address>Apache/2.4.57 Server at x Port 80</address>\n</body></html>\n",
     LISTING_HTML,
     "f ?C=N;O=D - -\nf ?C=M;O=A - -\nf ?C=S;O=A - -\nf ?C=D;O=A - -\nd / - -\n"
     "f a.tar.gz 12582912~ 2024-01-02T03:04\n"
     "f b.csv 1536~ 2024-01-02T03:05\n"
     "f c.txt 950 2024-01-02T03:06\n"
     "d sub/ - 2024-01-02T03:07\n"
     "f old 1288490188~ 2013-01-02T03:04\n"},
    {"apache, HTMLTable", "text/html;charset=UTF-8",
     "<html><head><title>Index of /dir</title></head><body>\n<h1 id=\"indextitle\">Index of "
     "/dir</h1>\n"
     "<table id=\"indexlist\">\n<tr><th valign=\"top\"><img src=\"/icons/blank.gif\" "
     "alt=\"[ICO]\"></th>"
     "<th><a href=\"?C=N;O=D\">Name</a></th></tr>\n<tr><th colspan=\"5\"><hr></th></tr>\n"
     "<tr><td valign=\"top\"><img src=\"/icons/x.gif\" alt=\"[   ]\"></td><td><a href=\"a.tar.gz\">"
     "a.tar.gz</a></td><td align=\"right\">2024-01-02 03:04  </td><td align=\"right\"> 12M</td>"
     "<td>&nbsp;</td></tr>\n"
     "<tr><td valign=\"top\"></td><td><a href=\"sub/\">sub/</a></td><td align=\"right\">2024-01-02 "
     "03:05"
     "  </td><td align=\"right\">  - </td><td>&nbsp;</td></tr>\n</table>\n</body></html>\n",
     LISTING_HTML,
     "f ?C=N;O=D - -\nf a.tar.gz 12582912~ 2024-01-02T03:04\nd sub/ - 2024-01-02T03:05\n"},
    {"lighttpd", "text/html",
     "<!DOCTYPE html>\n<html>\n<head>\n<title>Index of /x/</title>\n<style type=\"text/css\">\n"
     "a, a:active {color: blue;}\n</style>\n</head>\n<body>\n<h2>Index of /x/</h2>\n"
     "<div class=\"list\">\n<table summary=\"Directory Listing\" cellpadding=\"0\" "
     "cellspacing=\"0\">\n"
     "<thead><tr><th class=\"n\">Name</th><th class=\"m\">Last "
     "Modified</th></tr></thead>\n<tbody>\n"
     "<tr class=\"d\"><td class=\"n\"><a href=\"../\">..</a>/</td><td class=\"m\">&nbsp;</td>"
     "<td class=\"s\">- &nbsp;</td><td class=\"t\">Directory</td></tr>\n"
     "<tr class=\"d\"><td class=\"n\"><a href=\"sub/\">sub</a>/</td><td class=\"m\">2024-Jan-02 "
     "03:04:05"
     "</td><td class=\"s\">- &nbsp;</td><td class=\"t\">Directory</td></tr>\n"
     "<tr><td class=\"n\"><a href=\"a.dat\">a.dat</a></td><td class=\"m\">2024-Feb-29 03:04:05</td>"
     "<td class=\"s\">1.9M</td><td class=\"t\">application/octet-stream</td></tr>\n"
     "</tbody>\n</table>\n</div>\n<div class=\"foot\">lighttpd/1.4.69</div>\n</body>\n</html>\n",
     LISTING_HTML,
     "d ../ - -\nd sub/ - 2024-01-02T03:04:05\nf a.dat 1992294~ 2024-02-29T03:04:05\n"},
    {"caddy", "text/html; charset=utf-8",
     "<!DOCTYPE html><html><head><title>/x/</title><meta charset=\"utf-8\"></head>"
     "<body onload=\"initPage()\"><header><h1><a href=\"/\">/</a><a "
     "href=\"/x/\">x</a>/</h1></header>"
     "<main><div class=\"meta\"><a href=\"javascript:queryParam('layout', 'grid')\">Grid</a></div>"
     "<div class='listing'><table aria-describedby=\"summary\"><thead><tr><th></th><th>"
     "<a href=\"?sort=name&order=asc\">Name</a></th></tr></thead><tbody>"
     "<tr class=\"file\"><td></td><td><a href=\"./sub/\"><svg></svg><span "
     "class=\"name\">sub</span></a>"
     "</td><td>&mdash;</td><td class=\"timestamp\"><time datetime=\"2024-01-02T03:04:05Z\">"
     "01/02/2024 03:04:05 AM +00:00</time></td><td></td></tr>"
     "<tr class=\"file\"><td></td><td><a href=\"./a%20b.dat\"><svg></svg><span class=\"name\">a "
     "b.dat"
     "</span></a></td><td class=\"size\" data-size=\"1950000\"><div class=\"sizebar\">"
     "<div class=\"sizebar-text\">1.9 MiB</div></div></td><td class=\"timestamp\">"
     "<time datetime=\"2024-01-02T05:04:05+02:00\">01/02/2024</time></td><td></td></tr>"
     "</tbody></table></div></main><footer>Served with <a "
     "href=\"https://caddyserver.com\">Caddy</a>"
     "</footer><script>const x = '<a href=\"nothing\">';</script></body></html>",
     LISTING_HTML,
     "d / - -\nd /x/ - -\nf javascript:queryParam('layout', 'grid') - -\nf ?sort=name&order=asc - "
     "-\n"
     "d ./sub/ - 2024-01-02T03:04:05\nf ./a%20b.dat 1950000 2024-01-02T03:04:05\n"
     "f https://caddyserver.com - -\n"},
    {"python", "text/html; charset=utf-8",
     "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
     "<title>Directory listing for /x/</title>\n</head>\n<body>\n<h1>Directory listing for "
     "/x/</h1>\n"
     "<hr>\n<ul>\n<li><a href=\"a%20b.dat\">a b.dat</a></li>\n<li><a "
     "href=\"link.dat\">link.dat@</a></li>\n"
     "<li><a href=\"sub/\">sub/</a></li>\n</ul>\n<hr>\n</body>\n</html>\n",
     LISTING_HTML, "f a%20b.dat - -\nf link.dat - -\nd sub/ - -\n"},
    {"physionet, development", "text/html; charset=utf-8",
     "<!DOCTYPE html><html><body><ul><li><a href=\"RECORDS\">RECORDS</a></li>"
     "<li><a href=\"sub\">sub</a></li></ul></body></html>",
     LISTING_BARE, "f RECORDS - -\nf sub - -\n"},
    {"raw UTF-8 without a word on it", "text/html",
     "<html><head><title>Index of /</title></head><body><pre>"
     "<a href=\"\xe5\xbf\x83.dat\">\xe5\xbf\x83.dat</a> 02-Jan-2024 03:04 7\n</pre></body></html>",
     LISTING_HTML, "f \xe5\xbf\x83.dat 7 2024-01-02T03:04\n"},
    {"another charset, named by the server", "text/html; charset=gb2312",
     "<html><head><title>Index of /</title></head><body><pre>"
     "<a href=\"\xd0\xc4.dat\">\xd0\xc4.dat</a> 02-Jan-2024 03:04 7\n</pre></body></html>",
     LISTING_HTML, "f \xe5\xbf\x83.dat 7 2024-01-02T03:04\n"},
    {"a charset that nobody knows", "text/html; charset=x-none",
     "<title>Index of /</title><pre><a href=\"a.dat\">x</a> 02-Jan-2024 03:04 7</pre>",
     LISTING_HTML, "f a.dat 7 2024-01-02T03:04\n"},
    {"entities", "text/html",
     "<title>Index of /</title><pre><a href=\"a&amp;b%3Bc.dat\">x</a> 02-Jan-2024 03:04 7</pre>",
     LISTING_HTML, "f a&b%3Bc.dat 7 2024-01-02T03:04\n"},
    {"caddy, JSON", "application/json; charset=utf-8",
     "[{\"name\":\"sub/\",\"size\":4096,\"url\":\"./sub/"
     "\",\"mod_time\":\"2024-01-02T03:04:05.123Z\","
     "\"mode\":2147484141,\"is_dir\":true,\"is_symlink\":false},\n"
     "{\"name\":\"a b.dat\",\"size\":1950000,\"url\":\"./a%20b.dat\","
     "\"mod_time\":\"2024-01-02T05:04:05+02:00\",\"is_dir\":false}]\n",
     LISTING_JSON,
     "d sub/ - 2024-01-02T03:04:05 plain\nf a b.dat 1950000 2024-01-02T03:04:05 plain\n"},
    {"nginx, JSON", "application/json",
     "[\r\n{ \"name\":\"sub\", \"type\":\"directory\", \"mtime\":\"Tue, 02 Jan 2024 03:04:00 GMT\" "
     "},\r\n"
     "{ \"name\":\"a.dat\", \"type\":\"file\", \"mtime\":\"Tue, 02 Jan 2024 03:04:00 GMT\", "
     "\"size\":12 },"
     "\r\n{ \"name\":\"pipe\", \"type\":\"other\" }\r\n]",
     LISTING_JSON, "d sub - 2024-01-02T03:04:00 plain\nf a.dat 12 2024-01-02T03:04:00 plain\n"},
    {"an empty folder, JSON", "application/json", "[]", LISTING_JSON, ""},
    {"an empty folder of caddy, JSON", "application/json", "null\n", LISTING_JSON, ""},
    {"other JSON", "application/json", "{\"detail\":\"Not found.\"}", LISTING_NONE, ""},
    {"a page", "text/html",
     "<!DOCTYPE html><html><head><title>Heart data</title></head><body><p>Welcome. "
     "<a href=\"data.zip\">Download</a></p></body></html>",
     LISTING_NONE, "f data.zip - -\n"},
    {"a page about an index", "text/html",
     "<html><head><title>Index of cardiac risk</title></head><body><p>x</p></body></html>",
     LISTING_NONE, ""},
    {"a bare list with words around it", "text/html",
     "<html><body>My files: <ul><li><a href=\"a\">a</a></li></ul></body></html>", LISTING_NONE,
     "f a - -\n"},
    {"text", "text/plain", "no such file", LISTING_NONE, ""},
    {"nothing", "text/html", "", LISTING_NONE, ""},
};

static void check_case(gconstpointer data)
{
    const Case *test = data;
    int fd = document_of(test->document, strlen(test->document));
    g_autoptr(GString) lines = g_string_new(NULL);
    g_autofree char *title = NULL;
    ListingShape shape;
    g_autoptr(GError) error = NULL;
    const ListedEntryTaker taker = {.func = note_entry, .data = lines};
    gboolean read = listing_read(fd, test->type, &taker, &shape, &title, &error);
    g_assert_no_error(error);
    g_assert_true(read);
    g_assert_cmpint(shape, ==, test->shape);
    g_assert_cmpstr(lines->str, ==, test->entries);
    close(fd);
}

typedef struct {
    const char *text;
    guint64 size;
    gboolean rounded;
    const char *modified;
} TextCase;

static void check_texts(void)
{
    static const TextCase texts[] = {
        {"", SIZE_UNKNOWN, FALSE, NULL},
        {"   02-Jan-2024 03:04    1950000\r\n", 1950000, FALSE, "2024-01-02T03:04"},
        {" 2024-01-02 03:04  0 ", 0, FALSE, "2024-01-02T03:04"},
        {" 2024-01-02 03:04  - ", SIZE_UNKNOWN, FALSE, "2024-01-02T03:04"},
        {" 2024-01-02T03:04:05 1.2 KiB", 1228, TRUE, "2024-01-02T03:04:05"},
        {" 2024-01-02 03:04  12k", 12288, TRUE, "2024-01-02T03:04"},
        {" 2024-01-02 03:04  2T ", 2199023255552, TRUE, "2024-01-02T03:04"},
        {"\xc2\xa0"
         "2024-01-02 03:04\xc2\xa0\xc2\xa0"
         "7B",
         7, FALSE, "2024-01-02T03:04"},
        {"   12M  ", 12582912, TRUE, NULL},
        {"  345 ", 345, FALSE, NULL},
        {"  345 patients", SIZE_UNKNOWN, FALSE, NULL},
        {" 31-Feb-2024 03:04  7", 7, FALSE, NULL},
        {" 02-Xyz-2024 03:04  7", 7, FALSE, NULL},
        {" 2024-01-02 03:04 99999999999999999999", SIZE_UNKNOWN, FALSE, "2024-01-02T03:04"},
        {" 2024-01-02 03:04 1999E", SIZE_UNKNOWN, FALSE, "2024-01-02T03:04"},
        {"Apache/2.4.57 (Debian) Server", SIZE_UNKNOWN, FALSE, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        ListedEntry entry = {.kind = LISTED_FILE, .size = SIZE_UNKNOWN};
        g_test_message("%s", texts[i].text);
        listing_text_parse(texts[i].text, &entry);
        g_assert_cmpuint(entry.size, ==, texts[i].size);
        g_assert_cmpint(entry.size_is_rounded, ==, texts[i].rounded);
        g_assert_cmpstr(entry.modified, ==, texts[i].modified);
        listed_entry_clear(&entry);
    }
}

static gboolean refuse_second(const ListedEntry *entry, gpointer data, GError **error)
{
    guint *count = data;
    if (++*count < 2)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE, "enough");
    return FALSE;
}

static void check_stops(void)
{
    static const char *const documents[][2] = {
        {"text/html", "<title>Index of /</title><pre><a href=\"a\">a</a>\n<a href=\"b\">b</a>\n"
                      "<a href=\"c\">c</a>\n<a href=\"d\">d</a></pre>"},
        {"application/json", "[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
        int fd = document_of(documents[i][1], strlen(documents[i][1]));
        guint count = 0;
        ListingShape shape;
        g_autoptr(GError) error = NULL;
        const ListedEntryTaker taker = {.func = refuse_second, .data = &count};
        g_assert_false(listing_read(fd, documents[i][0], &taker, &shape, NULL, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE);
        g_assert_cmpuint(count, ==, 2);
        close(fd);
    }
}

static void check_damaged_json(void)
{
    g_autofree char *long_name = g_strnfill(100000, 'x');
    g_autofree char *huge = g_strconcat("[{\"name\":\"", long_name, "\"}]", NULL);
    const char *const documents[] = {"[",
                                     "[{\"name\":\"a\"}",
                                     "[{\"name\":\"a\"} {",
                                     "[{\"size\":1}]",
                                     "[{\"name\":\"a\",\"name\":\"b\"}]",
                                     "[1,2]",
                                     huge};
    for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
        int fd = document_of(documents[i], strlen(documents[i]));
        g_autoptr(GString) lines = g_string_new(NULL);
        ListingShape shape;
        g_autoptr(GError) error = NULL;
        const ListedEntryTaker taker = {.func = note_entry, .data = lines};
        g_assert_false(listing_read(fd, "application/json", &taker, &shape, NULL, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
        close(fd);
    }
}

typedef struct {
    int fd;
    gsize line;
    gint64 count, most_ahead; /* bytes that were read and are of no entry yet */
} Long;

static gboolean count_entry(const ListedEntry *entry, gpointer data, GError **error)
{
    Long *seen = data;
    gint64 ahead = (gint64)lseek(seen->fd, 0, SEEK_CUR) - seen->count * (gint64)seen->line;
    seen->most_ahead = MAX(seen->most_ahead, ahead);
    seen->count++;
    return TRUE;
}

/* A long listing passes through without being held, wherever its chunks are cut. */
static void check_long(void)
{
    static const char head[] = "<html><head><title>Index of /</title></head><body><pre>";
    for (guint shift = 0; shift < 64; shift += 7) {
        const int many = 20000;
        int fd = memfd_create("listing", MFD_CLOEXEC);
        FILE *file = fdopen(dup(fd), "w");
        fprintf(file, "%s%*s", head, (int)shift, "");
        int line = 0;
        for (int i = 0; i < many; i++)
            line = fprintf(file, "<a href=\"f%07d.dcm\">f%07d.dcm</a>  02-Jan-2024 03:04  %7d\n", i,
                           i, i);
        fputs("</pre></body></html>", file);
        g_assert_cmpint(fclose(file), ==, 0);
        g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
        ListingShape shape;
        g_autoptr(GError) error = NULL;
        Long seen = {.fd = fd, .line = (gsize)line};
        const ListedEntryTaker taker = {.func = count_entry, .data = &seen};
        g_assert_true(listing_read(fd, "text/html", &taker, &shape, NULL, &error));
        g_assert_no_error(error);
        g_assert_cmpint(seen.count, ==, many);
        g_assert_cmpint(seen.most_ahead, <, 64 * 1024);
        close(fd);
    }
}

/* What has no end is no listing, and is not gathered. */
static void check_endless(void)
{
    static const char *const beginnings[] = {"<!-- ", "<script>", "<a href=\"", "<a "};
    for (guint i = 0; i < G_N_ELEMENTS(beginnings); i++) {
        int fd = memfd_create("listing", MFD_CLOEXEC);
        FILE *file = fdopen(dup(fd), "w");
        fprintf(file, "<html><head><title>Index of /</title></head><body>%s", beginnings[i]);
        for (guint j = 0; j < 4 * 1024 * 1024 / 16; j++)
            fputs("no end of this, ", file);
        g_assert_cmpint(fclose(file), ==, 0);
        g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
        ListingShape shape;
        g_autofree char *title = NULL;
        g_autoptr(GError) error = NULL;
        Long seen = {.fd = fd};
        const ListedEntryTaker taker = {.func = count_entry, .data = &seen};
        g_assert_true(listing_read(fd, "text/html", &taker, &shape, &title, &error));
        g_assert_no_error(error);
        g_assert_cmpint(shape, ==, LISTING_NONE);
        g_assert_cmpstr(title, ==, "Index of /");
        g_assert_cmpint(lseek(fd, 0, SEEK_CUR), <, 2 * 1024 * 1024);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/html-listing/", cases[i].name, NULL);
        g_test_add_data_func(path, &cases[i], check_case);
    }
    g_test_add_func("/html-listing/texts behind links", check_texts);
    g_test_add_func("/html-listing/the taker ends it", check_stops);
    g_test_add_func("/html-listing/damaged JSON", check_damaged_json);
    g_test_add_func("/html-listing/a long one", check_long);
    g_test_add_func("/html-listing/without an end", check_endless);
    return g_test_run();
}
