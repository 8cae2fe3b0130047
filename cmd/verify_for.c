#include "verify_for.h"

#include "error.h"
#include "i18n.h"
#include "progress.h"
#include "proofs.h"
#include "size_text.h"
#include "version_choice.h"

#include <string.h>

#define DAY (24 * 3600)

typedef struct {
    const LockHeader *header;
    const ProofState *state;
    gint64 read; /* UTC seconds; 0: never, or in a future that a wrong clock told of */
} Turn;

char *verify_age_text(gint64 seconds)
{
    guint64 age = (guint64)MAX(seconds, 0);
    if (age >= 2 * DAY) {
        return g_strdup_printf(_("%" G_GUINT64_FORMAT " days"), age / DAY);
    }
    return duration_text(age);
}

/* Longest unread first; of those of one age, what was begun goes on. */
static gint compare_turns(gconstpointer a, gconstpointer b)
{
    const Turn *first = a, *second = b;
    if (first->read != second->read) {
        return first->read < second->read ? -1 : 1;
    }
    if (!first->state->upto != !second->state->upto) {
        return first->state->upto ? -1 : 1;
    }
    int order = strcmp(first->header->folder, second->header->folder);
    return order ? order : strcmp(first->header->version, second->header->version);
}

static GArray *make_turns(const GPtrArray *headers, const ProofStates *states)
{
    GArray *turns = g_array_new(FALSE, FALSE, sizeof(Turn));
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        const ProofState *state = proof_states_get(states, header->folder, header->version);
        const Turn turn = {header, state, state->read > now ? 0 : state->read};
        g_array_append_val(turns, turn);
    }
    g_array_sort(turns, compare_turns);
    return turns;
}

typedef struct {
    guint64 bytes; /* of all versions */
    guint versions, unproven;
    gint64 oldest; /* UTC seconds; 0: none */
    const LockHeader *of;
} Standing;

static Standing look_at_proofs(Mirror *mirror, const GPtrArray *headers)
{
    Standing standing = {.versions = headers->len};
    g_autoptr(ProofStates) states = proofs_read(mirror, headers);
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        const ProofState *state = proof_states_get(states, header->folder, header->version);
        standing.bytes += header->held_bytes;
        if (!state->proven) {
            standing.unproven++;
        } else if (!standing.of || state->proven < standing.oldest) {
            standing.oldest = state->proven;
            standing.of = header;
        }
    }
    return standing;
}

static char *oldest_text(const Standing *standing)
{
    g_autofree char *label = standing->of ? version_label(standing->of) : NULL;
    g_autofree char *age = verify_age_text(g_get_real_time() / G_USEC_PER_SEC - standing->oldest);
    if (standing->unproven) {
        return g_strdup_printf(ngettext("%u of %u version has no proof yet",
                                        "%u of %u versions have no proof yet", standing->versions),
                               standing->unproven, standing->versions);
    }
    return g_strdup_printf(_("every byte within %s (the oldest proof is that of %s)"), age,
                           label ? label : "-");
}

static void tell_standing(Job *job, Mirror *mirror, const GPtrArray *headers,
                          const VerifyPace *pace)
{
    const Standing standing = look_at_proofs(mirror, headers);
    g_autofree char *read = size_text(pace->bytes);
    g_autofree char *all = size_text(standing.bytes);
    g_autofree char *oldest = oldest_text(&standing);
    guint64 seconds = (guint64)((g_get_monotonic_time() - pace->begun) / G_USEC_PER_SEC);
    g_autofree char *time = duration_text(seconds);
    g_autoptr(GDateTime) when = standing.of ? g_date_time_new_from_unix_utc(standing.oldest) : NULL;
    g_autofree char *stamp = when ? g_date_time_format(when, "%Y-%m-%dT%H:%M:%SZ") : NULL;
    job_tell(job, JOB_EVENT_STEP, "proofs",
             json_pack("{s:I, s:I, s:I, s:i, s:i, s:s?}", "read", (json_int_t)pace->bytes, "bytes",
                       (json_int_t)standing.bytes, "seconds", (json_int_t)seconds, "versions",
                       (int)standing.versions, "unproven", (int)standing.unproven, "oldest", stamp),
             _("%s of %s read in %s; %s"), read, all, time, oldest);
}

int verify_for(Job *job, Mirror *mirror, const GPtrArray *headers, const VerifyForSpec *spec)
{
    g_autoptr(ProofStates) states = proofs_read(mirror, headers);
    g_autoptr(GArray) turns = make_turns(headers, states);
    VerifyPace pace = {.begun = g_get_monotonic_time()};
    pace.deadline = pace.begun + (gint64)spec->seconds * G_USEC_PER_SEC;
    int status = 0;
    for (guint i = 0; i < turns->len && !job_is_cancelled(job) &&
                      verify_pace_allows(&pace, 0, g_get_monotonic_time());
         i++) {
        const Turn *turn = &g_array_index(turns, Turn, i);
        VerifyRequest request = spec->request;
        request.pace = &pace;
        /* A version that has grown since is read anew. */
        if (turn->state->upto &&
            g_strcmp0(turn->state->fingerprint, turn->header->fingerprint) == 0) {
            request.after = turn->state->upto;
            request.begun = turn->state->begun;
        }
        int now = spec->verify(job, mirror, turn->header, &request, spec->data);
        status = i == 0 ? now : exit_status_worst(status, now);
    }
    tell_standing(job, mirror, headers, &pace);
    return status;
}
