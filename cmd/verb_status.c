#include "error.h"
#include "holds.h"
#include "i18n.h"
#include "leftovers.h"
#include "owner.h"
#include "proofs.h"
#include "size_text.h"
#include "status_unfinished.h"
#include "verbs.h"
#include "verify_for.h"
#include "version_choice.h"

#include <string.h>

static gboolean tell_owners(Console *console, Mirror *mirror, GError **error)
{
    g_autoptr(GPtrArray) all = owner_list(mirror, error);
    for (guint i = 0; all && i < all->len; i++) {
        const OwnerInfo *info = g_ptr_array_index(all, i);
        g_autofree char *job = info->job ? g_strdup_printf(_(", job %s"), info->job) : g_strdup("");
        console_answer(console,
                       _("running      %s by %s on %s (process %" G_GINT64_FORMAT "%s) since %s"),
                       info->verb, info->user, info->host, info->pid, job, info->since);
        console_json(console, "running",
                     json_pack("{s:s, s:s, s:s, s:I, s:s?, s:s}", "what", info->verb, "user",
                               info->user, "host", info->host, "pid", (json_int_t)info->pid, "job",
                               info->job, "since", info->since));
    }
    return all != NULL;
}

/* What nobody goes on with, and the line that frees it. */
static gboolean tell_leftovers(Console *console, Mirror *mirror, GError **error)
{
    guint64 bytes[LEFTOVER_KINDS] = {0};
    g_autoptr(GPtrArray) all = leftovers_find(
        mirror, 1U << LEFTOVER_PARTIAL | 1U << LEFTOVER_EVIDENCE | 1U << LEFTOVER_ARCHIVES, error);
    for (guint i = 0; all && i < all->len; i++) {
        const Leftover *leftover = g_ptr_array_index(all, i);
        bytes[leftover->kind] += leftover->lives ? 0 : leftover->bytes;
    }
    if (!all) {
        return FALSE;
    }
    g_autofree char *evidence = size_text(bytes[LEFTOVER_EVIDENCE]);
    g_autofree char *archives = size_text(bytes[LEFTOVER_ARCHIVES]);
    g_autofree char *partial = size_text(bytes[LEFTOVER_PARTIAL]);
    const char *line = bytes[LEFTOVER_EVIDENCE] + bytes[LEFTOVER_PARTIAL] ? "medmirror prune"
                       : bytes[LEFTOVER_ARCHIVES] ? "medmirror prune --archives"
                                                  : NULL;
    console_answer(console,
                   _("leftovers    evidence %s · archives %s · partial of no known pull %s%s%s"),
                   evidence, archives, partial, line ? ": " : "", line ? line : "");
    console_json(console, "leftovers",
                 json_pack("{s:I, s:I, s:I}", "evidence", (json_int_t)bytes[LEFTOVER_EVIDENCE],
                           "archives", (json_int_t)bytes[LEFTOVER_ARCHIVES], "partial",
                           (json_int_t)bytes[LEFTOVER_PARTIAL]));
    return TRUE;
}

static char *of_limit(guint64 used, guint64 limit)
{
    g_autofree char *a = size_text(used);
    g_autofree char *b = limit == SIZE_UNKNOWN ? NULL : size_text(limit);
    return b ? g_strdup_printf(_("%s of %s"), a, b) : g_steal_pointer(&a);
}

static char *files_of_limit(guint64 files, guint64 limit)
{
    return limit == SIZE_UNKNOWN
               ? g_strdup_printf("%" G_GUINT64_FORMAT, files)
               : g_strdup_printf(_("%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT), files, limit);
}

static void tell_space(Invocation *invocation, Mirror *mirror, const GPtrArray *headers,
                       const Room *room)
{
    const MirrorPolicy *policy = mirror_policy(mirror);
    guint64 max_size = MIN(invocation->config->max_size, policy->max_size);
    guint64 max_files = MIN(invocation->config->max_files, policy->max_files);
    guint64 versions = 0, files = 0, partial = 0, stage = 0, evidence = 0;
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        versions += header->in_place ? 0 : header->held_bytes;
        files += header->in_place ? 0 : header->held_files;
    }
    stage_space(mirror, &partial, &stage, &evidence);
    g_autofree char *used = of_limit(versions + partial + stage + evidence, max_size);
    g_autofree char *number = files_of_limit(files, max_files);
    g_autofree char *of_versions = size_text(versions), *of_partial = size_text(partial),
                    *of_stage = size_text(stage), *of_evidence = size_text(evidence),
                    *free = size_text(room->bytes);
    console_answer(invocation->console,
                   _("space        %s: versions %s · partial %s · stage %s · evidence %s; room for "
                     "%s (%s)"),
                   used, of_versions, of_partial, of_stage, of_evidence, free, room->limited_by);
    console_answer(invocation->console, _("files        %s"), number);
    json_t *facts = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "versions", (json_int_t)versions, "partial",
        (json_int_t)partial, "stage", (json_int_t)stage, "evidence", (json_int_t)evidence, "files",
        (json_int_t)files, "room", (json_int_t)room->bytes, "limited_by", room->limited_by);
    if (max_size != SIZE_UNKNOWN) {
        json_object_set_new(facts, "max_size", json_integer((json_int_t)max_size));
    }
    if (max_files != SIZE_UNKNOWN) {
        json_object_set_new(facts, "max_files", json_integer((json_int_t)max_files));
    }
    console_json(invocation->console, "space", facts);
}

static char *proof_text(const LockHeader *header, const ProofState *state)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    g_autofree char *age = verify_age_text(now - state->proven);
    g_autofree char *age_read = verify_age_text(now - state->read);
    g_autofree char *read = size_text(state->bytes);
    g_autofree char *all = size_text(header->held_bytes);
    g_autofree char *last = state->proven ? g_strdup_printf(_("%s ago"), age)
                            : state->read
                                ? g_strdup_printf(_("never; read %s ago, and not right"), age_read)
                                : g_strdup(_("never"));
    gboolean goes_on = state->upto && g_strcmp0(state->fingerprint, header->fingerprint) == 0;
    return goes_on ? g_strdup_printf(_("%s; %s of %s again since"), last, read, all)
                   : g_steal_pointer(&last);
}

static char *stamp_of(gint64 seconds)
{
    g_autoptr(GDateTime) time = seconds ? g_date_time_new_from_unix_utc(seconds) : NULL;
    return time ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : NULL;
}

static void tell_proofs(Console *console, Mirror *mirror, const GPtrArray *headers)
{
    g_autoptr(ProofStates) states = proofs_read(mirror, headers);
    const LockHeader *oldest = NULL;
    gint64 since = 0;
    guint unproven = 0;
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        const ProofState *state = proof_states_get(states, header->folder, header->version);
        g_autofree char *label = version_label(header);
        g_autofree char *text = proof_text(header, state);
        g_autofree char *when = stamp_of(state->proven);
        console_answer(console, _("proven       %s: %s"), label, text);
        console_json(console, "proof",
                     json_pack("{s:s, s:s, s:s?, s:I}", "ref", header->ref, "version",
                               header->version, "when", when, "again",
                               (json_int_t)(state->upto ? state->bytes : 0)));
        unproven += state->proven == 0;
        if (state->proven && (!oldest || state->proven < since)) {
            since = state->proven;
            oldest = header;
        }
    }
    if (oldest) {
        g_autofree char *label = version_label(oldest);
        g_autofree char *age = verify_age_text(g_get_real_time() / G_USEC_PER_SEC - since);
        console_answer(console,
                       _("oldest proof %s ago, of %s; each run of medmirror verify --for "
                         "TIME goes on where the last one stopped"),
                       age, label);
    }
    if (unproven) {
        console_answer(console,
                       ngettext("no proof     %u version; read it with: medmirror verify",
                                "no proof     %u versions; read them with: medmirror verify",
                                unproven),
                       unproven);
    }
}

static gboolean tell_holds(Console *console, Mirror *mirror, GError **error)
{
    g_autoptr(GPtrArray) all = hold_list(mirror, NULL, NULL, error);
    for (guint i = 0; all && i < all->len; i++) {
        const Hold *hold = g_ptr_array_index(all, i);
        g_autofree char *what = hold_describe(hold);
        if (hold->is_over) {
            console_answer(console,
                           _("hold is over %s@%s: %s; it protects no more. End it with: medmirror "
                             "release %s@%s"),
                           hold->ref, hold->version, what, hold->ref, hold->version);
        } else {
            console_answer(console, _("held         %s@%s: %s"), hold->ref, hold->version, what);
        }
        console_json(console, "hold",
                     json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s?, s:b}", "ref", hold->ref,
                               "version", hold->version, "user", hold->user, "until", hold->until,
                               "note", hold->note, "since", hold->since, "over", hold->is_over));
    }
    return all != NULL;
}

static gboolean tell_status(Invocation *invocation, GError **error)
{
    Console *console = invocation->console;
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, error);
    if (!mirror) {
        return FALSE;
    }
    const RoomLimits limits = {.max_size = invocation->config->max_size,
                               .max_files = invocation->config->max_files,
                               .reserve = invocation->config->reserve};
    g_auto(Room) room = {0};
    console_answer(console, _("mirror       %s"), mirror_path(mirror));
    g_autoptr(GPtrArray) headers = mirror_list(mirror, error);
    if (!headers || !room_measure(mirror, &limits, &room, error) ||
        !status_tell_unfinished(console, mirror, &room, invocation->mirror_words, error) ||
        !tell_owners(console, mirror, error) || !tell_leftovers(console, mirror, error)) {
        return FALSE;
    }
    tell_space(invocation, mirror, headers, &room);
    tell_proofs(console, mirror, headers);
    return tell_holds(console, mirror, error);
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
    if (!invocation_open(invocation, &error) || !tell_status(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return 0;
}

const Verb verb_status = {
    .name = "status",
    .summary = N_("What goes on: unfinished pulls, running ones, space, proofs, holds"),
    .arguments = "",
    .help = N_("Unfinished pulls come first, each with why it stopped and the line that goes on "
               "with it; then who works in the mirror, what nobody goes on with, what takes how "
               "much space, how old the last proof of each version is, and who holds what. Takes "
               "no lock and waits for nobody.\n\n"
               "Examples:\n"
               "  medmirror status\n"
               "  medmirror --mirror /data/mirror status --json"),
    .run = run,
};
