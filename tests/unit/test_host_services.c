/* Documents as text: whole, bounded, and whatever length the host believed they have. */
#include "error.h"
#include "host_services.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static Document *document_of(const char *bytes, gsize length, guint64 said)
{
    Document *document = g_new0(Document, 1);
    document->status = 200;
    document->final_url = g_strdup("http://u:p@h/final?token=x");
    document->validators = validators_new(NULL, NULL, SIZE_UNKNOWN);
    document->length = said;
    document->fd = bytes ? memfd_create("document", MFD_CLOEXEC) : -1;
    if (bytes) {
        g_assert_cmpint(document->fd, >=, 0);
        g_assert_cmpint(write(document->fd, bytes, length), ==, (gssize)length);
        lseek(document->fd, 0, SEEK_SET);
    }
    return document;
}

static void test_read(void)
{
    g_autofree char *large = g_strnfill(100000, 'x');
    const struct {
        const char *bytes;
        gsize length;
        guint64 said;
        gsize most;
        gboolean right;
    } rows[] = {
        {"hello", 5, 5, 100, TRUE},
        {"hello", 5, 5, 5, TRUE},
        {"hello", 5, 5, 4, FALSE},
        {"hello", 5, 0, 100, TRUE},
        {"hello", 5, 3, 100, TRUE},
        {"hello", 5, 9, 100, TRUE},
        {"hello", 5, 0, 4, FALSE},
        {"a\0b", 3, 3, 100, TRUE},
        {"", 0, 0, 100, TRUE},
        {"", 0, 0, 0, TRUE},
        {NULL, 0, 0, 100, TRUE},
        {large, 100000, 100000, 1000000, TRUE},
        {large, 100000, 0, 1000000, TRUE},
        {large, 100000, 0, 99999, FALSE},
        {large, 100000, 0, 100000, TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Document) document = document_of(rows[i].bytes, rows[i].length, rows[i].said);
        g_autoptr(GError) error = NULL;
        gsize length = 77;
        g_autofree char *text = document_read(document, rows[i].most, &length, &error);
        g_assert_cmpint(text != NULL, ==, rows[i].right);
        if (!text) {
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
            g_assert_nonnull(strstr(error->message, "http://h/final?token=***"));
            continue;
        }
        g_assert_cmpuint(length, ==, rows[i].length);
        g_assert_cmpmem(text, length + 1, rows[i].bytes ? rows[i].bytes : "", rows[i].length + 1);
    }
}

typedef struct {
    HostServices services;
    guint asked;
} Host;

static Document *answer(HostServices *services, const DocumentRequest *request, GError **error)
{
    ((Host *)(gpointer)services)->asked++;
    if (g_str_has_suffix(request->url, "/gone")) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT, "It is gone.");
        return NULL;
    }
    Document *document = document_of("body", 4, 4);
    if (g_str_has_suffix(request->url, "/plain"))
        g_clear_pointer(&document->final_url, g_free);
    return document;
}

static void test_get_text(void)
{
    Host host = {.services = {.get = answer}};
    g_autofree char *final_url = NULL;
    g_autofree char *plain_url = NULL;
    gsize length = 0;
    g_autofree char *text =
        host_services_get_text(&host.services, "http://h/a", 100, &length, &final_url, NULL);
    g_assert_cmpstr(text, ==, "body");
    g_assert_cmpuint(length, ==, 4);
    g_assert_cmpstr(final_url, ==, "http://u:p@h/final?token=x");
    g_autofree char *plain =
        host_services_get_text(&host.services, "http://h/plain", 100, NULL, &plain_url, NULL);
    g_assert_cmpstr(plain, ==, "body");
    g_assert_cmpstr(plain_url, ==, "http://h/plain");
    g_autoptr(GError) error = NULL;
    g_assert_null(host_services_get_text(&host.services, "http://h/gone", 100, NULL, NULL, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_assert_cmpuint(host.asked, ==, 3);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/document/read", test_read);
    g_test_add_func("/host-services/get-text", test_get_text);
    return g_test_run();
}
