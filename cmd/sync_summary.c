#include "sync_summary.h"

#include "i18n.h"
#include "size_text.h"

#include <string.h>

#define WORD_COLUMNS 10

static char *count_text(SyncState state, guint count)
{
    switch (state) {
    case SYNC_UNCHANGED:
        return g_strdup_printf(_("%u unchanged"), count);
    case SYNC_UPDATED:
        return g_strdup_printf(_("%u updated"), count);
    case SYNC_PLANNED:
        return g_strdup_printf(_("%u to be updated"), count);
    case SYNC_WAITS:
        return g_strdup_printf(ngettext("%u waits", "%u wait", count), count);
    case SYNC_PERSON:
        return g_strdup_printf(ngettext("%u needs a person", "%u need a person", count), count);
    case SYNC_GONE:
        return g_strdup_printf(_("%u gone"), count);
    case SYNC_CHANGED:
        return g_strdup_printf(_("%u changed at the source"), count);
    case SYNC_FAILED:
        return g_strdup_printf(_("%u failed"), count);
    case SYNC_NOT_ASKED:
        return g_strdup_printf(_("%u not asked"), count);
    case SYNC_LEFT:
        return g_strdup_printf(_("%u left"), count);
    }
    return g_strdup("");
}

static const char *word_of(SyncState state)
{
    switch (state) {
    case SYNC_UPDATED:
        return _("updated");
    case SYNC_PLANNED:
        return _("to update");
    case SYNC_WAITS:
        return _("waits");
    case SYNC_PERSON:
        return _("person");
    case SYNC_GONE:
        return _("gone");
    case SYNC_CHANGED:
        return _("changed");
    case SYNC_NOT_ASKED:
        return _("not asked");
    case SYNC_LEFT:
        return _("left");
    default:
        return _("failed");
    }
}

static char *time_text(gint64 seconds, const char *format)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);
    return g_date_time_format(time, format);
}

static void add_head(GString *text, const SyncReport *report)
{
    g_autofree char *day = time_text(report->begun, "%Y-%m-%d");
    g_autofree char *end_day = time_text(report->ended, "%Y-%m-%d");
    g_autofree char *from = time_text(report->begun, "%H:%M");
    g_autofree char *to =
        time_text(report->ended, strcmp(day, end_day) == 0 ? "%H:%M" : "%Y-%m-%d %H:%M");
    g_autoptr(GString) counts = g_string_new(NULL);
    for (guint i = 0; i < SYNC_STATES; i++) {
        if (report->count[i]) {
            g_autofree char *count = count_text((SyncState)i, report->count[i]);
            g_string_append_printf(counts, "%s%s", counts->len ? ", " : "", count);
        }
    }
    g_string_append_printf(text,
                           ngettext("sync %s %s–%s   %u dataset%s%s",
                                    "sync %s %s–%s   %u datasets%s%s", report->entries->len),
                           day, from, to, report->entries->len, counts->len ? ": " : "",
                           counts->str);
    if (report->status) {
        g_string_append_printf(text, _("   exit %d"), report->status);
    }
}

/* What a message says in several lines stays within its entry. */
static char *one_line(const char *message)
{
    g_auto(GStrv) lines = g_strsplit(message ? message : "", "\n", -1);
    for (guint i = 0; lines[i]; i++) {
        g_strstrip(lines[i]);
    }
    g_autofree char *line = g_strjoinv(" ", lines);
    return g_strdup(g_strstrip(line));
}

static char *changes_text(const SyncEntry *entry)
{
    g_autofree char *received = size_text(entry->received);
    return g_strdup_printf(_("%s → %s: %" G_GUINT64_FORMAT " new, %" G_GUINT64_FORMAT
                             " changed, %" G_GUINT64_FORMAT " gone, %" G_GUINT64_FORMAT
                             " the same; %s received"),
                           entry->before, entry->version, entry->files.added, entry->files.changed,
                           entry->files.gone, entry->files.same, received);
}

static char *entry_text(const SyncEntry *entry)
{
    g_autofree char *message = one_line(entry->message);
    g_autofree char *peak = size_text(entry->plan.peak.bytes);
    g_autofree char *fetch = size_text(entry->plan.fetch.bytes);
    switch (entry->state) {
    case SYNC_UPDATED: {
        g_autofree char *all = changes_text(entry);
        g_autofree char *changes =
            *message ? g_strdup_printf("%s; %s", all, message) : g_steal_pointer(&all);
        return entry->hold
                   ? g_strdup_printf(_("%s; %s stays, %s"), changes, entry->before, entry->hold)
                   : g_steal_pointer(&changes);
    }
    case SYNC_PLANNED:
        return g_strdup_printf(_("%s → %s: to fetch %s, new space at the peak %s"), entry->before,
                               entry->version, fetch, peak);
    case SYNC_WAITS:
        return entry->planned ? g_strdup_printf(_("%s; %s stays meanwhile"), message, entry->before)
                              : g_steal_pointer(&message);
    case SYNC_PERSON:
        return g_strdup_printf(_("%s (since %.10s; named again in a week)"), message,
                               entry->since ? entry->since : "?");
    case SYNC_GONE:
        return g_strdup_printf(_("%s What is here (%s) stays."), message, entry->before);
    case SYNC_LEFT:
        return g_strdup(_("the run ended before it"));
    default:
        return g_steal_pointer(&message);
    }
}

static void add_entry(GString *text, const SyncEntry *entry)
{
    g_autofree char *rest = entry_text(entry);
    g_autofree char *word = g_strdup_printf("%-*s", WORD_COLUMNS, word_of(entry->state));
    g_string_append_printf(text, "\n  %s %s: %s", word, entry->ref, rest);
}

char *sync_summary(const SyncReport *report, gboolean all)
{
    GString *text = g_string_new(NULL);
    guint unnamed = 0;
    add_head(text, report);
    for (guint state = SYNC_UPDATED; state < SYNC_STATES; state++) {
        for (guint i = 0; i < report->entries->len; i++) {
            const SyncEntry *entry = g_ptr_array_index(report->entries, i);
            if (entry->state != (SyncState)state) {
                continue;
            }
            if (entry->state == SYNC_PERSON && !entry->is_new && !all) {
                unnamed++;
            } else {
                add_entry(text, entry);
            }
        }
    }
    if (unnamed) {
        g_string_append_printf(text,
                               ngettext("\n  %-*s %u was named within the last week; it is named "
                                        "again by: medmirror sync --verbose",
                                        "\n  %-*s %u were named within the last week; they are "
                                        "named again by: medmirror sync --verbose",
                                        unnamed),
                               WORD_COLUMNS, _("person"), unnamed);
    }
    return g_string_free(text, FALSE);
}

json_t *sync_entry_json(const SyncEntry *entry)
{
    json_t *facts = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "ref", entry->ref, "state",
                              sync_state_name(entry->state), "exit", entry->exit, "before",
                              entry->before, "version", entry->version, "path", entry->path);
    if (entry->message) {
        json_object_set_new(facts, "message", json_string(entry->message));
    }
    if (entry->state == SYNC_UPDATED) {
        json_object_update_new(
            facts, json_pack("{s:I, s:I, s:I, s:I, s:I}", "new", (json_int_t)entry->files.added,
                             "changed", (json_int_t)entry->files.changed, "gone",
                             (json_int_t)entry->files.gone, "same", (json_int_t)entry->files.same,
                             "received", (json_int_t)entry->received));
    }
    if (entry->planned) {
        json_object_update_new(facts,
                               json_pack("{s:I, s:I}", "fetch", (json_int_t)entry->plan.fetch.bytes,
                                         "peak", (json_int_t)entry->plan.peak.bytes));
    }
    if (entry->since) {
        json_object_update_new(
            facts, json_pack("{s:s, s:b}", "since", entry->since, "named", entry->is_new));
    }
    return facts;
}

static json_t *utc(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(seconds);
    g_autofree char *text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
    return json_string(text);
}

json_t *sync_report_json(const SyncReport *report)
{
    json_t *facts =
        json_pack("{s:i, s:i, s:o, s:o}", "exit", report->status, "refs", (int)report->entries->len,
                  "begun", utc(report->begun), "ended", utc(report->ended));
    for (guint i = 0; i < SYNC_STATES; i++) {
        json_object_set_new(facts, sync_state_name((SyncState)i), json_integer(report->count[i]));
    }
    return facts;
}
