/* The questions, in both of the API's faces. */
#include "kaggle_api.h"
#include "web_address.h"

#include <string.h>

#define API "/api/v1"

void kaggle_call_clear(KaggleCall *call)
{
    g_free(call->path);
    json_decref(call->message);
    *call = (KaggleCall){0};
}

static char *encode(const char *text)
{
    return g_uri_escape_string(text, NULL, FALSE);
}

/* PATH is taken. What is at its default is left out of the message. */
static KaggleCall call_of(char *path, const char *method, const KaggleName *name)
{
    json_t *message =
        name->owner ? json_pack("{s:s, s:s}", "ownerSlug", name->owner, "datasetSlug", name->slug)
                    : json_pack("{s:s}", "competitionName", name->slug);
    return (KaggleCall){.path = path, .method = method, .message = message};
}

/* "datasets/VERB/OWNER/SLUG", "competitions/VERB/SLUG". NULL where there is no such call. */
static char *path_of(const KaggleName *name, const char *of_dataset, const char *of_competition)
{
    if (name->owner)
        return g_strdup_printf("/datasets/%s/%s/%s", of_dataset, name->owner, name->slug);
    return of_competition ? g_strdup_printf("/competitions/%s/%s", of_competition, name->slug)
                          : NULL;
}

static void add_number(KaggleCall *call, const char *key, const char *value, char *separator)
{
    char *path = g_strdup_printf("%s%c%s=%s", call->path, *separator, key, value);
    g_free(call->path);
    call->path = path;
    *separator = '&';
    json_object_set_new(call->message, key, json_integer(g_ascii_strtoll(value, NULL, 10)));
}

KaggleCall kaggle_call_view(const KaggleName *name)
{
    return call_of(path_of(name, "view", "get"),
                   name->owner ? "datasets.DatasetApiService/GetDataset"
                               : "competitions.CompetitionApiService/GetCompetition",
                   name);
}

static void add_text(KaggleCall *call, const char *key, const char *value, char *separator)
{
    g_autofree char *encoded = encode(value);
    char *path = g_strdup_printf("%s%c%s=%s", call->path, *separator, key, encoded);
    g_free(call->path);
    call->path = path;
    *separator = '&';
    json_object_set_new(call->message, key, json_string(value));
}

KaggleCall kaggle_call_files(const KaggleName *name, const char *version, const char *token)
{
    KaggleCall call = call_of(path_of(name, "list", "data/list"),
                              name->owner ? "datasets.DatasetApiService/ListDatasetFiles"
                                          : "competitions.CompetitionApiService/ListDataFiles",
                              name);
    char separator = '?';
    if (version && name->owner)
        add_number(&call, "datasetVersionNumber", version, &separator);
    add_number(&call, "pageSize", G_STRINGIFY(KAGGLE_PAGE_SIZE), &separator);
    if (token)
        add_text(&call, "pageToken", token, &separator);
    return call;
}

KaggleCall kaggle_call_tree(const KaggleName *name, const char *version, const char *folder,
                            const char *token)
{
    char *path = name->owner ? path_of(name, "list-tree", NULL)
                             : g_strdup_printf("/competitions/%s/data-tree/list/", name->slug);
    KaggleCall call = call_of(path,
                              name->owner ? "datasets.DatasetApiService/ListTreeDatasetFiles"
                                          : "competitions.CompetitionApiService/ListDataTreeFiles",
                              name);
    char separator = '?';
    if (version && name->owner)
        add_number(&call, "datasetVersionNumber", version, &separator);
    add_number(&call, "pageSize", G_STRINGIFY(KAGGLE_PAGE_SIZE), &separator);
    if (*folder)
        add_text(&call, "path", folder, &separator);
    if (token)
        add_text(&call, "pageToken", token, &separator);
    return call;
}

KaggleCall kaggle_call_summary(const KaggleName *name, const char *version)
{
    KaggleCall call =
        call_of(path_of(name, "files/summary", "data/summary"),
                name->owner ? "datasets.DatasetApiService/GetDatasetFilesSummary"
                            : "competitions.CompetitionApiService/GetCompetitionDataFilesSummary",
                name);
    char separator = '?';
    if (version && name->owner)
        add_number(&call, "datasetVersionNumber", version, &separator);
    return call;
}

KaggleCall kaggle_call_download(const KaggleName *name, const char *version, const char *file)
{
    const char *method = name->owner ? "datasets.DatasetApiService/DownloadDataset"
                         : file      ? "competitions.CompetitionApiService/DownloadDataFile"
                                     : "competitions.CompetitionApiService/DownloadDataFiles";
    KaggleCall call = call_of(
        path_of(name, "download", file ? "data/download" : "data/download-all"), method, name);
    char separator = '?';
    if (file) {
        g_autofree char *encoded = encode(file);
        char *path = g_strconcat(call.path, "/", encoded, NULL);
        g_free(call.path);
        call.path = path;
        json_object_set_new(call.message, "fileName", json_string(file));
    }
    if (version && name->owner)
        add_number(&call, "datasetVersionNumber", version, &separator);
    call.wants_address = TRUE;
    return call;
}

KaggleCall kaggle_call_probe(void)
{
    return (KaggleCall){.path = g_strdup("/competitions/list?page=1"),
                        .method = "competitions.CompetitionApiService/ListCompetitions",
                        .message = json_pack("{s:i}", "page", 1)};
}

char *kaggle_version_of_query(const char *query)
{
    g_auto(GStrv) items = g_strsplit(query ? query : "", "&", -1);
    for (guint i = 0; items[i]; i++) {
        const char *value = strchr(items[i], '=');
        if (value && kaggle_version_is_valid(value + 1) &&
            (g_str_has_prefix(items[i], "datasetVersionNumber=") ||
             g_str_has_prefix(items[i], "dataset_version_number=")))
            return g_strdup(value + 1);
    }
    return NULL;
}

/* "fileName=x" in a query; owned, NULL where there is none. */
static char *file_of_query(const char *query)
{
    g_auto(GStrv) items = g_strsplit(query ? query : "", "&", -1);
    for (guint i = 0; items[i]; i++) {
        const char *value = strchr(items[i], '=');
        if (value &&
            (g_str_has_prefix(items[i], "fileName=") || g_str_has_prefix(items[i], "file_name="))) {
            g_strdelimit(items[i], "+", ' ');
            return g_uri_unescape_string(value + 1, NULL);
        }
    }
    return NULL;
}

/* What stands behind the name in the path, decoded; NULL where nothing does. Owned. */
static char *file_of_parts(char **parts)
{
    g_autofree char *rest = parts[0] ? g_strjoinv("/", parts) : NULL;
    return rest && *rest ? g_uri_unescape_string(rest, NULL) : NULL;
}

static json_t *locator_of_parts(char ***parts)
{
    char **at = *parts;
    gsize count = g_strv_length(at);
    if (count >= 4 && strcmp(at[0], "datasets") == 0 && strcmp(at[1], "download") == 0) {
        g_autofree char *dataset = g_strconcat(at[2], "/", at[3], NULL);
        *parts = at + 4;
        return json_pack("{s:s}", "dataset", dataset);
    }
    if (count >= 4 && strcmp(at[0], "competitions") == 0 && strcmp(at[1], "data") == 0 &&
        g_str_has_prefix(at[2], "download")) {
        *parts = at + 4;
        return json_pack("{s:s}", "competition", at[3]);
    }
    return NULL;
}

gboolean kaggle_call_of_address(const char *base, const char *address, KaggleName *name,
                                KaggleCall *call)
{
    g_autofree char *api = g_strconcat(base, API "/", NULL);
    if (!g_str_has_prefix(address, api))
        return FALSE;
    const char *query = strchr(address, '?');
    g_autofree char *path =
        g_strndup(address + strlen(api),
                  query ? (gsize)(query - address) - strlen(api) : strlen(address) - strlen(api));
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    char **rest = parts;
    json_auto_t *locator = locator_of_parts(&rest);
    if (!locator || !kaggle_check_locator(NULL, locator, NULL))
        return FALSE;
    g_autofree char *version = kaggle_version_of_query(query ? query + 1 : NULL);
    g_autofree char *file = file_of_parts(rest);
    if (!file)
        file = file_of_query(query ? query + 1 : NULL);
    *name = kaggle_name_of(locator);
    *call = kaggle_call_download(name, version, file);
    return TRUE;
}

char *kaggle_call_address(const KaggleCall *call, const char *base)
{
    return g_strconcat(base, API, call->path, NULL);
}
