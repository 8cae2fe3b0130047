#include "credentials.h"
#include "engine_state.h"
#include "host_pace.h"
#include "redact.h"
#include "web_address.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BUFFER_WITH_RATE (64 * 1024)
#define LARGE_BUFFER (128L * 1024)
#define USUAL_BUFFER (16L * 1024)
#define LEAST_BUFFER 1024L

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* With a small window the other side feels the rate soon. */
static int shape_socket(void *data, curl_socket_t fd, curlsocktype purpose)
{
    const int size = RECEIVE_BUFFER_WITH_RATE;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return CURL_SOCKOPT_OK;
}

static gboolean add_header(Attempt *attempt, const char *line)
{
    struct curl_slist *longer = curl_slist_append(attempt->header_list, line);

    if (longer == NULL)
        return FALSE;
    attempt->header_list = longer;
    return TRUE;
}

static gboolean add_headers(Attempt *attempt, const GPtrArray *lines)
{
    for (guint i = 0; lines != NULL && i < lines->len; i++)
        if (!add_header(attempt, g_ptr_array_index(lines, i)))
            return FALSE;
    return TRUE;
}

static char *origin_of(const char *address)
{
    g_autoptr(GUri) uri =
        g_uri_parse(address, G_URI_FLAGS_ENCODED | G_URI_FLAGS_SCHEME_NORMALIZE, NULL);
    if (uri == NULL || g_uri_get_host(uri) == NULL)
        return NULL;
    g_autofree char *host = g_ascii_strdown(g_uri_get_host(uri), -1);
    return g_strdup_printf("%s://%s:%d", g_uri_get_scheme(uri), host, g_uri_get_port(uri));
}

/* Its hosts that a login of SOURCE's own is for, by https and on its own port. */
static gboolean is_own_host(const FetcherRow *row, const char *text)
{
    const char *const *hosts = row->login != NULL ? row->login->hosts : row->hosts;
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);

    return address != NULL && hosts != NULL && address->port == NULL &&
           strcmp(address->scheme, "https") == 0 && g_strv_contains(hosts, address->host);
}

/* The address that prepared headers are for: a signed one of somebody else's storage gets none of
 * them. */
static const char *headers_are_for(const Transfer *transfer)
{
    const char *prepared = transfer->prepared_address;
    g_autofree char *listed = origin_of(transfer->address);
    g_autofree char *signed_at = prepared != NULL ? origin_of(prepared) : NULL;

    if (prepared == NULL ||
        (g_strcmp0(listed, signed_at) != 0 &&
         (transfer->fetcher == NULL || !is_own_host(&transfer->fetcher->row, prepared))))
        return transfer->address;
    return prepared;
}

/* Prepared headers carry credentials: they go to the address that they were prepared for, and,
 * where that is the source's own (or stands for it, on loopback), to the source's other hosts over
 * https. What was prepared for a lab's machine is that machine's alone. */
static gboolean headers_may_go_to(const Attempt *attempt)
{
    const Transfer *transfer = attempt->transfer;
    /* Not where a redirect led, which later pieces are asked for at once. */
    const char *prepared_for = headers_are_for(transfer);
    g_autofree char *here = origin_of(attempt->address);
    g_autofree char *there = origin_of(prepared_for);

    if (transfer->without_token)
        return FALSE;
    if (g_strcmp0(here, there) == 0)
        return TRUE;
    if (transfer->fetcher == NULL || !is_own_host(&transfer->fetcher->row, attempt->address))
        return FALSE;
    return credentials_is_loopback(prepared_for) ||
           is_own_host(&transfer->fetcher->row, prepared_for);
}

/* Headers that anybody may read on the way. */
static gboolean is_harmless(const char *line)
{
    return g_ascii_strncasecmp(line, "If-", 3) == 0 ||
           g_ascii_strncasecmp(line, "Accept", 6) == 0 ||
           g_ascii_strncasecmp(line, "Content-Type:", 13) == 0;
}

/* What carries a secret in clear text goes to loopback alone, and never by way of a proxy. */
static gboolean must_go_directly(const Attempt *attempt)
{
    if (g_ascii_strncasecmp(attempt->address, "http:", 5) != 0)
        return FALSE;
    for (const struct curl_slist *line = attempt->header_list; line != NULL; line = line->next)
        if (!is_harmless(line->data) && strcmp(line->data, "Expect:") != 0)
            return TRUE;
    return FALSE;
}

static gboolean asks_by_post(const Attempt *attempt)
{
    return attempt->transfer->post_body != NULL && !attempt->asks_by_get;
}

static gboolean add_content_type(Attempt *attempt)
{
    if (!asks_by_post(attempt) || attempt->transfer->post_type == NULL)
        return TRUE;
    g_autofree char *line = g_strdup_printf("Content-Type: %s", attempt->transfer->post_type);
    return add_header(attempt, line);
}

/* Who signs this request; NULL: nobody. As with headers, a signature stays with its host. */
static const RequestSigner *signer_of(const Attempt *attempt)
{
    const Transfer *transfer = attempt->transfer;
    g_autofree char *origin = origin_of(attempt->address);
    g_autofree char *first = origin_of(transfer->address);

    if (transfer->request_signer != NULL && headers_may_go_to(attempt))
        return transfer->request_signer;
    return transfer->signer != NULL && g_strcmp0(origin, first) == 0 ? transfer->signer : NULL;
}

/* libcurl signs every line that it is given: those that are on their way rewritten by others, or
 * that it never sends ("Expect:"), must not be among them. */
static gboolean add_usual_headers(Attempt *attempt)
{
    const RequestSigner *signer = signer_of(attempt);

    if (signer == NULL)
        return add_header(attempt, "Accept-Encoding: identity") && add_header(attempt, "Expect:");
    return add_headers(attempt, signer->headers) &&
           curl_easy_setopt(attempt->easy, CURLOPT_ACCEPT_ENCODING, "identity") == CURLE_OK &&
           curl_easy_setopt(attempt->easy, CURLOPT_AWS_SIGV4, signer->scope) == CURLE_OK &&
           curl_easy_setopt(attempt->easy, CURLOPT_USERNAME, signer->user) == CURLE_OK &&
           curl_easy_setopt(attempt->easy, CURLOPT_PASSWORD, signer->secret) == CURLE_OK;
}

static gboolean make_headers(Attempt *attempt)
{
    const Transfer *transfer = attempt->transfer;
    g_autofree char *origin = origin_of(attempt->address);
    g_autofree char *first = origin_of(transfer->address);

    if (!add_usual_headers(attempt) || !add_content_type(attempt))
        return FALSE;
    if (headers_may_go_to(attempt) && !add_headers(attempt, transfer->request_headers))
        return FALSE;
    /* A document's own headers may hold credentials as well. */
    if (g_strcmp0(origin, first) == 0 && !add_headers(attempt, transfer->headers))
        return FALSE;
    const char *if_range = attempt->ranged && transfer->range == NULL &&
                                   transfer->bytes_from != NULL &&
                                   strcmp(transfer->bytes_from, transfer->address) == 0
                               ? validators_if_range(transfer->expected)
                               : NULL;
    if (if_range != NULL) {
        g_autofree char *line = g_strdup_printf("If-Range: %s", if_range);
        return add_header(attempt, line);
    }
    return TRUE;
}

static char *range_text(const Attempt *attempt)
{
    if (attempt->transfer->range != NULL)
        return g_strdup(attempt->transfer->range);
    if (!attempt->ranged)
        return NULL;
    if (attempt->to == SIZE_UNKNOWN)
        return g_strdup_printf("%" G_GUINT64_FORMAT "-", attempt->from);
    return g_strdup_printf("%" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT, attempt->from,
                           attempt->to - 1);
}

static void set_trust(CURL *easy, const EngineConfig *config)
{
    if (config->ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file);
    if (config->ca_dir != NULL)
        curl_easy_setopt(easy, CURLOPT_CAPATH, config->ca_dir);
    if (config->proxy != NULL)
        curl_easy_setopt(easy, CURLOPT_PROXY, config->proxy);
    if (config->no_proxy != NULL)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, config->no_proxy);
}

static gboolean is_sources_own(const Attempt *attempt)
{
    const Fetcher *fetcher = attempt->transfer->fetcher;
    const Engine *engine = attempt->engine;

    return fetcher != NULL &&
           endpoints_is_own_host(engine->config.endpoints != NULL ? engine->config.endpoints
                                                                  : engine->no_endpoints,
                                 &fetcher->row, attempt->address);
}

/* A jar for each source and run, for its own hosts alone; all other requests share TLS sessions and
 * keep no cookies. Only one thread uses them. */
static CURLSH *share_of(Engine *engine, const Attempt *attempt)
{
    const Fetcher *source = is_sources_own(attempt) ? attempt->transfer->fetcher : NULL;
    CURLSH *share = g_hash_table_lookup(engine->shares, source);

    if (share == NULL && (share = curl_share_init()) != NULL) {
        if (source != NULL)
            curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_COOKIE);
        curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
        g_hash_table_insert(engine->shares, (gpointer)source, share);
    }
    return share;
}

/* libcurl 7.88 reads a socket up to a hundred times before it returns (multi.c, transfer.c:
 * maxloops): with a rate that must be a fraction of a second's bytes, and before the sink has
 * answered an offer it must fit into memory. */
static long buffer_size(const Attempt *attempt)
{
    guint64 rate = attempt->engine->config.limit_rate;

    if (rate != 0)
        return (long)CLAMP(rate / 400, LEAST_BUFFER, USUAL_BUFFER);
    return attempt->wide && attempt->transfer->accepted ? LARGE_BUFFER : USUAL_BUFFER;
}

static gboolean carries_login(const Attempt *attempt)
{
    for (const struct curl_slist *line = attempt->header_list; line != NULL; line = line->next)
        if (g_ascii_strncasecmp(line->data, "Authorization:", 14) == 0)
            return TRUE;
    return FALSE;
}

static void set_request(Attempt *attempt, CURL *easy)
{
    const Transfer *transfer = attempt->transfer;
    g_autofree char *range = range_text(attempt);

    curl_easy_setopt(easy, CURLOPT_URL, attempt->address);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, attempt->header_list);
    curl_easy_setopt(easy, CURLOPT_RANGE, range);
    curl_easy_setopt(easy, CURLOPT_NOBODY, transfer->head_only ? 1L : 0L);
    if (asks_by_post(attempt)) { /* not copied: the transfer outlives its attempts */
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)strlen(transfer->post_body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer->post_body);
    }
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     attempt->wide ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, buffer_size(attempt));
    if (is_sources_own(attempt)) /* the empty name only switches the jar on */
        curl_easy_setopt(easy, CURLOPT_COOKIEFILE, "");
    if (carries_login(attempt) && transfer->fetcher != NULL && transfer->fetcher->row.login != NULL)
        curl_easy_setopt(easy, CURLOPT_COOKIE, transfer->fetcher->row.login->cookie);
}

gboolean curl_options_set(Attempt *attempt)
{
    Engine *engine = attempt->engine;
    const EngineConfig *config = &engine->config;
    CURL *easy = attempt->easy;

    if (!make_headers(attempt))
        return FALSE;
    set_request(attempt, easy);
    curl_easy_setopt(easy, CURLOPT_SHARE, share_of(engine, attempt));
    curl_easy_setopt(easy, CURLOPT_PRIVATE, attempt);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, attempt->curl_message);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, config->user_agent);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never wait for a name's thread */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* attempt.c follows, and judges each */
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)MIN(config->connect_ms, G_MAXINT32));
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, attempt_on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, attempt);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, attempt_on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, attempt);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, certificate_watch);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, attempt);
    if (config->limit_rate != 0)
        curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, shape_socket);
    set_trust(easy, config);
    if (must_go_directly(attempt))
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    return TRUE;
}

gboolean curl_options_set_multi(Engine *engine)
{
    CURLM *multi = engine->multi;
    /* By default curl keeps four idle connections for each handle there is just now: between two
     * small files that is few, and connections were closed after a file. This is four for each
     * there may be; never fewer than run. */
    long kept = 4L * (long)engine->config.connections_total;
    long streams = (long)MAX(engine->config.small_files_per_host / HTTP2_CONNECTIONS, 1);

    return curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, kept) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, streams) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                             (long)MAX(engine->config.connections_per_host, HOST_PACE_MOST)) ==
               CURLM_OK;
}

char *curl_options_proxy(const Engine *engine, const char *address)
{
    const char *proxy = engine->config.proxy;

    if (proxy == NULL && g_str_has_prefix(address, "https:"))
        proxy = g_getenv("https_proxy") != NULL ? g_getenv("https_proxy") : g_getenv("HTTPS_PROXY");
    else if (proxy == NULL)
        proxy = g_getenv("http_proxy");
    if (proxy == NULL)
        proxy = g_getenv("all_proxy") != NULL ? g_getenv("all_proxy") : g_getenv("ALL_PROXY");
    return proxy == NULL || *proxy == '\0' ? NULL : redact_proxy(proxy);
}
