/*
 * A fetcher's documents over the engine: bodies, ranges, conditions, errors; a fetcher that
 * prepares and refreshes with their help; certificates and proxies.
 */
#include "documents.h"
#include "error.h"

#include "support_origin.h"

#include "support_memory_sink.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

typedef struct {
    Origin *origin;
    Engine *engine;
    Endpoints *endpoints;
    HostServices *services;
    char *folder;
    gint cancelled;
} Fixture;

static gboolean is_cancelled(gpointer data)
{
    return g_atomic_int_get(&((Fixture *)data)->cancelled);
}

static void set_up_with(Fixture *fixture, const char *proxy, const char *ca_file)
{
    g_autoptr(GError) error = NULL;

    *fixture = (Fixture){0};
    fixture->origin = origin_start();
    fixture->folder = g_dir_make_tmp("medmirror-slots-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->endpoints = endpoints_new();
    const EngineConfig config = {
        .delay_min_ms = 2,
        .delay_max_ms = 20,
        .connect_ms = 10 * 1000,
        .network_patience_ms = 2000,
        .patience_interval_ms = 50,
        .host_point_ms = 10,
        .no_proxy = (char *)(proxy == NULL ? "*" : "none.invalid"),
        .proxy = (char *)proxy,
        .ca_file = (char *)ca_file,
        .slots_folder = fixture->folder,
        .endpoints = fixture->endpoints,
    };
    fixture->engine = engine_new(&config, &error);
    g_assert_no_error(error);
    fixture->services = documents_new(fixture->engine, fixture->endpoints, is_cancelled, fixture);
}

static void set_up(Fixture *fixture)
{
    set_up_with(fixture, NULL, NULL);
}

static void tear_down(Fixture *fixture)
{
    g_autoptr(GDir) folder = NULL;
    const char *name;

    documents_free(fixture->services);
    engine_free(fixture->engine);
    endpoints_free(fixture->endpoints);
    origin_stop(fixture->origin);
    folder = g_dir_open(fixture->folder, 0, NULL);
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
        g_assert_cmpint(unlink(path), ==, 0);
    }
    g_assert_cmpint(rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
}

static Document *get(Fixture *fixture, const char *path, DocumentRequest request, GError **error)
{
    g_autofree char *address = origin_address(fixture->origin, path);

    request.url = address;
    return fixture->services->get(fixture->services, &request, error);
}

static const char text[] = "{\"status\": 200, \"data\": [1, 2, 3]}\n";

static OriginFile *add_text(Fixture *fixture, const char *path)
{
    OriginFile *file = origin_add(fixture->origin, path, sizeof text - 1);

    file->body = text;
    file->content_type = "application/json";
    file->etag = "\"doc\"";
    return file;
}

static void test_get(void)
{
    Fixture fixture;
    g_autoptr(GError) error = NULL;
    gsize length = 0;

    set_up(&fixture);
    add_text(&fixture, "/doc");
    origin_add(fixture.origin, "/moved", 0)->location = "/doc";
    g_autoptr(Document) document = get(&fixture, "/moved", (DocumentRequest){0}, &error);
    g_assert_no_error(error);
    g_assert_cmpint(document->status, ==, 200);
    g_assert_true(g_str_has_suffix(document->final_url, "/doc"));
    g_assert_cmpstr(document->content_type, ==, "application/json");
    g_assert_cmpstr(document->validators->etag, ==, "\"doc\"");
    g_assert_cmpuint(document->length, ==, sizeof text - 1);
    g_autofree char *body = document_read(document, 1000, &length, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(body, ==, text);

    g_autofree char *address = origin_address(fixture.origin, "/doc");
    g_autofree char *again =
        host_services_get_text(fixture.services, address, 1000, &length, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(again, ==, text);
    tear_down(&fixture);
}

static void assert_asked(Fixture *fixture, const char *path, guint index, const char *method,
                         const char *body)
{
    const OriginRequest *request = origin_request(fixture->origin, path, index);

    g_assert_cmpstr(request->method, ==, method);
    g_assert_cmpstr(request->body, ==, body);
}

/* A question by POST is asked again like any other, and stays one where 307 and 308 lead. */
static void test_post(void)
{
    static const char question[] = "{\"ownerSlug\":\"a\",\"datasetSlug\":\"b\"}";
    static const struct {
        const char *path;
        int moved;
        gboolean stays;
    } moves[] = {{"/moved-301", 301, FALSE},
                 {"/moved-302", 302, FALSE},
                 {"/moved-303", 303, FALSE},
                 {"/moved-307", 307, TRUE},
                 {"/moved-308", 308, TRUE}};
    const DocumentRequest json = {.post_body = question, .post_type = "application/json"};
    Fixture fixture;
    g_autoptr(GError) error = NULL;

    set_up(&fixture);
    OriginFile *file = add_text(&fixture, "/ask");
    file->status = 503;
    file->statuses = 1;
    g_autoptr(Document) document = get(&fixture, "/ask", json, &error);
    g_assert_no_error(error);
    g_autofree char *body = document_read(document, 1000, NULL, &error);
    g_assert_cmpstr(body, ==, text);
    for (guint i = 0; i < 2; i++) {
        assert_asked(&fixture, "/ask", i, "POST", question);
        g_assert_cmpstr(origin_request(fixture.origin, "/ask", i)->content_type, ==,
                        "application/json");
    }
    g_autoptr(Document) form = get(&fixture, "/ask", (DocumentRequest){.post_body = "a=b"}, &error);
    g_assert_no_error(error);
    assert_asked(&fixture, "/ask", 2, "POST", "a=b");
    g_assert_cmpstr(origin_request(fixture.origin, "/ask", 2)->content_type, ==,
                    "application/x-www-form-urlencoded");
    for (guint i = 0; i < G_N_ELEMENTS(moves); i++) {
        OriginFile *moved = origin_add(fixture.origin, moves[i].path, 0);
        moved->location = "/ask";
        moved->moved = moves[i].moved;
        g_autoptr(Document) answer = get(&fixture, moves[i].path, json, &error);
        g_assert_no_error(error);
        assert_asked(&fixture, moves[i].path, 0, "POST", question);
        assert_asked(&fixture, "/ask", 3 + i, moves[i].stays ? "POST" : "GET",
                     moves[i].stays ? question : NULL);
        if (!moves[i].stays)
            g_assert_null(origin_request(fixture.origin, "/ask", 3 + i)->content_type);
    }
    tear_down(&fixture);
}

static void test_kept_redirect(void)
{
    const DocumentRequest kept = {.keep_redirect = TRUE};
    Fixture fixture;
    g_autoptr(GError) error = NULL;

    set_up(&fixture);
    add_text(&fixture, "/doc");
    origin_add(fixture.origin, "/signed", 0)->location = "/store/a.zip?X-Goog-Signature=5ec";
    g_autofree char *leads = origin_address(fixture.origin, "/store/a.zip?X-Goog-Signature=5ec");
    g_autoptr(Document) document = get(&fixture, "/signed", kept, &error);
    g_assert_no_error(error);
    g_assert_cmpint(document->status, ==, 302);
    g_assert_cmpstr(document->location, ==, leads);
    g_assert_cmpint(document->fd, ==, -1);
    g_assert_cmpuint(document->length, ==, 0);
    g_assert_cmpuint(origin_count(fixture.origin, "/store/a.zip?X-Goog-Signature=5ec"), ==, 0);

    /* By POST too; and what does not redirect is answered as it is. */
    const DocumentRequest posted = {.keep_redirect = TRUE, .post_body = "{}"};
    g_autoptr(Document) answer = get(&fixture, "/signed", posted, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(answer->location, ==, leads);
    assert_asked(&fixture, "/signed", 1, "POST", "{}");
    g_autoptr(Document) plain = get(&fixture, "/doc", kept, &error);
    g_assert_no_error(error);
    g_assert_cmpint(plain->status, ==, 200);
    g_assert_null(plain->location);
    g_assert_cmpuint(plain->length, ==, sizeof text - 1);

    /* Where nobody may be sent, nobody is. */
    static const char *const bad[] = {"file:///etc/passwd", "ftp://127.0.0.1/a",
                                      "http://user:hunter2@127.0.0.1/a"};
    static const char *const paths[] = {"/bad-0", "/bad-1", "/bad-2"};
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        origin_add(fixture.origin, paths[i], 0)->location = bad[i];
        g_assert_null(get(&fixture, paths[i], kept, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
        g_assert_null(strstr(error->message, "hunter2"));
        g_clear_error(&error);
    }
    tear_down(&fixture);
}

static void test_head_and_range(void)
{
    Fixture fixture;
    g_autoptr(GError) error = NULL;

    set_up(&fixture);
    OriginFile *file = origin_add(fixture.origin, "/zip", 200000);
    g_autoptr(Document) head = get(&fixture, "/zip", (DocumentRequest){.head_only = TRUE}, &error);
    g_assert_no_error(error);
    g_assert_cmpint(head->fd, ==, -1);
    g_assert_cmpuint(head->validators->total, ==, 200000);
    g_assert_cmpstr(origin_request(fixture.origin, "/zip", 0)->method, ==, "HEAD");

    g_autoptr(Document) end =
        get(&fixture, "/zip", (DocumentRequest){.range_to = 1000, .range_is_suffix = TRUE}, &error);
    g_assert_no_error(error);
    g_assert_cmpint(end->status, ==, 206);
    g_assert_cmpuint(end->range_start, ==, 199000);
    g_assert_cmpuint(end->length, ==, 1000);
    g_assert_cmpuint(end->validators->total, ==, 200000);
    guint8 bytes[1000];
    g_assert_cmpint(pread(end->fd, bytes, sizeof bytes, 0), ==, 1000);
    g_assert_cmpuint(bytes[0], ==, origin_byte(file->seed, 199000));
    g_assert_cmpuint(bytes[999], ==, origin_byte(file->seed, 199999));
    g_assert_cmpstr(origin_request(fixture.origin, "/zip", 1)->range, ==, "bytes=-1000");

    g_autoptr(Document) part =
        get(&fixture, "/zip", (DocumentRequest){.range_from = 5, .range_to = 15}, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(part->range_start, ==, 5);
    g_assert_cmpuint(part->length, ==, 10);
    tear_down(&fixture);
}

static void test_errors(void)
{
    static const struct {
        int status;
        int code;
    } rows[] = {
        {404, MEDMIRROR_ERROR_ABSENT}, {403, MEDMIRROR_ERROR_ACCESS}, {401, MEDMIRROR_ERROR_ACCESS},
        {418, MEDMIRROR_ERROR_ORIGIN}, {503, MEDMIRROR_ERROR_ORIGIN},
    };
    Fixture fixture;

    set_up(&fixture);
    OriginFile *file = add_text(&fixture, "/bad");
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        file->status = rows[i].status;
        file->statuses = 100;
        g_assert_null(get(&fixture, "/bad", (DocumentRequest){0}, &error));
        g_assert_error(error, MEDMIRROR_ERROR, rows[i].code);
        g_assert_nonnull(strstr(error->message, "/bad"));
    }
    g_autoptr(GError) error = NULL;
    guint before = origin_count(fixture.origin, "/bad");
    g_assert_null(get(&fixture, "/bad", (DocumentRequest){.optional = TRUE}, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_assert_cmpuint(origin_count(fixture.origin, "/bad"), ==, before + 1);
    g_clear_error(&error);

    g_autoptr(Document) any = get(&fixture, "/bad", (DocumentRequest){.any_status = TRUE}, &error);
    g_assert_no_error(error);
    g_assert_cmpint(any->status, ==, 503);
    g_assert_cmpuint(any->length, ==, 35);

    file->statuses = 0;
    g_assert_null(get(&fixture, "/bad", (DocumentRequest){.max_bytes = 10}, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_clear_error(&error);

    g_atomic_int_set(&fixture.cancelled, TRUE);
    g_assert_null(get(&fixture, "/bad", (DocumentRequest){0}, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED);
    tear_down(&fixture);
}

static void *cancel_soon(void *data)
{
    Fixture *fixture = data;

    while (origin_count(fixture->origin, "/hangs") == 0)
        g_usleep(1000);
    g_atomic_int_set(&fixture->cancelled, TRUE);
    return NULL;
}

static void test_cancelled_midway(void)
{
    Fixture fixture;
    pthread_t thread;
    g_autoptr(GError) error = NULL;

    set_up(&fixture);
    OriginFile *file = add_text(&fixture, "/hangs");
    file->stall_after = 3;
    file->stalls = 1;
    g_assert_cmpint(pthread_create(&thread, NULL, cancel_soon, &fixture), ==, 0);
    g_assert_null(get(&fixture, "/hangs", (DocumentRequest){0}, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED);
    pthread_join(thread, NULL);
    tear_down(&fixture);
}

static const char *signing_base; /* of the fetcher below */

/* Asks the source for a signed address, as some sources want it. */
static Prepared *prepare(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                         const char *address, HostServices *services, GError **error)
{
    g_autofree char *url = g_strconcat(signing_base, "/sign", NULL);
    g_autofree char *signature = host_services_get_text(services, url, 1000, NULL, NULL, error);

    if (signature == NULL)
        return NULL;
    Prepared *prepared = g_new0(Prepared, 1);
    prepared->address = g_strconcat(address, "?", signature, NULL);
    return prepared;
}

static GPtrArray *refresh(const Fetcher *fetcher, const json_t *locator, const Manifest *manifest,
                          const FileSpec *file, HostServices *services, GError **error)
{
    GPtrArray *addresses = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(addresses, g_strconcat(signing_base, "/new", NULL));
    return addresses;
}

static const Fetcher signing_fetcher = {
    .row = {.name = "signing", .title = "Signing"},
    .prepare = prepare,
    .refresh = refresh,
};

static void on_done(Transfer *transfer, const Outcome *outcome, gpointer data)
{
    outcome_copy(data, outcome);
    ((Outcome *)data)->curl_code = -1;
}

/* One file over the engine; -1 as curl code says that it is through. */
static void fetch(Fixture *fixture, const char *address, const Fetcher *fetcher, MemorySink *sink,
                  guint64 size, Outcome *outcome)
{
    g_autoptr(TaskQueue) home = task_queue_new();
    g_autoptr(FileSpec) file = file_spec_new("file");

    memory_sink_init(sink, size);
    file_spec_add_address(file, address);
    const TransferSpec spec = {.name = "file",
                               .fetcher = fetcher,
                               .file = file,
                               .sink = &sink->sink,
                               .home = home,
                               .done = on_done,
                               .data = outcome};
    g_autoptr(Transfer) transfer = transfer_new(&spec);
    engine_submit(fixture->engine, transfer);
    while (outcome->curl_code != -1)
        task_queue_run(home, 1000);
}

static void test_prepare_and_refresh(void)
{
    Fixture fixture;
    MemorySink sink;
    g_auto(Outcome) outcome = {0};

    set_up(&fixture);
    g_autofree char *base = origin_address(fixture.origin, "");
    signing_base = base;
    OriginFile *sign = origin_add(fixture.origin, "/sign", 5);
    sign->body = "sig=1";
    sign->content_type = "text/plain";
    OriginFile *old = origin_add(fixture.origin, "/old?sig=1", 100);
    old->status = 404;
    old->statuses = 100;
    OriginFile *file = origin_add(fixture.origin, "/new?sig=1", 100);
    g_autofree char *address = origin_address(fixture.origin, "/old");
    fetch(&fixture, address, &signing_fetcher, &sink, 100, &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, "ok");
    g_assert_cmpuint(sink.bytes[99], ==, origin_byte(file->seed, 99));
    g_assert_cmpuint(origin_count(fixture.origin, "/sign"), ==, 2);
    g_assert_cmpuint(origin_count(fixture.origin, "/old?sig=1"), ==, 1);
    memory_sink_clear(&sink);
    tear_down(&fixture);
}

static void test_proxy(void)
{
    Fixture fixture;
    MemorySink sink;
    Origin *proxy = origin_start();
    g_auto(Outcome) outcome = {0};
    g_auto(Outcome) plain = {0};
    g_autofree char *proxy_address = g_strdup_printf("http://127.0.0.1:%u", proxy->port);
    g_autofree char *shown = g_strdup_printf("127.0.0.1:%u", proxy->port);

    OriginFile *tunnel = origin_add(proxy, "data.invalid:443", 0);
    tunnel->status = 407;
    tunnel->statuses = 10;
    OriginFile *page = origin_add(proxy, "http://data.invalid/x", 0);
    page->status = 407;
    page->statuses = 10;
    set_up_with(&fixture, proxy_address, NULL);
    fetch(&fixture, "https://data.invalid/x", NULL, &sink, 100, &outcome);
    g_assert_cmpstr(outcome_kind_name(outcome.kind), ==, "proxy");
    g_assert_cmpint(outcome.status, ==, 407);
    g_assert_nonnull(strstr(outcome.detail, shown));
    g_autoptr(GError) error = outcome_to_error(&outcome, "file", "uci/17", NULL, NULL, NULL);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN);
    g_assert_nonnull(strstr(error->message, "medmirror --proxy http://HOST:PORT pull uci/17"));
    memory_sink_clear(&sink);

    fetch(&fixture, "http://data.invalid/x", NULL, &sink, 100, &plain);
    g_assert_cmpstr(outcome_kind_name(plain.kind), ==, "proxy");
    g_assert_nonnull(strstr(plain.detail, shown));
    memory_sink_clear(&sink);
    tear_down(&fixture);
    origin_stop(proxy);
}

typedef struct {
    SSL_CTX *context;
    X509 *certificate;
    int listener;
    guint16 port;
    pthread_t thread;
} TlsOrigin;

static void *tls_main(void *data)
{
    TlsOrigin *origin = data;
    int fd;

    while ((fd = accept(origin->listener, NULL, NULL)) >= 0) {
        SSL *ssl = SSL_new(origin->context);
        char request[4096];
        static const char answer[] =
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndata";
        SSL_set_fd(ssl, fd);
        if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof request) > 0) {
            SSL_write(ssl, answer, sizeof answer - 1);
            SSL_shutdown(ssl);
        }
        SSL_free(ssl);
        close(fd);
    }
    return NULL;
}

/* A certificate that signs itself, for 127.0.0.1, valid for DAYS (negative: expired). */
static X509 *make_certificate(EVP_PKEY *key, int days)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -20L * 24 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), days * 24L * 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const guchar *)"Hospital Filter CA", -1,
                               -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

static void tls_start(TlsOrigin *origin, int days)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    EVP_PKEY *key = EVP_EC_gen("P-256");

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    origin->context = SSL_CTX_new(TLS_server_method());
    origin->certificate = make_certificate(key, days);
    g_assert_cmpint(SSL_CTX_use_certificate(origin->context, origin->certificate), ==, 1);
    g_assert_cmpint(SSL_CTX_use_PrivateKey(origin->context, key), ==, 1);
    EVP_PKEY_free(key);
    origin->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(origin->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
    g_assert_cmpint(listen(origin->listener, 8), ==, 0);
    g_assert_cmpint(getsockname(origin->listener, (struct sockaddr *)&address, &length), ==, 0);
    origin->port = ntohs(address.sin_port);
    g_assert_cmpint(pthread_create(&origin->thread, NULL, tls_main, origin), ==, 0);
}

static void tls_stop(TlsOrigin *origin)
{
    shutdown(origin->listener, SHUT_RDWR);
    pthread_join(origin->thread, NULL);
    close(origin->listener);
    X509_free(origin->certificate);
    SSL_CTX_free(origin->context);
}

static void test_certificates(void)
{
    Fixture fixture;
    TlsOrigin origin;
    MemorySink sink;
    g_auto(Outcome) unknown = {0};
    g_auto(Outcome) trusted = {0};
    g_auto(Outcome) expired = {0};

    tls_start(&origin, 10);
    g_autofree char *address = g_strdup_printf("https://127.0.0.1:%u/x", origin.port);
    set_up(&fixture);
    fetch(&fixture, address, NULL, &sink, 4, &unknown);
    g_assert_cmpstr(outcome_kind_name(unknown.kind), ==, "certificate");
    g_assert_nonnull(strstr(unknown.detail, "Hospital Filter CA"));
    g_autoptr(GError) error = outcome_to_error(&unknown, "file", "uci/17", NULL, NULL, NULL);
    g_assert_nonnull(strstr(error->message, "ca-file = FILE"));
    g_assert_nonnull(strstr(error->message, "medmirror --cacert FILE pull uci/17"));
    memory_sink_clear(&sink);
    g_autofree char *ca_file = g_build_filename(fixture.folder, "ca.pem", NULL);
    FILE *file = fopen(ca_file, "we");
    g_assert_nonnull(file);
    PEM_write_X509(file, origin.certificate);
    fclose(file);
    g_autofree char *pem = NULL;
    g_assert_true(g_file_get_contents(ca_file, &pem, NULL, NULL));
    tear_down(&fixture);

    g_autofree char *kept = NULL;
    int fd = g_file_open_tmp("medmirror-ca-XXXXXX", &kept, NULL);
    g_assert_cmpint(write(fd, pem, strlen(pem)), ==, (gssize)strlen(pem));
    close(fd);
    set_up_with(&fixture, NULL, kept);
    fetch(&fixture, address, NULL, &sink, 4, &trusted);
    g_assert_cmpstr(outcome_kind_name(trusted.kind), ==, "ok");
    g_assert_cmpint(memcmp(sink.bytes, "data", 4), ==, 0);
    memory_sink_clear(&sink);
    tear_down(&fixture);
    tls_stop(&origin);
    g_assert_cmpint(unlink(kept), ==, 0);

    tls_start(&origin, -1);
    g_autofree char *late = g_strdup_printf("https://127.0.0.1:%u/x", origin.port);
    set_up(&fixture);
    fetch(&fixture, late, NULL, &sink, 4, &expired);
    g_assert_cmpstr(outcome_kind_name(expired.kind), ==, "certificate");
    memory_sink_clear(&sink);
    tear_down(&fixture);
    tls_stop(&origin);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/documents/get", test_get);
    g_test_add_func("/documents/post", test_post);
    g_test_add_func("/documents/kept-redirect", test_kept_redirect);
    g_test_add_func("/documents/head-and-range", test_head_and_range);
    g_test_add_func("/documents/errors", test_errors);
    g_test_add_func("/documents/cancelled-midway", test_cancelled_midway);
    g_test_add_func("/documents/prepare-and-refresh", test_prepare_and_refresh);
    g_test_add_func("/documents/proxy", test_proxy);
    g_test_add_func("/documents/certificates", test_certificates);
    return g_test_run();
}
