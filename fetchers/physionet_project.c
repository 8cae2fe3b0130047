#include "physionet_project.h"

#include "error.h"
#include "i18n.h"
#include "source_facts.h"
#include "web_address.h"

#include <string.h>

void project_facts_clear(ProjectFacts *facts)
{
    g_free(facts->title);
    g_free(facts->licence);
    g_free(facts->doi);
    g_free(facts->access);
    g_free(facts->published);
    memset(facts, 0, sizeof *facts);
    facts->total = SIZE_UNKNOWN;
}

gboolean project_version_is_valid(const char *version)
{
    return *version && strlen(version) <= 64 && strspn(version, "0123456789.") == strlen(version) &&
           g_ascii_isdigit(*version) && g_ascii_isdigit(version[strlen(version) - 1]) &&
           !strstr(version, "..");
}

int project_version_compare(const char *a, const char *b)
{
    g_auto(GStrv) parts_a = g_strsplit(a, ".", -1);
    g_auto(GStrv) parts_b = g_strsplit(b, ".", -1);
    for (guint i = 0; parts_a[i] || parts_b[i]; i++) {
        if (!parts_a[i] || !parts_b[i])
            return parts_a[i] ? 1 : -1;
        guint64 x = g_ascii_strtoull(parts_a[i], NULL, 10);
        guint64 y = g_ascii_strtoull(parts_b[i], NULL, 10);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return strcmp(a, b);
}

static int newest_first(gconstpointer a, gconstpointer b)
{
    return project_version_compare(*(const char *const *)b, *(const char *const *)a);
}

/* The version in ".../content/SLUG/VERSION/"; owned, NULL where there is none. */
static char *version_of_page(const char *url, const char *slug)
{
    g_autoptr(WebAddress) address = web_address_parse(url, NULL);
    g_autoptr(GPtrArray) parts = address ? web_path_decode(address->path, NULL) : NULL;
    for (guint i = 0; parts && i + 2 < parts->len; i++)
        if (strcmp(parts->pdata[i], "content") == 0 && strcmp(parts->pdata[i + 1], slug) == 0 &&
            project_version_is_valid(parts->pdata[i + 2]))
            return g_strdup(parts->pdata[i + 2]);
    return NULL;
}

static void set_no_project(const char *slug, GError **error)
{
    g_clear_error(error);
    g_set_error(
        error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
        _("PhysioNet has no project \"%s\". Look for it at https://physionet.org/about/database/ "
          "and take the word behind /content/ out of its page's address."),
        slug);
}

/* Answers to a first, quick question that another one may better: no HEAD here, or busy. */
static gboolean asks_for_more(int status)
{
    return status == 405 || status == 408 || status == 429 || status >= 500;
}

/* NULL without an error: the page did not tell. With HEAD nothing but the redirect is fetched;
 * where that is not answered the page itself is, with all patience. */
static char *newest_by_redirect(HostServices *services, const char *base, const char *slug,
                                gboolean *no_project, GError **error)
{
    g_autofree char *url = g_strdup_printf("%s/content/%s/", base, slug);
    DocumentRequest quick = {.url = url, .head_only = TRUE, .any_status = TRUE};
    g_autoptr(Document) document = services->get(services, &quick, error);
    if (document && asks_for_more(document->status)) {
        DocumentRequest patient = {.url = url};
        document_free(document);
        document = services->get(services, &patient, error);
    }
    if (!document)
        return NULL;
    *no_project = document->status == 404 || document->status == 410;
    return document->status / 100 == 2 ? version_of_page(document->final_url, slug) : NULL;
}

static GPtrArray *versions_of_answer(const json_t *answer)
{
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    const json_t *list = json_is_object(answer) ? json_object_get(answer, "results") : answer;
    size_t index;
    json_t *one;
    json_array_foreach(list, index, one)
    {
        const char *version = json_string_value(json_object_get(one, "version"));
        if (version && project_version_is_valid(version))
            g_ptr_array_add(versions, g_strdup(version));
    }
    if (versions->len == 0)
        return NULL;
    g_ptr_array_sort(versions, newest_first);
    return g_steal_pointer(&versions);
}

static const char *const version_paths[] = {"/api/v1/projects/%s/versions/",
                                            "/api/v1/project/published/%s/"};

static GPtrArray *versions_by_api(HostServices *services, const char *base, const char *slug,
                                  gboolean *no_project, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(version_paths); i++) {
        g_auto(GStrv) around = g_strsplit(version_paths[i], "%s", 2);
        g_autofree char *url = g_strconcat(base, around[0], slug, around[1], NULL);
        int status = 0;
        g_clear_error(error);
        json_auto_t *answer = source_get_json(services, url, TRUE, &status, error);
        GPtrArray *versions = answer && status == 200 ? versions_of_answer(answer) : NULL;
        if (versions) {
            g_clear_error(error);
            return versions;
        }
        *no_project = *no_project || status == 404;
    }
    if (error && !*error)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("PhysioNet's API does not tell the versions of \"%s\"."), slug);
    return NULL;
}

char *project_newest(HostServices *services, const char *base, const char *slug, GError **error)
{
    gboolean no_project = FALSE;
    GError *why = NULL;
    char *newest = newest_by_redirect(services, base, slug, &no_project, &why);
    if (newest)
        return newest;
    if (no_project || g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT)) {
        g_clear_error(&why);
        set_no_project(slug, error);
        return NULL;
    }
    if (why && !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS)) {
        g_propagate_error(error, why);
        return NULL;
    }
    g_clear_error(&why);
    g_autoptr(GPtrArray) versions = versions_by_api(services, base, slug, &no_project, &why);
    if (versions)
        return g_strdup(versions->pdata[0]);
    if (no_project) {
        g_clear_error(&why);
        set_no_project(slug, error);
    } else {
        g_propagate_error(error, why);
    }
    return NULL;
}

GPtrArray *project_versions(HostServices *services, const char *base, const char *slug,
                            GError **error)
{
    gboolean no_project = FALSE;
    GError *why = NULL;
    GPtrArray *versions = versions_by_api(services, base, slug, &no_project, &why);
    if (versions)
        return versions;
    g_clear_error(&why);
    /* Without the API the newest is all that can be learnt. */
    char *newest = project_newest(services, base, slug, error);
    if (!newest)
        return NULL;
    versions = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(versions, newest);
    return versions;
}

static char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && *text ? g_strdup(text) : NULL;
}

static void take_facts(const json_t *answer, ProjectFacts *facts)
{
    facts->title = text_of(answer, "title");
    facts->licence = text_of(json_object_get(answer, "license"), "name");
    facts->doi = text_of(answer, "version_doi");
    if (!facts->doi)
        facts->doi = text_of(answer, "doi");
    facts->access = text_of(answer, "access_policy");
    g_autofree char *published = text_of(answer, "publish_date");
    if (!published)
        published = text_of(answer, "publish_datetime");
    if (published && strlen(published) >= 10 && published[4] == '-' && published[7] == '-')
        facts->published = g_strndup(published, 10);
    const json_t *total = json_object_get(answer, "main_storage_size");
    if (json_is_integer(total) && json_integer_value(total) > 0)
        facts->total = (guint64)json_integer_value(total);
}

static const char *const fact_paths[][3] = {{"/api/v1/projects/", "/versions/", "/"},
                                            {"/api/v1/project/published/", "/", "/"}};

gboolean project_ask(HostServices *services, const char *base, const char *slug,
                     const char *version, ProjectFacts *facts, GError **error)
{
    project_facts_clear(facts);
    for (guint i = 0; i < G_N_ELEMENTS(fact_paths); i++) {
        g_autofree char *url = g_strconcat(base, fact_paths[i][0], slug, fact_paths[i][1], version,
                                           fact_paths[i][2], NULL);
        int status = 0;
        GError *why = NULL;
        json_auto_t *answer = source_get_json(services, url, TRUE, &status, &why);
        if (status == 200 && json_is_object(answer)) {
            take_facts(answer, facts);
            return TRUE;
        }
        gboolean other_path_may_answer = status == 404;
        if (other_path_may_answer && i + 1 < G_N_ELEMENTS(fact_paths)) {
            g_clear_error(&why);
            continue;
        }
        if (why)
            g_propagate_error(error, why);
        else
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                        _("PhysioNet's API answers with HTTP status %d."), status);
        return FALSE;
    }
    return FALSE;
}
