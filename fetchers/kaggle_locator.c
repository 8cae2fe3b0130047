#include "kaggle_locator.h"

#include "error.h"
#include "i18n.h"
#include "kaggle_api.h"
#include "relpath.h"
#include "source_facts.h"
#include "sources.h"
#include "web_address.h"

#include <string.h>

#define MOST_WORD 100

void kaggle_name_clear(KaggleName *name)
{
    g_clear_pointer(&name->owner, g_free);
    g_clear_pointer(&name->slug, g_free);
}

/* Letters, digits and hyphens in all that was seen; underscores and dots could be. */
static gboolean word_is_valid(const char *word)
{
    gsize length = strlen(word);
    if (length == 0 || length > MOST_WORD || !g_ascii_isalnum(*word))
        return FALSE;
    for (const char *at = word; *at; at++)
        if (!g_ascii_isalnum(*at) && !strchr("-_.", *at))
            return FALSE;
    return TRUE;
}

/* "c" is where the competitions are. */
static gboolean owner_is_valid(const char *owner)
{
    return word_is_valid(owner) && strcmp(owner, "c") != 0;
}

gboolean kaggle_version_is_valid(const char *text)
{
    guint64 number;
    return *text != '0' && *text != '+' &&
           g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT32, &number, NULL);
}

KaggleName kaggle_name_of(const json_t *locator)
{
    const char *dataset = locator_text(locator, "dataset");
    if (!dataset)
        return (KaggleName){.slug = g_strdup(locator_text(locator, "competition"))};
    const char *slash = strchr(dataset, '/');
    return (KaggleName){.owner = g_strndup(dataset, (gsize)(slash - dataset)),
                        .slug = g_strdup(slash + 1)};
}

char *kaggle_name_text(const KaggleName *name)
{
    return g_strconcat(name->owner ? name->owner : "c", "/", name->slug, NULL);
}

char *kaggle_name_page(const KaggleName *name)
{
    return name->owner ? g_strconcat(KAGGLE_SITE "/datasets/", name->owner, "/", name->slug, NULL)
                       : g_strconcat(KAGGLE_SITE "/competitions/", name->slug, NULL);
}

static gboolean dataset_is_valid(const char *dataset)
{
    g_auto(GStrv) parts = g_strsplit(dataset, "/", 3);
    return g_strv_length(parts) == 2 && owner_is_valid(parts[0]) && word_is_valid(parts[1]);
}

gboolean kaggle_check_locator(const Fetcher *fetcher, const json_t *locator, GError **error)
{
    if (!locator_check_keys(&kaggle_fetcher.row, "ss", locator, error))
        return FALSE;
    const char *dataset = locator_text(locator, "dataset");
    const char *competition = locator_text(locator, "competition");
    if (!dataset == !competition) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The locator of Kaggle needs one of \"dataset\" (\"OWNER/SLUG\") and "
                      "\"competition\" (\"SLUG\"), as the address of its page has them."));
        return FALSE;
    }
    if (dataset ? !dataset_is_valid(dataset) : !word_is_valid(competition)) {
        g_autofree char *shown = relpath_display(dataset ? dataset : competition);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    dataset ? _("The \"dataset\" of a Kaggle locator is its owner and its slug, as "
                                "in \"kmader/skin-cancer-mnist-ham10000\", which \"%s\" is not.")
                            : _("The \"competition\" of a Kaggle locator is the word behind "
                                "/competitions/ in the address of its page, which \"%s\" is not."),
                    shown);
        return FALSE;
    }
    return TRUE;
}

static json_t *competition_of(const char *slug)
{
    return slug && word_is_valid(slug) ? json_pack("{s:s}", "competition", slug) : NULL;
}

static json_t *dataset_of(const char *owner, const char *slug)
{
    if (!owner || !slug || !owner_is_valid(owner) || !word_is_valid(slug))
        return NULL;
    g_autofree char *dataset = g_strconcat(owner, "/", slug, NULL);
    return json_pack("{s:s}", "dataset", dataset);
}

/* "N", "versions/N", "version/N"; the number, NULL where it is none of them. Borrowed. */
static const char *version_of_parts(char **parts)
{
    if (parts[0] && (strcmp(parts[0], "versions") == 0 || strcmp(parts[0], "version") == 0))
        parts++;
    return parts[0] && !parts[1] && kaggle_version_is_valid(parts[0]) ? parts[0] : NULL;
}

static json_t *locator_of_name(char **parts, char **version)
{
    guint count = g_strv_length(parts);
    if (count >= 2 && (strcmp(parts[0], "c") == 0 || strcmp(parts[0], "competitions") == 0))
        return count == 2 ? competition_of(parts[1]) : NULL;
    if (count >= 3 && strcmp(parts[0], "datasets") == 0)
        return locator_of_name(parts + 1, version);
    json_t *locator = count >= 2 ? dataset_of(parts[0], parts[1]) : NULL;
    const char *number = locator && count > 2 ? version_of_parts(parts + 2) : NULL;
    if (locator && count > 2 && !number)
        g_clear_pointer(&locator, json_decref);
    *version = g_strdup(number);
    return locator;
}

json_t *kaggle_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                                 GError **error)
{
    *version = NULL;
    gsize length = strlen(name);
    g_autofree char *bare = g_strndup(name, length - (length && name[length - 1] == '/'));
    g_auto(GStrv) parts = g_strsplit(bare, "/", 6);
    json_t *locator = locator_of_name(parts, version);
    if (!locator) {
        g_autofree char *shown = relpath_display(name);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("kaggle/%s names nothing at Kaggle: write the owner and the slug of a "
                      "dataset, as in kaggle/kmader/skin-cancer-mnist-ham10000 or "
                      "kaggle/OWNER/SLUG@4, or a competition, as in: medmirror pull "
                      "kaggle/c/rsna-bone-age"),
                    shown);
    }
    return locator;
}

/* First parts of the site's paths that are nobody's name. */
static const char *const no_owners[] = {"about",
                                        "account",
                                        "admin",
                                        "api",
                                        "benchmarks",
                                        "blog",
                                        "code",
                                        "contact",
                                        "cookies",
                                        "docs",
                                        "discussion",
                                        "discussions",
                                        "forums",
                                        "general",
                                        "getting-started",
                                        "home",
                                        "host",
                                        "jobs",
                                        "kernels",
                                        "learn",
                                        "me",
                                        "models",
                                        "notebooks",
                                        "organizations",
                                        "pages",
                                        "privacy",
                                        "progression",
                                        "product-feedback",
                                        "questions-and-answers",
                                        "rankings",
                                        "search",
                                        "settings",
                                        "static",
                                        "tags",
                                        "team",
                                        "terms",
                                        "tos",
                                        "users",
                                        "work",
                                        NULL};

static json_t *locator_of_dataset(char **parts, guint count, const char *query, char **version)
{
    json_t *locator = count >= 2 ? dataset_of(parts[0], parts[1]) : NULL;
    if (!locator)
        return NULL;
    *version = kaggle_version_of_query(query);
    if (!*version && count >= 4 && g_str_has_prefix(parts[2], "version") &&
        kaggle_version_is_valid(parts[3]))
        *version = g_strdup(parts[3]);
    return locator;
}

/* Below /api/v1/: the verb's one or two parts, then the name. */
static json_t *locator_of_api(char **parts, guint count, const char *query, char **version)
{
    static const char *const verbs[] = {"view",      "metadata", "status",       "list",
                                        "list-tree", "download", "download-raw", NULL};
    if (count >= 4 && strcmp(parts[0], "datasets") == 0) {
        guint at = g_strv_contains(verbs, parts[1]) ? 2 : 3; /* files/summary */
        return at == 2 || (strcmp(parts[1], "files") == 0 && strcmp(parts[2], "summary") == 0)
                   ? locator_of_dataset(parts + at, count - at, query, version)
                   : NULL;
    }
    if (count < 3 || strcmp(parts[0], "competitions") != 0)
        return NULL;
    if (strcmp(parts[1], "data") == 0)
        return count >= 4 ? competition_of(parts[3]) : NULL;
    if (strcmp(parts[1], "get") == 0)
        return competition_of(parts[2]);
    return strcmp(parts[2], "data-tree") == 0 ? competition_of(parts[1]) : NULL;
}

json_t *kaggle_locator_from_address(const Fetcher *fetcher, const char *text, char **version)
{
    *version = NULL;
    g_autoptr(WebAddress) address = web_address_parse(text, NULL);
    if (!address || !g_strv_contains(kaggle_fetcher.row.hosts, address->host))
        return NULL;
    /* Names need no percent-encoding; what stands behind them may hide slashes. */
    g_auto(GStrv) parts = g_strsplit(address->path + 1, "/", 8);
    guint count = g_strv_length(parts);
    if (count && !*parts[count - 1])
        count--;
    if (count < 2)
        return NULL;
    if (strcmp(parts[0], "c") == 0 || strcmp(parts[0], "competitions") == 0)
        return competition_of(parts[1]);
    if (strcmp(parts[0], "datasets") == 0)
        return locator_of_dataset(parts + 1, count - 1, address->query, version);
    if (strcmp(parts[0], "api") == 0)
        return strcmp(parts[1], "v1") == 0
                   ? locator_of_api(parts + 2, count - 2, address->query, version)
                   : NULL;
    return g_strv_contains(no_owners, parts[0])
               ? NULL
               : locator_of_dataset(parts, count, address->query, version);
}

char *kaggle_folder(const Fetcher *fetcher, const json_t *locator, const char *id)
{
    g_auto(KaggleName) name = kaggle_name_of(locator);
    g_autofree char *owner = name.owner ? relpath_encode_part(name.owner) : g_strdup("c");
    g_autofree char *slug = relpath_encode_part(name.slug);
    return g_strconcat("kaggle/", owner, "/", slug, NULL);
}

char *kaggle_ref(const Fetcher *fetcher, const json_t *locator)
{
    g_auto(KaggleName) name = kaggle_name_of(locator);
    g_autofree char *text = kaggle_name_text(&name);
    return g_strconcat("kaggle/", text, NULL);
}
