#include "error.h"
#include "i18n.h"
#include "owner.h"
#include "proofs.h"
#include "size_text.h"
#include "stage.h"
#include "verbs.h"
#include "version_choice.h"

#include <string.h>

static gboolean tell_unfinished(Invocation *invocation, Mirror *mirror, GError **error)
{
    g_autoptr(GPtrArray) all = stage_list_unfinished(mirror, error);
    for (guint i = 0; all && i < all->len; i++) {
        const UnfinishedInfo *info = g_ptr_array_index(all, i);
        g_autofree char *held = size_text(info->held_bytes);
        const char *options = info->options && *info->options ? info->options : "";
        console_answer(invocation->console, _("unfinished   %s: %s kept, stopped %s"), info->ref,
                       held, info->stopped ? info->stopped : "?");
        g_autofree char *prefix = g_strconcat(info->ref, ": ", NULL);
        const char *reason = info->reason ? info->reason : _("It was killed.");
        reason += g_str_has_prefix(reason, prefix) ? strlen(prefix) : 0;
        console_answer(invocation->console, "             %s", reason);
        if (!strstr(reason, "medmirror ")) {
            console_answer(invocation->console, _("             Go on with: medmirror pull %s%s%s"),
                           info->ref, *options ? " " : "", options);
        }
        console_json(invocation->console, "unfinished",
                     json_pack("{s:s, s:s, s:I, s:s, s:s?}", "ref", info->ref, "options", options,
                               "bytes", (json_int_t)info->held_bytes, "stopped",
                               info->stopped ? info->stopped : "", "reason", info->reason));
    }
    return all != NULL;
}

static gboolean tell_owners(Invocation *invocation, Mirror *mirror, GError **error)
{
    g_autoptr(GPtrArray) all = owner_list(mirror, error);
    for (guint i = 0; all && i < all->len; i++) {
        const OwnerInfo *info = g_ptr_array_index(all, i);
        console_answer(invocation->console,
                       _("running      %s by %s on %s (process %" G_GINT64_FORMAT ") since %s"),
                       info->verb, info->user, info->host, info->pid, info->since);
        console_json(invocation->console, "running",
                     json_pack("{s:s, s:s, s:s, s:I, s:s}", "what", info->verb, "user", info->user,
                               "host", info->host, "pid", (json_int_t)info->pid, "since",
                               info->since));
    }
    return all != NULL;
}

static gboolean tell_space(Invocation *invocation, Mirror *mirror, const GPtrArray *headers,
                           GError **error)
{
    guint64 versions = 0, partial = 0, stage = 0, evidence = 0;
    for (guint i = 0; i < headers->len; i++) {
        versions += ((const LockHeader *)g_ptr_array_index(headers, i))->held_bytes;
    }
    stage_space(mirror, &partial, &stage, &evidence);
    const RoomLimits limits = {.max_size = invocation->config->max_size,
                               .max_files = invocation->config->max_files,
                               .reserve = invocation->config->reserve};
    g_auto(Room) room = {0};
    if (!room_measure(mirror, &limits, &room, error)) {
        return FALSE;
    }
    g_autofree char *a = size_text(versions), *b = size_text(partial), *c = size_text(stage),
                    *d = size_text(evidence), *e = size_text(room.bytes);
    console_answer(
        invocation->console,
        _("space        versions %s · partial %s · stage %s · evidence %s; room for %s (%s)"), a, b,
        c, d, e, room.limited_by);
    console_json(invocation->console, "space",
                 json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "versions", (json_int_t)versions,
                           "partial", (json_int_t)partial, "stage", (json_int_t)stage, "evidence",
                           (json_int_t)evidence, "room", (json_int_t)room.bytes, "limited_by",
                           room.limited_by));
    return TRUE;
}

static void tell_proofs(Invocation *invocation, Mirror *mirror, const GPtrArray *headers)
{
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        g_autofree char *when = proofs_newest(mirror, header->folder, header->version);
        g_autofree char *label = version_label(header);
        console_answer(invocation->console, _("proven       %s: %s"), label,
                       when ? when : _("never read since it was brought; medmirror verify does"));
        console_json(invocation->console, "proof",
                     json_pack("{s:s, s:s, s:s?}", "ref", header->ref, "version", header->version,
                               "when", when));
    }
}

static int status_of(Invocation *invocation, GError **error)
{
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, error);
    if (!mirror) {
        return 1;
    }
    console_answer(invocation->console, _("mirror       %s"), mirror_path(mirror));
    g_autoptr(GPtrArray) headers = mirror_list(mirror, error);
    if (!headers || !tell_unfinished(invocation, mirror, error) ||
        !tell_owners(invocation, mirror, error) ||
        !tell_space(invocation, mirror, headers, error)) {
        return 1;
    }
    tell_proofs(invocation, mirror, headers);
    return 0;
}

static int run(Invocation *invocation)
{
    int status = 0;
    if (!invocation_parse(invocation, NULL, &status)) {
        return status;
    }
    if (invocation->arguments[0]) {
        return invocation_usage(invocation,
                                _("status takes no REF; for one dataset: medmirror list REF"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error) || status_of(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return 0;
}

const Verb verb_status = {
    .name = "status",
    .summary = N_("What goes on: unfinished pulls, running ones, space, proofs"),
    .arguments = "",
    .help = N_("Unfinished pulls come first, each with the line that goes on with it; then who "
               "works in the mirror, what "
               "takes how much space, and when each version was last read and found right.\n\n"
               "Examples:\n"
               "  medmirror status\n"
               "  medmirror --mirror /data/mirror status --json"),
    .run = run,
};
