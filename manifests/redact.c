#include "redact.h"

#include <pthread.h>
#include <string.h>

#define HIDDEN "***"
#define SHORTEST_SECRET 8

/* Query keys whose values name what is asked for, never who asks. */
static const char *const harmless_keys[] = {
    "access",
    "alt",
    "collection",
    "count",
    "dataset",
    "datasetversionnumber",
    "delimiter",
    "doi",
    "download",
    "file",
    "filename",
    "filter",
    "format",
    "id",
    "limit",
    "list-type",
    "max-keys",
    "modality",
    "name",
    "offset",
    "page",
    "page_size",
    "pagesize",
    "path",
    "patientid",
    "per_page",
    "prefix",
    "q",
    "query",
    "search",
    "seriesinstanceuid",
    "size",
    "skip",
    "slug",
    "sort",
    "sortby",
    "start",
    "studyinstanceuid",
    "take",
    "type",
    "version",
    "versions",
};

/* Query keys that only a signed address has: all of its query is the secret. */
static const char *const signing_keys[] = {
    "awsaccesskeyid", "googleaccessid", "key-pair-id", "policy", "se", "sig", "signature", "sv",
};
static const char *const signing_prefixes[] = {"x-amz-", "x-goog-", "x-oss-", "x-ms-"};

static pthread_mutex_t secrets_mutex = PTHREAD_MUTEX_INITIALIZER;
static GPtrArray *secrets; /* char*, longest first; guarded by the mutex */

static pthread_once_t patterns_once = PTHREAD_ONCE_INIT;
static GRegex *address_pattern;
static GRegex *header_pattern;
static GRegex *bearer_pattern;
static GRegex *signing_pattern;

static void make_patterns(void)
{
    /* Bytes, not characters: a log line may hold anything. */
    const GRegexCompileFlags flags = G_REGEX_RAW | G_REGEX_CASELESS | G_REGEX_OPTIMIZE;
    address_pattern = g_regex_new("[a-z][a-z0-9+.-]*://[^\\s\"'<>`]+", flags, 0, NULL);
    header_pattern = g_regex_new("\\b((?:proxy-)?authorization|set-cookie2?|cookie|x-api-key|"
                                 "x-auth-token|x-amz-security-token)(\"?\\s*[:=]\\s*)[^\\r\\n]*",
                                 flags, 0, NULL);
    /* As storage quotes a request, without its host: what is signed with, up to the query's end. */
    signing_pattern = g_regex_new("\\b((?:x-amz-(?:signature|credential|security-token)|"
                                  "x-goog-(?:signature|credential)|x-oss-signature|"
                                  "(?<![a-z-])signature)=)[^\\s\"'<>`]{8,}",
                                  flags, 0, NULL);
    bearer_pattern = g_regex_new("\\b(bearer\\s+)[a-z0-9._~+/=-]{8,}", flags, 0, NULL);
}

static gboolean is_one_of(const char *key, const char *const *keys, gsize count)
{
    for (gsize i = 0; i < count; i++) {
        if (g_ascii_strcasecmp(key, keys[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

static gboolean key_is_signing(const char *key)
{
    for (gsize i = 0; i < G_N_ELEMENTS(signing_prefixes); i++) {
        if (g_ascii_strncasecmp(key, signing_prefixes[i], strlen(signing_prefixes[i])) == 0)
            return TRUE;
    }
    return is_one_of(key, signing_keys, G_N_ELEMENTS(signing_keys));
}

static void append_query(GString *out, const char *query, gsize length)
{
    g_autofree char *text = g_strndup(query, length);
    g_auto(GStrv) pairs = g_strsplit(text, "&", -1);
    g_autoptr(GString) shown = g_string_new(NULL);
    for (char **pair = pairs; *pair; pair++) {
        char *equals = strchr(*pair, '=');
        if (equals)
            *equals = '\0';
        if (key_is_signing(*pair)) {
            g_string_append(out, HIDDEN);
            return;
        }
        if (shown->len)
            g_string_append_c(shown, '&');
        /* A part without '=' may itself be a token. */
        gboolean harmless = is_one_of(*pair, harmless_keys, G_N_ELEMENTS(harmless_keys));
        if (!equals)
            g_string_append(shown, harmless || !**pair ? *pair : HIDDEN);
        else
            g_string_append_printf(shown, "%s=%s", *pair, harmless ? equals + 1 : HIDDEN);
    }
    g_string_append_len(out, shown->str, (gssize)shown->len);
}

/* Packages that an archive's own public pages give out: whoever reads the page has the whole
 * address, and without its query it leads nowhere. */
static const char *const public_packages[] = {
    "://faspex.cancerimagingarchive.net/aspera/faspex/public/package?context="};

static gboolean is_public_package(const char *address)
{
    const char *at = strstr(address, "://");
    for (gsize i = 0; i < G_N_ELEMENTS(public_packages); i++)
        if (strncmp(at, public_packages[i], strlen(public_packages[i])) == 0)
            return !strchr(at, '&');
    return FALSE;
}

/* Works on any text with "://" in it, also where it is no valid address: a typing error must not
 * show a password. */
static void append_address(GString *out, const char *address)
{
    if (is_public_package(address)) {
        g_string_append(out, address);
        return;
    }
    const char *authority = strstr(address, "://") + 3;
    g_string_append_len(out, address, authority - address);
    const char *path = authority + strcspn(authority, "/?#");
    const char *at = memrchr(authority, '@', (gsize)(path - authority));
    /* A password with a slash in it, not encoded: what follows the colon is no port, and the '@'
     * stands behind the slash. */
    const char *colon = memrchr(authority, ':', (gsize)(path - authority));
    if (!at && colon && *authority != '[' &&
        strspn(colon + 1, "0123456789") != (gsize)(path - colon - 1))
        at = memrchr(authority, '@', strcspn(authority, "?#"));
    const char *host = at ? at + 1 : authority;
    const char *query = strchr(host, '?');
    const char *fragment = strchr(host, '#');
    if (fragment && query && query > fragment)
        query = NULL;
    const char *end = query ? query : fragment ? fragment : host + strlen(host);
    g_string_append_len(out, host, end - host);
    if (query) {
        g_string_append_c(out, '?');
        append_query(out, query + 1, fragment ? (gsize)(fragment - query - 1) : strlen(query + 1));
    }
    if (fragment) {
        g_string_append_c(out, '#');
        g_string_append(out, strchr(fragment, '=') ? HIDDEN : fragment + 1);
    }
}

static char *hide_secrets(char *text)
{
    pthread_mutex_lock(&secrets_mutex);
    for (guint i = 0; secrets && i < secrets->len; i++) {
        const char *secret = g_ptr_array_index(secrets, i);
        if (!strstr(text, secret))
            continue;
        g_autoptr(GString) string = g_string_new(text);
        g_string_replace(string, secret, HIDDEN, 0);
        g_free(text);
        text = g_strdup(string->str);
    }
    pthread_mutex_unlock(&secrets_mutex);
    return text;
}

char *redact_address(const char *address)
{
    if (!address)
        return NULL;
    if (!strstr(address, "://"))
        return hide_secrets(g_strdup(address));
    GString *out = g_string_new(NULL);
    append_address(out, address);
    return hide_secrets(g_string_free(out, FALSE));
}

char *redact_proxy(const char *proxy)
{
    if (!proxy || strstr(proxy, "://"))
        return redact_address(proxy);
    const char *at = strrchr(proxy, '@');
    return hide_secrets(g_strdup(at ? at + 1 : proxy));
}

/* How many bytes at the end of ADDRESS are the sentence's that it stands in, not its own. */
static gsize trailing_marks(const char *address)
{
    static const char *const marks[] = {":", ",", ";", ".", ")", "”"};
    gsize end = strlen(address);
    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++) {
        gsize length = strlen(marks[i]);
        if (end >= length && memcmp(address + end - length, marks[i], length) == 0) {
            end -= length;
            i = (gsize)-1;
        }
    }
    return strlen(address) - end;
}

static gboolean replace_address(const GMatchInfo *match, GString *out, gpointer data)
{
    g_autofree char *address = g_match_info_fetch(match, 0);
    /* Only what is hidden would take them with it. */
    gsize marks = strpbrk(address, "?#") ? trailing_marks(address) : 0;
    gsize length = strlen(address) - marks;
    g_autofree char *itself = g_strndup(address, length);
    append_address(out, itself);
    g_string_append(out, address + length);
    return FALSE;
}

/* Takes over TEXT; a pattern that fails on it hides all of it. */
static char *replaced(char *text, char *result)
{
    g_free(text);
    return result ? result : g_strdup(HIDDEN);
}

char *redact_text(const char *text)
{
    if (!text)
        return NULL;
    pthread_once(&patterns_once, make_patterns);
    char *shown = hide_secrets(g_strdup(text));
    if (strstr(shown, "://"))
        shown = replaced(shown, g_regex_replace_eval(address_pattern, shown, -1, 0, 0,
                                                     replace_address, NULL, NULL));
    shown =
        replaced(shown, g_regex_replace(header_pattern, shown, -1, 0, "\\1\\2" HIDDEN, 0, NULL));
    shown = replaced(shown, g_regex_replace(signing_pattern, shown, -1, 0, "\\1" HIDDEN, 0, NULL));
    return replaced(shown, g_regex_replace(bearer_pattern, shown, -1, 0, "\\1" HIDDEN, 0, NULL));
}

static int longest_first(gconstpointer a, gconstpointer b)
{
    gsize length_a = strlen(*(const char *const *)a);
    gsize length_b = strlen(*(const char *const *)b);
    return length_a < length_b ? 1 : length_a > length_b ? -1 : 0;
}

static void add_form(const char *text)
{
    if (!g_ptr_array_find_with_equal_func(secrets, text, g_str_equal, NULL))
        g_ptr_array_add(secrets, g_strdup(text));
}

void redact_add_secret(const char *text)
{
    if (!text || strlen(text) < SHORTEST_SECRET)
        return;
    g_autofree char *in_address = g_uri_escape_string(text, NULL, FALSE);
    g_autofree char *in_json = g_strescape(text, NULL);
    pthread_mutex_lock(&secrets_mutex);
    if (!secrets)
        secrets = g_ptr_array_new_with_free_func(g_free);
    add_form(text);
    add_form(in_address);
    add_form(in_json);
    g_ptr_array_sort(secrets, longest_first);
    pthread_mutex_unlock(&secrets_mutex);
}
