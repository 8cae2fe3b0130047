#include "manifest_draft.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_ID 60
#define DOI_PAGE "https://doi.org/"

typedef struct {
    ListingHead *head;
    guint64 files, bytes;
    gboolean bytes_unknown, bytes_rounded;
} Heard;

void manifest_draft_clear(ManifestDraft *draft)
{
    g_free(draft->json);
    g_free(draft->ref);
    g_clear_pointer(&draft->lack, g_ptr_array_unref);
    g_clear_error(&draft->error);
}

static gboolean on_head(gpointer data, const ListingHead *head, GError **error)
{
    Heard *heard = data;
    g_clear_pointer(&heard->head, listing_head_free);
    heard->head = listing_head_copy(head);
    return TRUE;
}

static gboolean on_file(gpointer data, const FileSpec *file, GError **error)
{
    Heard *heard = data;
    heard->files++;
    heard->bytes_rounded |= file->size_is_rounded || !file->size_is_exact;
    if (file->size == SIZE_UNKNOWN)
        heard->bytes_unknown = TRUE;
    else
        heard->bytes += file->size;
    return TRUE;
}

static void add_lack(ManifestDraft *draft, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add_lack(ManifestDraft *draft, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_ptr_array_add(draft->lack, g_strdup_vprintf(format, args));
    va_end(args);
}

/* FALSE with *WHY where the source could not be heard to its end. */
static gboolean ask_source(Job *job, Reference *reference, Heard *heard, GError **why)
{
    HostServices *services = job_services(job, why);
    if (!services || !reference_ask(reference, job_settings(job)->catalogue, services, why))
        return FALSE;
    ResolveRequest request = {.locator = reference->locator, .version = reference->version};
    ListingTaker taker = {.head = on_head, .file = on_file, .data = heard};
    return reference->fetcher->resolve(reference->fetcher, &request, services, &taker, why) !=
           RESOLVE_FAILED;
}

/* Lower-case letters, digits and single hyphens out of any text; "" where it has none. */
static char *make_id(const char *text)
{
    g_autofree char *ascii = g_str_to_ascii(text, "C");
    GString *id = g_string_new(NULL);
    for (const char *at = ascii; *at && id->len < LONGEST_ID; at++) {
        if (g_ascii_isalnum(*at))
            g_string_append_c(id, g_ascii_tolower(*at));
        else if (id->len > 0 && id->str[id->len - 1] != '-')
            g_string_append_c(id, '-');
    }
    while (id->len > 0 && id->str[id->len - 1] == '-')
        g_string_truncate(id, id->len - 1);
    return g_string_free(id, FALSE);
}

static void cut_ending(char *name, const char *ending)
{
    if (g_str_has_suffix(name, ending) && strlen(name) > strlen(ending))
        name[strlen(name) - strlen(ending)] = '\0';
}

/* What the locator calls it in words, else the last part of the address or REF that says something,
 * without the ending of an archive. */
static char *name_of(const Reference *reference)
{
    const char *slug = json_string_value(json_object_get(reference->locator, "slug"));
    const char *said = slug ? slug : reference->ref;
    g_autofree char *plain = g_uri_unescape_string(said, "/");
    g_autofree char *text = g_utf8_make_valid(plain ? plain : said, -1);
    text[strcspn(text, "?#")] = '\0';
    while (*text && text[strlen(text) - 1] == '/')
        text[strlen(text) - 1] = '\0';
    const char *slash = strrchr(text, '/');
    char *name = g_strdup(slash ? slash + 1 : text);
    g_autoptr(UnpackRule) rule = unpack_rule_from_name(name);
    char *dot = strrchr(name, '.');
    if (rule && dot && dot > name)
        *dot = '\0';
    cut_ending(name, ".tar");
    return name;
}

static char *draft_id(const ManifestDraft *draft, const Reference *reference, const char *title)
{
    if (draft->id)
        return g_strdup(draft->id);
    g_autofree char *name = name_of(reference);
    g_autofree char *from_name = make_id(name);
    g_autofree char *from_title = make_id(title ? title : "");
    const char *source = reference->fetcher->row.name;
    gboolean is_number = strspn(from_name, "0123456789-") == strlen(from_name);
    const char *best = is_number && *from_title ? from_title : from_name;
    if (strcmp(source, "physionet") == 0 || (strcmp(source, "http") == 0 && *best))
        return g_strdup(best);
    return *best ? g_strdup_printf("%s-%s", source, best) : g_strdup("my-dataset");
}

static char *draft_title(const Reference *reference, const Heard *heard)
{
    if (heard->head && heard->head->title)
        return g_strdup(heard->head->title);
    char *name = name_of(reference);
    g_strdelimit(name, "_+-", ' ');
    return name;
}

static void put(json_t *manifest, const char *key, const char *text)
{
    if (!text || !*text)
        return;
    g_autofree char *shown = relpath_display(text); /* plain text on one line */
    json_object_set_new(manifest, key, json_string(g_strstrip(shown)));
}

static const char *access_heard(const Heard *heard, gboolean listed, const GError *why)
{
    if (heard->head && heard->head->is_restricted)
        return "application";
    if (listed)
        return "open";
    return g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS) ? "account" : "unknown";
}

static void put_heard(json_t *manifest, const Heard *heard)
{
    const ListingHead *head = heard->head;
    if (head) {
        const char *citation = head->citation;
        if (citation && g_str_has_prefix(citation, DOI_PAGE))
            citation += strlen(DOI_PAGE);
        put(manifest, "licence", head->licence);
        put(manifest, "citation", citation);
    }
    gboolean summed = heard->files > 0 && !heard->bytes_unknown;
    guint64 total = summed ? heard->bytes : head ? head->total_bytes : SIZE_UNKNOWN;
    if (total != SIZE_UNKNOWN && total > 0 && total <= G_MAXINT64) {
        json_object_set_new(manifest, "size", json_integer((json_int_t)total));
        if (!summed || heard->bytes_rounded)
            json_object_set_new(manifest, "size_is_rounded", json_true());
    }
}

/* The source's page, else the one that was typed; with odd bytes the form does not take it. */
static void put_homepage(json_t *manifest, const ManifestDraft *draft, const Reference *reference,
                         const Heard *heard)
{
    gboolean is_file = strcmp(reference->fetcher->row.name, "http") == 0;
    const char *page = heard->head && heard->head->homepage ? heard->head->homepage
                       : is_file                            ? ""
                                                            : draft->text;
    if ((g_str_has_prefix(page, "https://") || g_str_has_prefix(page, "http://")) &&
        g_str_is_ascii(page) && !strpbrk(page, " \t\n@"))
        json_object_set_new(manifest, "homepage", json_string(page));
}

static char *write_draft(ManifestDraft *draft, const Reference *reference, const Heard *heard,
                         const char *access, GError **error)
{
    g_autofree char *title = draft_title(reference, heard);
    g_autofree char *shown = relpath_display(title);
    g_autofree char *id = draft_id(draft, reference, heard->head ? heard->head->title : NULL);
    json_auto_t *manifest =
        json_pack("{s:s, s:s, s:{s:s}, s:s, s:O, s:s}", "id", id, "kind", "dataset", "title", "en",
                  *shown ? shown : id, "source", reference->fetcher->row.name, "locator",
                  reference->locator, "access", access);
    put_heard(manifest, heard);
    put_homepage(manifest, draft, reference, heard);
    char *text = json_dumps(manifest, JSON_PRESERVE_ORDER);
    g_autofree char *owned = g_strdup(text);
    free(text);
    return manifest_canonical(owned, strlen(owned), id, error);
}

static gboolean draft_manifest(Job *job, ManifestDraft *draft, GError **error)
{
    g_autoptr(Reference) reference =
        reference_parse(draft->text, job_settings(job)->catalogue, error);
    if (!reference)
        return FALSE;
    if (!reference->fetcher || reference->is_folder || reference->own_manifest) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s is no address that a manifest can be made of, as this one is: medmirror "
                      "manifest new https://physionet.org/content/mitdb/"),
                    reference->text);
        return FALSE;
    }
    Heard heard = {0};
    g_autoptr(GError) why = NULL;
    gboolean offline = job_settings(job)->offline;
    gboolean listed = !offline && ask_source(job, reference, &heard, &why);
    if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT) || job_is_cancelled(job)) {
        g_propagate_error(error, g_steal_pointer(&why));
        g_clear_pointer(&heard.head, listing_head_free);
        return FALSE;
    }
    if (why)
        add_lack(draft, _("The source could not be asked for all: %s"), why->message);
    const char *access = access_heard(&heard, listed, why);
    draft->ref = g_strdup(reference->ref);
    draft->json = write_draft(draft, reference, &heard, access, error);
    if (reference->manifest)
        add_lack(draft, _("The catalogue has it already: medmirror show %s"), reference->id);
    if (!heard.head || !heard.head->title)
        add_lack(draft, _("Its title is not known; \"title\" has what the address says."));
    if (strcmp(access, "unknown") == 0)
        add_lack(draft, _("Whether it is open is not known; see \"access\"."));
    add_lack(draft,
             _("Still to be written by hand: \"title\" in Chinese, \"description\", "
               "\"modality\", \"organ\", \"sharing\"; docs/manifest.md tells what they are."));
    g_clear_pointer(&heard.head, listing_head_free);
    return draft->json != NULL;
}

int manifest_draft_make(Job *job, gpointer data)
{
    ManifestDraft *draft = data;
    draft->lack = g_ptr_array_new_with_free_func(g_free);
    return draft_manifest(job, draft, &draft->error) ? 0 : error_exit_status(draft->error);
}
