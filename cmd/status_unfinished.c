#include "status_unfinished.h"

#include "i18n.h"
#include "pull_note.h"
#include "size_text.h"

#include <string.h>

/* 0 to 99; -1 where the whole is not known. */
static int percent_of(const UnfinishedInfo *info)
{
    if (info->wanted_bytes == SIZE_UNKNOWN || info->wanted_bytes == 0) {
        return -1;
    }
    gdouble part = (gdouble)info->held_bytes / (gdouble)info->wanted_bytes;
    return (int)MIN(part * 100, 99);
}

static guint64 needs_of(const UnfinishedInfo *info)
{
    return info->wanted_bytes == SIZE_UNKNOWN
               ? SIZE_UNKNOWN
               : info->wanted_bytes - MIN(info->wanted_bytes, info->held_bytes);
}

/* "2026-11-24 03:04", of this machine's clock; owned. */
static char *local_text(const char *stamp)
{
    g_autoptr(GDateTime) utc = stamp ? g_date_time_new_from_iso8601(stamp, NULL) : NULL;
    g_autoptr(GDateTime) local = utc ? g_date_time_to_local(utc) : NULL;
    return local ? g_date_time_format(local, "%Y-%m-%d %H:%M") : g_strdup("?");
}

/* Why it stopped, as the run itself said, without what it begins and ends with. */
static char *reason_text(const UnfinishedInfo *info, const PullNote *note)
{
    if (!info->reason) {
        return note && note->user && note->host
                   ? g_strdup_printf(_("killed, or its machine went down (a run of %s on %s)"),
                                     note->user, note->host)
                   : g_strdup(_("killed, or its machine went down"));
    }
    g_autofree char *prefix = g_strconcat(info->ref ? info->ref : "", ": ", NULL);
    const char *reason = info->reason;
    reason += g_str_has_prefix(reason, prefix) ? strlen(prefix) : 0;
    return g_strdup(reason);
}

static void tell_lines(Console *console, const UnfinishedInfo *info, const PullNote *note,
                       const char *options, const Room *room, const char *words)
{
    g_autofree char *held = size_text(info->held_bytes);
    g_autofree char *stopped = local_text(info->stopped);
    g_autofree char *reason = reason_text(info, note);
    const char *ref = info->ref ? info->ref : info->folder;
    int percent = percent_of(info);
    g_autofree char *part = percent >= 0 ? g_strdup_printf(_("%d %%, "), percent) : g_strdup("");
    console_answer(console, _("unfinished   %s%s%s   %s%s kept   stopped %s"), ref,
                   *options ? "   " : "", options, part, held, stopped);
    console_answer(console, "             %s", reason);
    if (needs_of(info) != SIZE_UNKNOWN && needs_of(info) > 0) {
        g_autofree char *needs = size_text(needs_of(info));
        g_autofree char *free = size_text(room->bytes);
        console_answer(console, _("             needs %s more, and there is room for %s (%s)"),
                       needs, free, room->limited_by);
    }
    if (info->adopting) {
        console_answer(console,
                       _("             Go on with: %s, or bring it from its source: "
                         "medmirror pull %s"),
                       info->adopting, ref);
    } else if (!note) {
        console_answer(console,
                       _("             Type what was asked for again: medmirror pull%s %s"), words,
                       ref);
    } else if (!strstr(reason, "--resume")) {
        console_answer(console, _("             Go on with: medmirror pull --resume%s %s"), words,
                       ref);
    }
}

static json_t *size_or_null(guint64 size)
{
    return size == SIZE_UNKNOWN ? json_null() : json_integer((json_int_t)size);
}

static void tell_one(Console *console, const UnfinishedInfo *info, const PullNote *note,
                     const Room *room, const char *words)
{
    const char *ref = info->ref ? info->ref : info->folder;
    g_autofree char *options =
        note ? pull_note_options(note) : g_strdup(info->options ? info->options : "");
    tell_lines(console, info, note, options, room, words);
    json_t *facts = json_pack(
        "{s:s, s:s, s:I, s:o, s:o, s:s, s:s?, s:b}", "ref", ref, "options", options, "bytes",
        (json_int_t)info->held_bytes, "wanted", size_or_null(info->wanted_bytes), "needs",
        size_or_null(needs_of(info)), "stopped", info->stopped ? info->stopped : "", "reason",
        info->reason, "resumes", note != NULL);
    if (note && note->begun) {
        json_object_set_new(facts, "begun", json_string(note->begun));
    }
    console_json(console, "unfinished", facts);
}

gboolean status_tell_unfinished(Console *console, Mirror *mirror, const Room *room,
                                const char *words, GError **error)
{
    g_autoptr(GPtrArray) all = stage_list_unfinished(mirror, error);
    for (guint i = 0; all && i < all->len; i++) {
        const UnfinishedInfo *info = g_ptr_array_index(all, i);
        g_autofree char *text = stage_read_request(mirror, info->folder);
        g_autoptr(PullNote) note = text ? pull_note_parse(text, NULL) : NULL;
        tell_one(console, info, note, room, words);
    }
    return all != NULL;
}
