#include "next_step.h"

#define PROGRESS_BYTES (1024 * 1024)
/* Failures in a row at one address before the next is asked, where there is one. */
#define FAILURES_BEFORE_NEXT 3
#define ATTEMPTS_BEFORE_ANY_ANSWER 3
#define MOST_UNRESUMABLE_CUTS 3
#define MOST_CHANGES 4

gboolean outcome_stops_run(const Outcome *outcome)
{
    return outcome->kind == OUTCOME_STORAGE || outcome->kind == OUTCOME_PROXY ||
           (outcome->kind == OUTCOME_REFUSED && outcome->login_is_refused);
}

static Step step_of(StepKind kind)
{
    return (Step){.kind = kind};
}

/* Exponential back-off with full jitter. */
static guint64 delay_before(const TransferHistory *history, const StepLimits *limits, double random)
{
    guint doublings = MIN(history->without_progress > 0 ? history->without_progress - 1 : 0, 32);
    guint64 ceiling = limits->delay_min_ms << doublings;

    if (ceiling > limits->delay_max_ms || ceiling >> doublings != limits->delay_min_ms)
        ceiling = limits->delay_max_ms;
    return (guint64)((double)ceiling * CLAMP(random, 0.0, 1.0));
}

static gboolean has_next_address(const TransferHistory *history)
{
    return history->address + 1 < history->addresses;
}

/* The one behind, and after the last the first again. What the one that is left said is remembered
 * for the judgement "absent everywhere". */
static Step step_to_next_address(TransferHistory *history, gboolean was_absent)
{
    history->address = has_next_address(history) ? history->address + 1 : 0;
    history->any_address_not_absent =
        (history->address == 0 ? FALSE : history->any_address_not_absent) || !was_absent;
    history->wrong_here = 0;
    return step_of(STEP_NEXT_ADDRESS);
}

static gboolean attempts_are_used_up(const TransferHistory *history, const StepLimits *limits)
{
    return history->without_progress >= limits->retries ||
           (!history->host_answered && history->without_progress >= ATTEMPTS_BEFORE_ANY_ANSWER);
}

static Step after_no_connection(TransferHistory *history, const StepLimits *limits, double random)
{
    Step step;

    history->without_progress++;
    if (attempts_are_used_up(history, limits)) {
        step = step_of(STEP_GIVE_UP);
    } else if (history->addresses > 1) {
        gboolean at_once = has_next_address(history);
        step = step_to_next_address(history, FALSE);
        step.delay_ms = at_once ? 0 : delay_before(history, limits, random);
    } else {
        step = step_of(STEP_SAME_ADDRESS);
        step.delay_ms = delay_before(history, limits, random);
    }
    step.host_points = 1;
    return step;
}

/* The same address later; after some failures in a row the next one. */
static Step try_later(TransferHistory *history, const StepLimits *limits, double random)
{
    Step step;

    history->without_progress++;
    if (attempts_are_used_up(history, limits))
        return step_of(STEP_GIVE_UP);
    if (history->addresses > 1 && history->without_progress % FAILURES_BEFORE_NEXT == 0)
        step = step_to_next_address(history, FALSE);
    else
        step = step_of(STEP_SAME_ADDRESS);
    step.delay_ms = delay_before(history, limits, random);
    return step;
}

static Step after_cut(TransferHistory *history, const StepLimits *limits, double random)
{
    Step step;

    if (!history->resumable) {
        history->cut_unresumable++;
        history->without_progress++;
        if (attempts_are_used_up(history, limits)) {
            step = step_of(STEP_GIVE_UP);
        } else if (history->cut_unresumable < MOST_UNRESUMABLE_CUTS) {
            step = step_of(STEP_ANEW);
        } else if (has_next_address(history)) {
            step = step_to_next_address(history, FALSE);
            history->cut_unresumable = 0;
        } else {
            step = step_of(STEP_GIVE_UP);
        }
        step.delay_ms = step.kind == STEP_GIVE_UP ? 0 : delay_before(history, limits, random);
        step.drop_bytes = TRUE;
    } else {
        step = try_later(history, limits, random);
    }
    step.halve_host = TRUE;
    return step;
}

static Step after_busy(const Outcome *outcome, TransferHistory *history, const StepLimits *limits,
                       double random)
{
    gint64 asked = outcome->retry_after_ms;
    Step step;

    if (asked > 0 && (guint64)asked > limits->retry_after_max_ms) {
        step = has_next_address(history) ? step_to_next_address(history, FALSE)
                                         : step_of(STEP_SAME_ADDRESS);
        step.park_host = TRUE;
        step.delay_ms = step.kind == STEP_SAME_ADDRESS ? (guint64)asked : 0;
    } else {
        step = try_later(history, limits, random);
        if (asked > 0 && step.kind == STEP_SAME_ADDRESS)
            step.delay_ms = (guint64)asked;
    }
    step.halve_host = TRUE;
    return step;
}

static Step after_refusal(TransferHistory *history)
{
    if (history->can_log_in) {
        history->can_log_in = FALSE;
        return step_of(STEP_WITH_LOGIN);
    }
    if ((!history->can_refresh && !history->can_sign) || history->refreshes > 0)
        return step_of(STEP_GIVE_UP);
    history->refreshes++;
    return step_of(history->can_sign ? STEP_SAME_ADDRESS : STEP_REFRESH);
}

static Step after_expiry(TransferHistory *history, const StepLimits *limits, double random)
{
    history->expired++;
    if (!history->can_refresh && !history->can_sign)
        return has_next_address(history) ? step_to_next_address(history, FALSE)
                                         : step_of(STEP_GIVE_UP);
    if (history->expired >= 2)
        history->without_progress++;
    if (attempts_are_used_up(history, limits))
        return step_of(STEP_GIVE_UP);
    gboolean signs = history->can_sign && (history->expired < 2 || !history->can_refresh);
    Step step = step_of(signs ? STEP_SAME_ADDRESS : STEP_REFRESH);
    if (!signs)
        history->refreshes++;
    step.delay_ms = history->expired >= 2 ? delay_before(history, limits, random) : 0;
    return step;
}

static Step after_absence(TransferHistory *history, const StepLimits *limits, double random)
{
    if (has_next_address(history))
        return step_to_next_address(history, TRUE);
    if (history->any_address_not_absent && history->addresses > 1) {
        history->without_progress++;
        if (attempts_are_used_up(history, limits))
            return step_of(STEP_GIVE_UP);
        Step step = step_to_next_address(history, TRUE);
        step.delay_ms = delay_before(history, limits, random);
        return step;
    }
    if (history->can_refresh && history->refreshes == 0) {
        history->refreshes++;
        return step_of(STEP_REFRESH);
    }
    return step_of(STEP_ABSENT);
}

static Step after_no_data(TransferHistory *history, const StepLimits *limits, double random)
{
    Step step;

    history->not_data++;
    history->without_progress++;
    if (attempts_are_used_up(history, limits)) {
        step = step_of(STEP_GIVE_UP);
    } else if (history->not_data == 1) {
        step = step_of(STEP_ANEW);
        step.delay_ms = delay_before(history, limits, random);
    } else {
        step = has_next_address(history) ? step_to_next_address(history, FALSE)
                                         : step_of(STEP_GIVE_UP);
    }
    step.drop_bytes = TRUE;
    return step;
}

static Step after_change(TransferHistory *history, const StepLimits *limits, double random)
{
    Step step;

    history->changed++;
    if (history->changed < MOST_CHANGES) {
        step = step_of(STEP_ANEW);
        step.delay_ms = history->changed > 1 ? delay_before(history, limits, random) : 0;
    } else if (has_next_address(history)) {
        step = step_to_next_address(history, FALSE);
        history->changed = 0;
    } else {
        step = step_of(STEP_GIVE_UP);
    }
    step.drop_bytes = TRUE;
    return step;
}

static Step after_wrong_bytes(const Outcome *outcome, TransferHistory *history,
                              const StepLimits *limits, double random)
{
    Step step;

    if (outcome->after_resume && history->wrong_after_resume == 0) {
        history->wrong_after_resume++;
        step = step_of(STEP_ANEW);
        step.drop_bytes = TRUE;
        return step;
    }
    history->wrong_here++;
    if (history->wrong_here == 1) {
        step = step_of(STEP_ANEW);
        step.delay_ms = limits->waits_when_wrong ? delay_before(history, limits, random) : 0;
    } else
        step = has_next_address(history) ? step_to_next_address(history, FALSE)
                                         : step_of(STEP_GIVE_UP);
    step.drop_bytes = TRUE;
    step.keep_evidence = TRUE;
    step.host_points = 1;
    return step;
}

/* The second, equal copy is judged as first use by the verdict; a third would say nothing new. */
static Step after_hint(TransferHistory *history)
{
    Step step = step_of(history->wrong_here++ < 2 ? STEP_ANEW : STEP_GIVE_UP);
    step.drop_bytes = TRUE;
    return step;
}

static Step next_or_give_up(TransferHistory *history)
{
    return has_next_address(history) ? step_to_next_address(history, FALSE) : step_of(STEP_GIVE_UP);
}

static Step after_bad_certificate(TransferHistory *history)
{
    Step step = next_or_give_up(history);
    step.host_out = TRUE;
    return step;
}

static Step after_unsatisfied_range(TransferHistory *history, const StepLimits *limits,
                                    double random)
{
    if (history->held_equal_total)
        return step_of(STEP_CHECK_HELD);
    return after_change(history, limits, random);
}

static Step after_refused_token(TransferHistory *history)
{
    if (history->token_dropped)
        return after_refusal(history);
    history->token_dropped = TRUE;
    return step_of(STEP_WITHOUT_TOKEN);
}

Step next_step(const Outcome *outcome, TransferHistory *history, const StepLimits *limits,
               double random)
{
    if (outcome->received > 0)
        history->expired = 0;
    if (outcome->received >= PROGRESS_BYTES)
        history->without_progress = 0;
    switch (outcome->kind) {
    case OUTCOME_OK:
        return step_of(STEP_DONE);
    case OUTCOME_NO_CONNECTION:
        return after_no_connection(history, limits, random);
    case OUTCOME_CERTIFICATE:
        return after_bad_certificate(history);
    case OUTCOME_CUT:
        return after_cut(history, limits, random);
    case OUTCOME_BUSY:
        return after_busy(outcome, history, limits, random);
    case OUTCOME_REFUSED:
        return after_refusal(history);
    case OUTCOME_TOKEN_REFUSED:
        return after_refused_token(history);
    case OUTCOME_EXPIRED:
        return after_expiry(history, limits, random);
    case OUTCOME_ABSENT:
        return after_absence(history, limits, random);
    case OUTCOME_NOT_READY: {
        Step step = after_busy(outcome, history, limits, random);
        step.halve_host = FALSE;
        step.drop_bytes = TRUE;
        return step;
    }
    case OUTCOME_NOT_DATA:
        return after_no_data(history, limits, random);
    case OUTCOME_RANGE_UNSATISFIED:
        return after_unsatisfied_range(history, limits, random);
    case OUTCOME_CHANGED:
        return after_change(history, limits, random);
    case OUTCOME_TRUNCATED_ARCHIVE:
    case OUTCOME_WRONG_BYTES:
        return after_wrong_bytes(outcome, history, limits, random);
    case OUTCOME_HINT_DISAGREES:
        return after_hint(history);
    case OUTCOME_OTHER_STATUS:
    case OUTCOME_REDIRECT_REFUSED:
        return next_or_give_up(history);
    case OUTCOME_PROXY:
    case OUTCOME_STORAGE:
        return step_of(STEP_STOP_RUN);
    case OUTCOME_CANCELLED:
    case OUTCOME_FOREIGN_REFUSAL:
    case OUTCOME_UNSAFE:
    case OUTCOME_NO_FETCHER:
        return step_of(STEP_GIVE_UP);
    }
    return step_of(STEP_GIVE_UP);
}
