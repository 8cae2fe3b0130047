/*
 * What comes after an attempt: every row of the engine's table, one by one; and a few longer
 * stories.
 */
#include "next_step.h"

#include <string.h>

static const StepLimits limits = {
    .retries = 8, .delay_min_ms = 1000, .delay_max_ms = 60000, .retry_after_max_ms = 600000};

#define HISTORY .addresses = 1, .resumable = TRUE, .host_answered = TRUE
#define TWO_ADDRESSES .addresses = 2, .resumable = TRUE, .host_answered = TRUE

typedef struct {
    const char *name;
    Outcome outcome;
    TransferHistory before;
    Step step; /* wanted, with a random number of 0.5 */
    guint without_progress, address;
} Row;

static const Row rows[] = {
    {"ok", {.kind = OUTCOME_OK}, {HISTORY}, {.kind = STEP_DONE}, 0, 0},
    {"cancelled", {.kind = OUTCOME_CANCELLED}, {HISTORY}, {.kind = STEP_GIVE_UP}, 0, 0},

    {"no connection, one address: the same later",
     {.kind = OUTCOME_NO_CONNECTION},
     {HISTORY},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 500, .host_points = 1},
     1,
     0},
    {"no connection: the next address at once",
     {.kind = OUTCOME_NO_CONNECTION},
     {TWO_ADDRESSES},
     {.kind = STEP_NEXT_ADDRESS, .host_points = 1},
     1,
     1},
    {"no connection at the last: the first again, later",
     {.kind = OUTCOME_NO_CONNECTION},
     {TWO_ADDRESSES, .address = 1, .without_progress = 2},
     {.kind = STEP_NEXT_ADDRESS, .delay_ms = 2000, .host_points = 1},
     3,
     0},
    {"no connection, attempts used up",
     {.kind = OUTCOME_NO_CONNECTION},
     {HISTORY, .without_progress = 7},
     {.kind = STEP_GIVE_UP, .host_points = 1},
     8,
     0},
    {"no connection, and nobody ever answered: three attempts",
     {.kind = OUTCOME_NO_CONNECTION},
     {.addresses = 1, .resumable = TRUE, .without_progress = 2},
     {.kind = STEP_GIVE_UP, .host_points = 1},
     3,
     0},

    {"certificate: the next address, the host is out",
     {.kind = OUTCOME_CERTIFICATE},
     {TWO_ADDRESSES},
     {.kind = STEP_NEXT_ADDRESS, .host_out = TRUE},
     0,
     1},
    {"certificate at the last address",
     {.kind = OUTCOME_CERTIFICATE},
     {TWO_ADDRESSES, .address = 1},
     {.kind = STEP_GIVE_UP, .host_out = TRUE},
     0,
     1},

    {"proxy", {.kind = OUTCOME_PROXY, .status = 407}, {HISTORY}, {.kind = STEP_STOP_RUN}, 0, 0},

    {"cut: the same address, resumed, later",
     {.kind = OUTCOME_CUT},
     {HISTORY},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 500, .halve_host = TRUE},
     1,
     0},
    {"cut after a MiB: that was progress",
     {.kind = OUTCOME_CUT, .received = 1024 * 1024},
     {HISTORY, .without_progress = 7},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 500, .halve_host = TRUE},
     1,
     0},
    {"cut short of a MiB: that was none",
     {.kind = OUTCOME_CUT, .received = 1024 * 1024 - 1},
     {HISTORY, .without_progress = 7},
     {.kind = STEP_GIVE_UP, .halve_host = TRUE},
     8,
     0},
    {"cut thrice here: the next address",
     {.kind = OUTCOME_CUT},
     {TWO_ADDRESSES, .without_progress = 2},
     {.kind = STEP_NEXT_ADDRESS, .delay_ms = 2000, .halve_host = TRUE},
     3,
     1},
    {"cut where nothing can be resumed: anew, whole",
     {.kind = OUTCOME_CUT, .received = 5000000},
     {.addresses = 1, .host_answered = TRUE},
     {.kind = STEP_ANEW, .delay_ms = 500, .drop_bytes = TRUE, .halve_host = TRUE},
     1,
     0},
    {"the third such cut",
     {.kind = OUTCOME_CUT, .received = 5000000},
     {.addresses = 1, .host_answered = TRUE, .cut_unresumable = 2},
     {.kind = STEP_GIVE_UP, .drop_bytes = TRUE, .halve_host = TRUE},
     1,
     0},
    {"the third such cut, with another address",
     {.kind = OUTCOME_CUT, .received = 5000000},
     {.addresses = 2, .host_answered = TRUE, .cut_unresumable = 2},
     {.kind = STEP_NEXT_ADDRESS, .delay_ms = 500, .drop_bytes = TRUE, .halve_host = TRUE},
     1,
     1},

    {"busy: back-off",
     {.kind = OUTCOME_BUSY, .status = 503, .retry_after_ms = -1},
     {HISTORY, .without_progress = 3},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 4000, .halve_host = TRUE},
     4,
     0},
    {"busy, the back-off has an end",
     {.kind = OUTCOME_BUSY, .status = 503, .retry_after_ms = -1},
     {HISTORY, .without_progress = 6},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 30000, .halve_host = TRUE},
     7,
     0},
    {"busy with Retry-After",
     {.kind = OUTCOME_BUSY, .status = 429, .retry_after_ms = 7000},
     {HISTORY},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 7000, .halve_host = TRUE},
     1,
     0},
    {"busy for longer than we wait",
     {.kind = OUTCOME_BUSY, .status = 429, .retry_after_ms = 600001},
     {HISTORY},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 600001, .halve_host = TRUE, .park_host = TRUE},
     0,
     0},
    {"busy for longer than we wait, with another address",
     {.kind = OUTCOME_BUSY, .status = 429, .retry_after_ms = 600001},
     {TWO_ADDRESSES},
     {.kind = STEP_NEXT_ADDRESS, .halve_host = TRUE, .park_host = TRUE},
     0,
     1},
    {"busy to the end",
     {.kind = OUTCOME_BUSY, .retry_after_ms = -1},
     {HISTORY, .without_progress = 7},
     {.kind = STEP_GIVE_UP, .halve_host = TRUE},
     8,
     0},

    {"refused: refresh and one more try",
     {.kind = OUTCOME_REFUSED, .status = 403},
     {HISTORY, .can_refresh = TRUE},
     {.kind = STEP_REFRESH},
     0,
     0},
    {"refused again",
     {.kind = OUTCOME_REFUSED, .status = 403},
     {HISTORY, .can_refresh = TRUE, .refreshes = 1},
     {.kind = STEP_GIVE_UP},
     0,
     0},
    {"refused, and nothing can be refreshed",
     {.kind = OUTCOME_REFUSED},
     {HISTORY},
     {.kind = STEP_GIVE_UP},
     0,
     0},
    {"refused without the login that its source has",
     {.kind = OUTCOME_REFUSED, .status = 403},
     {HISTORY, .can_log_in = TRUE, .can_refresh = TRUE},
     {.kind = STEP_WITH_LOGIN},
     0,
     0},
    {"refused with it too",
     {.kind = OUTCOME_REFUSED, .status = 403},
     {HISTORY},
     {.kind = STEP_GIVE_UP},
     0,
     0},
    {"a token refused on what needs none",
     {.kind = OUTCOME_TOKEN_REFUSED, .status = 401},
     {HISTORY, .can_refresh = TRUE},
     {.kind = STEP_WITHOUT_TOKEN},
     0,
     0},
    {"refused without the token too",
     {.kind = OUTCOME_TOKEN_REFUSED, .status = 401},
     {HISTORY, .token_dropped = TRUE},
     {.kind = STEP_GIVE_UP},
     0,
     0},
    {"somebody else's refusal",
     {.kind = OUTCOME_FOREIGN_REFUSAL, .status = 451},
     {TWO_ADDRESSES},
     {.kind = STEP_GIVE_UP},
     0,
     0},

    {"expired: refresh, no attempt is counted",
     {.kind = OUTCOME_EXPIRED, .status = 403},
     {HISTORY, .can_refresh = TRUE},
     {.kind = STEP_REFRESH},
     0,
     0},
    {"expired twice without a byte between: an attempt",
     {.kind = OUTCOME_EXPIRED},
     {HISTORY, .can_refresh = TRUE, .expired = 1},
     {.kind = STEP_REFRESH, .delay_ms = 500},
     1,
     0},
    {"expired twice with bytes between: none",
     {.kind = OUTCOME_EXPIRED, .received = 10},
     {HISTORY, .can_refresh = TRUE, .expired = 1},
     {.kind = STEP_REFRESH},
     0,
     0},
    {"expired where it can be signed anew: the same address, no attempt is counted",
     {.kind = OUTCOME_EXPIRED, .status = 400},
     {HISTORY, .can_sign = TRUE, .can_refresh = TRUE},
     {.kind = STEP_SAME_ADDRESS},
     0,
     0},
    {"expired at once where it was signed anew: an attempt, and new addresses",
     {.kind = OUTCOME_EXPIRED, .status = 400},
     {HISTORY, .can_sign = TRUE, .can_refresh = TRUE, .expired = 1},
     {.kind = STEP_REFRESH, .delay_ms = 500},
     1,
     0},
    {"expired at once where it can only be signed: an attempt",
     {.kind = OUTCOME_EXPIRED, .status = 400},
     {HISTORY, .can_sign = TRUE, .expired = 1},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 500},
     1,
     0},
    {"expired for ever",
     {.kind = OUTCOME_EXPIRED, .status = 400},
     {HISTORY, .can_sign = TRUE, .expired = 7, .without_progress = 7},
     {.kind = STEP_GIVE_UP},
     8,
     0},
    {"refused where it can be signed anew: once more",
     {.kind = OUTCOME_REFUSED, .status = 403},
     {HISTORY, .can_sign = TRUE},
     {.kind = STEP_SAME_ADDRESS},
     0,
     0},
    {"refused where it was signed anew",
     {.kind = OUTCOME_REFUSED, .status = 403},
     {HISTORY, .can_sign = TRUE, .refreshes = 1},
     {.kind = STEP_GIVE_UP},
     0,
     0},
    {"expired, and nothing can be refreshed",
     {.kind = OUTCOME_EXPIRED},
     {HISTORY},
     {.kind = STEP_GIVE_UP},
     0,
     0},

    {"absent: the next address",
     {.kind = OUTCOME_ABSENT, .status = 404},
     {TWO_ADDRESSES},
     {.kind = STEP_NEXT_ADDRESS},
     0,
     1},
    {"absent from all: refresh",
     {.kind = OUTCOME_ABSENT, .status = 404},
     {TWO_ADDRESSES, .address = 1, .can_refresh = TRUE},
     {.kind = STEP_REFRESH},
     0,
     1},
    {"absent after all",
     {.kind = OUTCOME_ABSENT, .status = 410},
     {TWO_ADDRESSES, .address = 1, .can_refresh = TRUE, .refreshes = 1},
     {.kind = STEP_ABSENT},
     0,
     1},
    {"absent at the last, but another address never said so: that one again, later",
     {.kind = OUTCOME_ABSENT, .status = 404},
     {TWO_ADDRESSES, .address = 1, .any_address_not_absent = TRUE},
     {.kind = STEP_NEXT_ADDRESS, .delay_ms = 500},
     1,
     0},

    {"not ready",
     {.kind = OUTCOME_NOT_READY, .status = 202, .retry_after_ms = 3000},
     {HISTORY},
     {.kind = STEP_SAME_ADDRESS, .delay_ms = 3000, .drop_bytes = TRUE},
     1,
     0},
    {"no data: once more",
     {.kind = OUTCOME_NOT_DATA, .status = 200},
     {HISTORY},
     {.kind = STEP_ANEW, .delay_ms = 500, .drop_bytes = TRUE},
     1,
     0},
    {"no data again: the next address",
     {.kind = OUTCOME_NOT_DATA, .status = 200},
     {TWO_ADDRESSES, .not_data = 1},
     {.kind = STEP_NEXT_ADDRESS, .drop_bytes = TRUE},
     1,
     1},
    {"no data again",
     {.kind = OUTCOME_NOT_DATA, .status = 200},
     {HISTORY, .not_data = 1},
     {.kind = STEP_GIVE_UP, .drop_bytes = TRUE},
     1,
     0},

    {"416, all is held",
     {.kind = OUTCOME_RANGE_UNSATISFIED, .status = 416},
     {HISTORY, .held_equal_total = TRUE},
     {.kind = STEP_CHECK_HELD},
     0,
     0},
    {"416 otherwise: anew",
     {.kind = OUTCOME_RANGE_UNSATISFIED, .status = 416},
     {HISTORY},
     {.kind = STEP_ANEW, .drop_bytes = TRUE},
     0,
     0},
    {"changed: anew at once",
     {.kind = OUTCOME_CHANGED},
     {HISTORY},
     {.kind = STEP_ANEW, .drop_bytes = TRUE},
     0,
     0},
    {"changed again: later",
     {.kind = OUTCOME_CHANGED},
     {HISTORY, .changed = 1},
     {.kind = STEP_ANEW, .delay_ms = 500, .drop_bytes = TRUE},
     0,
     0},
    {"changed for ever",
     {.kind = OUTCOME_CHANGED},
     {HISTORY, .changed = 3},
     {.kind = STEP_GIVE_UP, .drop_bytes = TRUE},
     0,
     0},

    {"an archive without its end: as a wrong digest",
     {.kind = OUTCOME_TRUNCATED_ARCHIVE},
     {HISTORY},
     {.kind = STEP_ANEW, .drop_bytes = TRUE, .keep_evidence = TRUE, .host_points = 1},
     0,
     0},
    {"wrong after a resume: anew from the same address, no evidence, no points",
     {.kind = OUTCOME_WRONG_BYTES, .after_resume = TRUE},
     {TWO_ADDRESSES},
     {.kind = STEP_ANEW, .drop_bytes = TRUE},
     0,
     0},
    {"wrong after a second resume: as fresh",
     {.kind = OUTCOME_WRONG_BYTES, .after_resume = TRUE},
     {TWO_ADDRESSES, .wrong_after_resume = 1},
     {.kind = STEP_ANEW, .drop_bytes = TRUE, .keep_evidence = TRUE, .host_points = 1},
     0,
     0},
    {"wrong, fresh: once more from the same address",
     {.kind = OUTCOME_WRONG_BYTES},
     {TWO_ADDRESSES},
     {.kind = STEP_ANEW, .drop_bytes = TRUE, .keep_evidence = TRUE, .host_points = 1},
     0,
     0},
    {"wrong twice: the next address",
     {.kind = OUTCOME_WRONG_BYTES},
     {TWO_ADDRESSES, .wrong_here = 1},
     {.kind = STEP_NEXT_ADDRESS, .drop_bytes = TRUE, .keep_evidence = TRUE, .host_points = 1},
     0,
     1},
    {"wrong twice from the last",
     {.kind = OUTCOME_WRONG_BYTES},
     {TWO_ADDRESSES, .address = 1, .wrong_here = 1},
     {.kind = STEP_GIVE_UP, .drop_bytes = TRUE, .keep_evidence = TRUE, .host_points = 1},
     0,
     1},
    {"a hint disagrees: once more",
     {.kind = OUTCOME_HINT_DISAGREES},
     {HISTORY},
     {.kind = STEP_ANEW, .drop_bytes = TRUE},
     0,
     0},
    {"another 4xx: the next address",
     {.kind = OUTCOME_OTHER_STATUS, .status = 418},
     {TWO_ADDRESSES},
     {.kind = STEP_NEXT_ADDRESS},
     0,
     1},
    {"another 4xx from the last",
     {.kind = OUTCOME_OTHER_STATUS, .status = 418},
     {HISTORY},
     {.kind = STEP_GIVE_UP},
     0,
     0},
    {"a redirect that is refused",
     {.kind = OUTCOME_REDIRECT_REFUSED},
     {HISTORY},
     {.kind = STEP_GIVE_UP},
     0,
     0},
    {"storage", {.kind = OUTCOME_STORAGE}, {HISTORY}, {.kind = STEP_STOP_RUN}, 0, 0},
    {"unsafe", {.kind = OUTCOME_UNSAFE}, {HISTORY}, {.kind = STEP_GIVE_UP}, 0, 0},
};

static void test_row(gconstpointer data)
{
    const Row *row = data;
    TransferHistory history = row->before;
    const Step step = next_step(&row->outcome, &history, &limits, 0.5);

    g_assert_cmpint(step.kind, ==, row->step.kind);
    g_assert_cmpuint(step.delay_ms, ==, row->step.delay_ms);
    g_assert_cmpint(step.drop_bytes, ==, row->step.drop_bytes);
    g_assert_cmpint(step.keep_evidence, ==, row->step.keep_evidence);
    g_assert_cmpint(step.halve_host, ==, row->step.halve_host);
    g_assert_cmpuint(step.host_points, ==, row->step.host_points);
    g_assert_cmpint(step.host_out, ==, row->step.host_out);
    g_assert_cmpint(step.park_host, ==, row->step.park_host);
    g_assert_cmpuint(history.without_progress, ==, row->without_progress);
    g_assert_cmpuint(history.address, ==, row->address);
}

/* Every kind of outcome has a row. */
static void test_every_kind(void)
{
    for (int kind = OUTCOME_OK; kind <= OUTCOME_UNSAFE; kind++) {
        gboolean found = FALSE;
        for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
            found = found || rows[i].outcome.kind == (OutcomeKind)kind;
        if (!found)
            g_error("no row for %s", outcome_kind_name((OutcomeKind)kind));
    }
}

/* Whatever comes again and again, it ends. */
static void test_everything_ends(void)
{
    for (int kind = OUTCOME_CANCELLED; kind <= OUTCOME_UNSAFE; kind++) {
        for (guint flags = 0; flags < 8; flags++) {
            TransferHistory history = {.addresses = 3,
                                       .resumable = (flags & 1) != 0,
                                       .can_refresh = (flags & 2) != 0,
                                       .host_answered = (flags & 4) != 0};
            Outcome outcome = {.kind = (OutcomeKind)kind, .retry_after_ms = -1};
            Step step = {.kind = STEP_SAME_ADDRESS};
            guint steps = 0;
            while (step.kind != STEP_GIVE_UP && step.kind != STEP_STOP_RUN &&
                   step.kind != STEP_ABSENT && steps++ < 100)
                step = next_step(&outcome, &history, &limits, 1.0);
            g_assert_cmpuint(steps, <=, 24);
        }
    }
}

/* Of all addresses one was down at first, and is asked again before "absent" is believed. */
static void test_absence_needs_every_address(void)
{
    TransferHistory history = {TWO_ADDRESSES};
    const Outcome down = {.kind = OUTCOME_NO_CONNECTION};
    const Outcome absent = {.kind = OUTCOME_ABSENT};

    g_assert_cmpint(next_step(&down, &history, &limits, 0.5).kind, ==, STEP_NEXT_ADDRESS);
    g_assert_cmpint(next_step(&absent, &history, &limits, 0.5).kind, ==, STEP_NEXT_ADDRESS);
    g_assert_cmpuint(history.address, ==, 0);
    g_assert_cmpint(next_step(&absent, &history, &limits, 0.5).kind, ==, STEP_NEXT_ADDRESS);
    g_assert_cmpint(next_step(&absent, &history, &limits, 0.5).kind, ==, STEP_ABSENT);
}

/* A proxy, storage, and a login that is refused concern all files; a refusal alone, one. */
static void test_stops(void)
{
    static const struct {
        Outcome outcome;
        gboolean stops;
    } cases[] = {
        {{.kind = OUTCOME_STORAGE}, TRUE},
        {{.kind = OUTCOME_PROXY}, TRUE},
        {{.kind = OUTCOME_REFUSED, .login_is_refused = TRUE}, TRUE},
        {{.kind = OUTCOME_REFUSED}, FALSE},
        {{.kind = OUTCOME_REFUSED, .is_explained = TRUE}, FALSE},
        {{.kind = OUTCOME_ABSENT}, FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(outcome_stops_run(&cases[i].outcome), ==, cases[i].stops);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *name = g_strdup_printf("/next-step/%s", rows[i].name);
        g_test_add_data_func(name, &rows[i], test_row);
    }
    g_test_add_func("/next-step-every-kind", test_every_kind);
    g_test_add_func("/next-step-everything-ends", test_everything_ends);
    g_test_add_func("/next-step-absence", test_absence_needs_every_address);
    g_test_add_func("/next_step/what stops a run", test_stops);
    return g_test_run();
}
