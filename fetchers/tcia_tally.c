#include "tcia_tally.h"

#include "file_facts.h"
#include "i18n.h"
#include "source_facts.h"

#include <string.h>

#define WORDS_MOST 64
#define WORDS_TOLD 4

void tcia_tally_init(TciaTally *tally)
{
    memset(tally, 0, sizeof *tally);
    tally->licences = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    tally->sources = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

void tcia_tally_clear(TciaTally *tally)
{
    g_clear_pointer(&tally->licences, g_hash_table_unref);
    g_clear_pointer(&tally->sources, g_hash_table_unref);
    g_clear_pointer(&tally->newest, g_free);
    g_clear_pointer(&tally->closed_licence, g_free);
}

static void count_word(GHashTable *words, const char *word)
{
    guint64 *count = word ? g_hash_table_lookup(words, word) : NULL;
    if (count) {
        ++*count;
    } else if (word && g_hash_table_size(words) < WORDS_MOST) {
        count = g_new(guint64, 1);
        *count = 1;
        g_hash_table_insert(words, g_strdup(word), count);
    }
}

static void add_to_sum(TciaTally *tally, const json_t *facts)
{
    g_autofree char *content = file_facts_content(facts);
    g_autofree char *changed = tcia_series_changed(facts);
    g_autofree char *line = g_strjoin("\n", locator_text(facts, "SeriesInstanceUID"),
                                      content ? content : "", changed ? changed : "", NULL);
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)line, (gssize)strlen(line));
    guint8 digest[sizeof tally->sum];
    gsize length = sizeof digest;
    g_checksum_get_digest(checksum, digest, &length);
    guint carry = 0; /* added up, for what is listed twice would else be nothing */
    for (gsize i = 0; i < sizeof digest; i++) {
        carry += (guint)tally->sum[i] + digest[i];
        tally->sum[i] = (guint8)carry;
        carry >>= 8;
    }
}

/* The newest date counts what is taken without being asked for: a version is named by it. */
static void add_open(TciaTally *tally, const json_t *facts)
{
    tally->listed++;
    if (tcia_is_yes(locator_text(facts, "ThirdPartyAnalysis"))) {
        tally->third_party++;
        return;
    }
    g_autofree char *changed = tcia_series_changed(facts);
    if (g_strcmp0(changed, tally->newest) > 0) {
        g_free(tally->newest);
        tally->newest = g_steal_pointer(&changed);
    }
    const char *bytes = locator_text(facts, "FileSize");
    guint64 size = 0;
    if (!bytes || !g_ascii_string_to_unsigned(bytes, 10, 0, G_MAXINT64, &size, NULL))
        tally->sizeless++;
    tally->bytes += size;
    count_word(tally->licences, locator_text(facts, "LicenseName"));
    count_word(tally->sources, locator_text(facts, "DataDescriptionURI"));
}

gboolean tcia_tally_add(TciaTally *tally, const json_t *facts, gboolean is_cleared)
{
    if (!tcia_is_uid(locator_text(facts, "SeriesInstanceUID"))) {
        tally->nameless++;
        return FALSE;
    }
    tally->series++;
    TciaLicence licence =
        tcia_licence_class(locator_text(facts, "LicenseName"), locator_text(facts, "LicenseURI"));
    const char *authorised = locator_text(facts, "Authorized");
    add_to_sum(tally, facts);
    if (authorised && !tcia_is_yes(authorised)) {
        tally->unauthorised++;
        return FALSE;
    }
    if (licence == TCIA_CONTROLLED || (licence == TCIA_UNLICENSED && !is_cleared)) {
        if (!tally->closed_licence)
            tally->closed_licence = g_strdup(locator_text(facts, "LicenseName"));
        tally->controlled += licence == TCIA_CONTROLLED;
        tally->unlicensed += licence == TCIA_UNLICENSED;
        return FALSE;
    }
    tally->non_commercial += licence == TCIA_NON_COMMERCIAL;
    add_open(tally, facts);
    return TRUE;
}

guint64 tcia_tally_closed(const TciaTally *tally)
{
    return tally->controlled + tally->unlicensed + tally->unauthorised;
}

char *tcia_tally_token(const TciaTally *tally)
{
    GString *hex = g_string_new(NULL);
    for (gsize i = 0; i < sizeof tally->sum; i++)
        g_string_append_printf(hex, "%02x", tally->sum[i]);
    json_auto_t *token =
        json_pack("{s:I, s:s}", "series", (json_int_t)tally->series, "sum", hex->str);
    g_string_free(hex, TRUE);
    return state_token_text(token);
}

static int compare_counts(gconstpointer a, gconstpointer b, gpointer data)
{
    const guint64 *one = g_hash_table_lookup(data, a), *other = g_hash_table_lookup(data, b);
    return *one != *other ? (*one < *other) - (*one > *other) : strcmp(a, b);
}

/* The most frequent words, up to MOST, joined; NULL where there are none. Owned. */
static char *frequent_words(GHashTable *words, guint most)
{
    GList *keys = g_list_sort_with_data(g_hash_table_get_keys(words), compare_counts, words);
    GString *text = g_string_new(NULL);
    for (GList *link = keys; link && most > 0; link = link->next, most--)
        g_string_append_printf(text, "%s%s", text->len ? "; " : "", (const char *)link->data);
    g_list_free(keys);
    return g_string_free(text, text->len == 0);
}

/* A DOI without the address of its resolver. Borrowed. */
static const char *doi_of(const char *address)
{
    static const char *const resolvers[] = {"https://doi.org/", "http://doi.org/",
                                            "https://dx.doi.org/", "http://dx.doi.org/"};
    for (gsize i = 0; address && i < G_N_ELEMENTS(resolvers); i++)
        if (g_ascii_strncasecmp(address, resolvers[i], strlen(resolvers[i])) == 0)
            return address + strlen(resolvers[i]);
    return address;
}

static void tell_closed(const TciaTally *tally, ListingHead *head)
{
    if (tally->controlled)
        listing_head_add_note(
            head,
            ngettext_count(
                "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                " series is under a licence that is not open, and is left out. What it needs is "
                "told at https://www.cancerimagingarchive.net/nih-controlled-data-access-policy/",
                "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                " series are under a licence that is not open, and are left out. What they need is "
                "told at https://www.cancerimagingarchive.net/nih-controlled-data-access-policy/",
                tally->controlled),
            tally->controlled, tally->series);
    if (tally->unlicensed)
        listing_head_add_note(
            head,
            ngettext_count("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series names no licence, and is left out: what is not called "
                           "open counts as controlled.",
                           "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series name no licence, and are left out: what is not called "
                           "open counts as controlled.",
                           tally->unlicensed),
            tally->unlicensed, tally->series);
    if (tally->unauthorised)
        listing_head_add_note(
            head,
            ngettext_count("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series is listed but not given to the public, and is left "
                           "out.",
                           "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series are listed but not given to the public, and are left "
                           "out.",
                           tally->unauthorised),
            tally->unauthorised, tally->series);
    if (tally->nameless)
        listing_head_add_note(
            head,
            ngettext_count("%" G_GUINT64_FORMAT " entry of NBIA's list has no valid "
                           "SeriesInstanceUID, and is left out.",
                           "%" G_GUINT64_FORMAT " entries of NBIA's list have no valid "
                           "SeriesInstanceUID, and are left out.",
                           tally->nameless),
            tally->nameless);
}

void tcia_tally_tell(const TciaTally *tally, const char *ref, ListingHead *head)
{
    g_clear_pointer(&head->newest_change, g_free);
    head->newest_change = g_strdup(tally->newest);
    if (!head->licence)
        head->licence = frequent_words(tally->licences, WORDS_TOLD);
    g_autofree char *source = frequent_words(tally->sources, 1);
    if (!head->citation)
        head->citation = g_strdup(doi_of(source));
    head->total_bytes = tally->sizeless ? SIZE_UNKNOWN : tally->bytes;
    if (tally->non_commercial && !head->access_note)
        head->access_note = g_strdup_printf(
            ngettext_count("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series is under a licence without commercial use (CC BY-NC).",
                           "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series are under a licence without commercial use (CC BY-NC).",
                           tally->non_commercial),
            tally->non_commercial, tally->series);
    tell_closed(tally, head);
    if (tally->third_party)
        listing_head_add_note(
            head,
            ngettext_count("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series is the result of others' analyses, and is taken only when "
                           "asked for: medmirror pull %s --where ThirdPartyAnalysis=YES",
                           "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                           " series are results of others' analyses, and are taken only when "
                           "asked for: medmirror pull %s --where ThirdPartyAnalysis=YES",
                           tally->third_party),
            tally->third_party, tally->series, ref);
}
