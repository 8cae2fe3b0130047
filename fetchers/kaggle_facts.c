#include "kaggle_facts.h"

#include "kaggle_api.h"
#include "verdict.h"

#include <string.h>

static void version_clear(gpointer data)
{
    g_free(((KaggleVersion *)data)->created);
}

void kaggle_facts_clear(KaggleFacts *facts)
{
    g_free(facts->version);
    g_free(facts->title);
    g_free(facts->licence);
    g_free(facts->citation);
    g_free(facts->changed);
    g_clear_pointer(&facts->versions, g_array_unref);
    *facts = (KaggleFacts){.archive_bytes = SIZE_UNKNOWN};
}

char *kaggle_date(const char *text)
{
    static const char form[] = "dddd-dd-dd";
    for (guint i = 0; text && i < strlen(form); i++)
        if (form[i] == 'd' ? !g_ascii_isdigit(text[i]) : text[i] != form[i])
            return NULL;
    if (!text || (text[10] && text[10] != 'T' && text[10] != ' '))
        return NULL;
    g_autofree char *day = g_strndup(text, 10);
    guint month = (guint)g_ascii_strtoull(day + 5, NULL, 10);
    guint date = (guint)g_ascii_strtoull(day + 8, NULL, 10);
    return month >= 1 && month <= 12 && date >= 1 && date <= 31 ? g_steal_pointer(&day) : NULL;
}

guint64 kaggle_rounded_size(const char *text)
{
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
    char *end = NULL;
    double number = text ? g_ascii_strtod(text, &end) : -1;
    if (!text || end == text || !(number >= 0) || number > 1e6)
        return SIZE_UNKNOWN;
    end += strspn(end, " ");
    for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
        if (g_ascii_strcasecmp(end, units[i]) == 0)
            return (guint64)(number * (double)(G_GUINT64_CONSTANT(1) << (10 * i)) + 0.999);
    }
    return SIZE_UNKNOWN;
}

/* Takes the text of KEY, or of its twin for optional fields, where *TEXT has none. */
static void take_text(char **text, const json_t *json, const char *key)
{
    g_autofree char *twin = g_strconcat(key, "Nullable", NULL);
    const char *found = json_string_value(json_object_get(json, key));
    if (!found || !*found)
        found = json_string_value(json_object_get(json, twin));
    if (!*text && found && *found)
        *text = g_strdup(found);
}

static json_int_t number_of(const json_t *json, const char *key)
{
    g_autofree char *twin = g_strconcat(key, "Nullable", NULL);
    const json_t *found = json_object_get(json, key);
    if (!json_is_integer(found))
        found = json_object_get(json, twin);
    return json_is_integer(found) ? json_integer_value(found) : -1;
}

/* The whole archive's entry, which alone is at the API's download address. */
static const json_t *find_archive(const json_t *document, const char **address)
{
    const json_t *distribution = json_object_get(document, "distribution");
    size_t index;
    json_t *one;
    json_array_foreach((json_t *)distribution, index, one)
    {
        const char *found = json_string_value(json_object_get(one, "contentUrl"));
        if (found && strstr(found, "://") && strstr(found, "/datasets/download/")) {
            *address = found;
            return one;
        }
    }
    return NULL;
}

/* Base64 of the 16 bytes; the reference reader takes hexadecimal text, too. */
static gboolean parse_md5(const char *text, Digest *digest)
{
    return text && (digest_parse_hex(DIGEST_MD5, text, digest) ||
                    digest_parse_base64(DIGEST_MD5, text, digest));
}

static void take_licence(KaggleFacts *facts, const json_t *document)
{
    const json_t *licence = json_object_get(document, "license");
    if (json_is_array(licence))
        licence = json_array_get(licence, 0);
    if (json_is_object(licence))
        take_text(&facts->licence, licence, "name");
    else
        take_text(&facts->licence, document, "license");
}

gboolean kaggle_facts_add_croissant(KaggleFacts *facts, const json_t *document)
{
    const char *address = NULL;
    if (!json_is_object(document) || !json_is_array(json_object_get(document, "distribution")))
        return FALSE;
    take_text(&facts->title, document, "name");
    take_text(&facts->citation, document, "citeAs");
    take_licence(facts, document);
    const char *modified = json_string_value(json_object_get(document, "dateModified"));
    if (!facts->changed)
        facts->changed = kaggle_date(modified);
    const json_t *archive = find_archive(document, &address);
    const char *query = address ? strchr(address, '?') : NULL;
    g_autofree char *version = query ? kaggle_version_of_query(query + 1) : NULL;
    if (!version || facts->version)
        return TRUE;
    facts->version = g_steal_pointer(&version);
    facts->archive_bytes =
        kaggle_rounded_size(json_string_value(json_object_get(archive, "contentSize")));
    facts->has_md5 = parse_md5(json_string_value(json_object_get(archive, "md5")), &facts->md5);
    return TRUE;
}

static int newest_first(gconstpointer a, gconstpointer b)
{
    guint x = ((const KaggleVersion *)a)->number, y = ((const KaggleVersion *)b)->number;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void take_versions(KaggleFacts *facts, const json_t *list)
{
    size_t index;
    json_t *one;
    if (!json_is_array(list) || facts->versions)
        return;
    facts->versions = g_array_new(FALSE, FALSE, sizeof(KaggleVersion));
    g_array_set_clear_func(facts->versions, version_clear);
    json_array_foreach((json_t *)list, index, one)
    {
        json_int_t number = number_of(one, "versionNumber");
        const char *status = json_string_value(json_object_get(one, "status"));
        const KaggleVersion version = {
            .number = (guint)number,
            .is_deleted = status && g_ascii_strcasecmp(status, "deleted") == 0,
        };
        if (number < 1 || number > G_MAXINT32)
            continue;
        g_array_append_val(facts->versions, version);
        g_array_index(facts->versions, KaggleVersion, facts->versions->len - 1).created =
            kaggle_date(json_string_value(json_object_get(one, "creationDate")));
    }
    g_array_sort(facts->versions, newest_first);
}

gboolean kaggle_facts_add_view(KaggleFacts *facts, const json_t *view)
{
    const json_t *below = json_object_get(view, "dataset"); /* should an answer be wrapped */
    if (json_is_object(below))
        view = below;
    json_int_t current = number_of(view, "currentVersionNumber");
    if (!json_is_object(view) || (current < 1 && !json_object_get(view, "ref")))
        return FALSE;
    if (!facts->version && current >= 1)
        facts->version = g_strdup_printf("%" JSON_INTEGER_FORMAT, current);
    take_text(&facts->title, view, "title");
    take_text(&facts->licence, view, "licenseName");
    if (!facts->changed)
        facts->changed = kaggle_date(json_string_value(json_object_get(view, "lastUpdated")));
    take_versions(facts, json_object_get(view, "versions"));
    facts->is_private |= json_is_true(json_object_get(view, "isPrivate"));
    facts->is_closed |= number_of(view, "totalBytes") == 0;
    return TRUE;
}

const KaggleVersion *kaggle_facts_version(const KaggleFacts *facts, const char *version)
{
    guint number = (guint)g_ascii_strtoull(version, NULL, 10);
    for (guint i = 0; facts->versions && i < facts->versions->len; i++) {
        const KaggleVersion *one = &g_array_index(facts->versions, KaggleVersion, i);
        if (one->number == number)
            return one;
    }
    return NULL;
}
