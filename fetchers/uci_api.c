#include "uci_api.h"

#include "error.h"
#include "i18n.h"
#include "redact.h"
#include "relpath.h"
#include "source_facts.h"
#include "uci_names.h"
#include "web_address.h"

#include <string.h>

void uci_facts_clear(UciFacts *facts)
{
    g_free(facts->slug);
    g_free(facts->title);
    g_free(facts->doi);
    g_free(facts->page);
    g_free(facts->updated);
    g_free(facts->external);
    memset(facts, 0, sizeof *facts);
}

/* Owned, NULL where the key has no text. */
static char *text_of(const json_t *data, const char *key)
{
    const char *text = json_string_value(json_object_get(data, key));
    if (!text)
        return NULL;
    char *copy = g_strstrip(g_strdup(text));
    if (*copy)
        return copy;
    g_free(copy);
    return NULL;
}

/* The slug is recorded in the page's address and never computed from the title. */
static char *slug_of_page(const char *page)
{
    g_autoptr(WebAddress) address = page ? web_address_parse(page, NULL) : NULL;
    g_autoptr(GPtrArray) parts = address ? web_path_decode(address->path, NULL) : NULL;
    if (!parts || parts->len < 3 || strcmp(parts->pdata[0], "dataset") != 0)
        return NULL;
    const char *slug = parts->pdata[parts->len - 1];
    return relpath_check(slug, NULL) ? g_strdup(slug) : NULL;
}

static void take_facts(const json_t *data, UciFacts *facts)
{
    facts->id = (int)json_integer_value(json_object_get(data, "uci_id"));
    facts->title = text_of(data, "name");
    facts->doi = text_of(data, "dataset_doi");
    facts->page = text_of(data, "repository_url");
    facts->external = text_of(data, "external_url");
    facts->slug = slug_of_page(facts->page);
    g_autofree char *updated = text_of(data, "last_updated");
    g_autofree char *when = web_date_normalise(updated);
    facts->updated = when ? g_strndup(when, 10) : NULL;
}

/* The `data` of an answer, NULL with an error where the JSON's own status is not 200. */
static json_t *data_of(const json_t *answer, const char *what, GError **error)
{
    json_int_t status = json_integer_value(json_object_get(answer, "status"));
    json_t *data = json_object_get(answer, "data");
    if (status == 200 && data)
        return data;
    const char *message = json_string_value(json_object_get(answer, "message"));
    g_autofree char *shown = message ? relpath_display(message) : NULL;
    if (status == 404) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("UCI knows no dataset %s (it says: %s)."), what,
                    shown ? shown : _("nothing more"));
        return NULL;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("UCI's description of dataset %s could not be read: its answer has status %d (it "
                  "says: %s)."),
                what, (int)status, shown ? shown : _("nothing more"));
    return NULL;
}

gboolean uci_ask_by_id(HostServices *services, const char *base, int id, gboolean optional,
                       UciFacts *facts, GError **error)
{
    g_autofree char *url = g_strdup_printf("%s/api/dataset?id=%d", base, id);
    json_auto_t *answer = source_get_json(services, url, optional, NULL, error);
    if (!answer)
        return FALSE;
    g_autofree char *what = g_strdup_printf("%d", id);
    const json_t *data = data_of(answer, what, error);
    if (!data)
        return FALSE;
    take_facts(data, facts);
    facts->id = id;
    return TRUE;
}

/* The API searches titles, so an answer counts only where its slug or title is the one asked for.
 */
static int ask_by_name(HostServices *services, const char *base, const char *name)
{
    g_autofree char *words = g_strdelimit(g_strdup(name), "+", ' ');
    g_autofree char *encoded = g_uri_escape_string(words, NULL, FALSE);
    g_autofree char *url = g_strconcat(base, "/api/dataset?name=", encoded, NULL);
    json_auto_t *answer = source_get_json(services, url, TRUE, NULL, NULL);
    const json_t *data = answer ? data_of(answer, name, NULL) : NULL;
    if (!data)
        return 0;
    g_auto(UciFacts) facts = {0};
    take_facts(data, &facts);
    return uci_same_name(facts.slug, name) || uci_same_name(facts.title, name) ? facts.id : 0;
}

int uci_ask_number(HostServices *services, const char *base, const char *name, GError **error)
{
    int id = ask_by_name(services, base, name);
    if (id > 0)
        return id;
    g_autofree char *url = g_strconcat(base, "/api/datasets/list", NULL);
    json_auto_t *answer = source_get_json(services, url, FALSE, NULL, error);
    const json_t *data = answer ? data_of(answer, name, error) : NULL;
    if (!data)
        return 0;
    size_t index;
    json_t *set;
    json_array_foreach(data, index, set)
    {
        const char *title = json_string_value(json_object_get(set, "name"));
        if (uci_same_name(title, name))
            return (int)json_integer_value(json_object_get(set, "id"));
    }
    g_autofree char *shown = relpath_display(name);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                _("UCI lists no dataset of the name \"%s\". Take the number out of the address of "
                  "its page (https://archive.ics.uci.edu/dataset/NUMBER/...) and type: medmirror "
                  "pull uci/NUMBER"),
                shown);
    return 0;
}
