#include "outcome.h"

#include "i18n.h"

static const char *const kind_names[] = {
    [OUTCOME_OK] = "ok",
    [OUTCOME_CANCELLED] = "cancelled",
    [OUTCOME_NO_CONNECTION] = "no-connection",
    [OUTCOME_CERTIFICATE] = "certificate",
    [OUTCOME_PROXY] = "proxy",
    [OUTCOME_CUT] = "cut",
    [OUTCOME_BUSY] = "busy",
    [OUTCOME_REFUSED] = "refused",
    [OUTCOME_TOKEN_REFUSED] = "token-refused",
    [OUTCOME_FOREIGN_REFUSAL] = "foreign-refusal",
    [OUTCOME_EXPIRED] = "expired",
    [OUTCOME_ABSENT] = "absent",
    [OUTCOME_NOT_READY] = "not-ready",
    [OUTCOME_NOT_DATA] = "not-data",
    [OUTCOME_RANGE_UNSATISFIED] = "range-unsatisfied",
    [OUTCOME_CHANGED] = "changed",
    [OUTCOME_TRUNCATED_ARCHIVE] = "truncated-archive",
    [OUTCOME_WRONG_BYTES] = "wrong-bytes",
    [OUTCOME_HINT_DISAGREES] = "hint-disagrees",
    [OUTCOME_OTHER_STATUS] = "other-status",
    [OUTCOME_REDIRECT_REFUSED] = "redirect-refused",
    [OUTCOME_STORAGE] = "storage",
    [OUTCOME_UNSAFE] = "unsafe",
    [OUTCOME_NO_FETCHER] = "no-fetcher",
};

const char *outcome_kind_name(OutcomeKind kind)
{
    return kind_names[kind];
}

void outcome_clear(Outcome *outcome)
{
    g_free(outcome->address);
    g_free(outcome->detail);
    g_free(outcome->title);
    *outcome = (Outcome){0};
}

void outcome_copy(Outcome *to, const Outcome *from)
{
    if (to == from)
        return;
    outcome_clear(to);
    *to = *from;
    to->address = g_strdup(from->address);
    to->detail = g_strdup(from->detail);
    to->title = g_strdup(from->title);
}

void outcome_set_storage(Outcome *outcome, int errno_value, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    g_autofree char *clause = g_strdup_vprintf(what, args);
    va_end(args);
    outcome_clear(outcome);
    outcome->kind = OUTCOME_STORAGE;
    outcome->error_number = errno_value;
    outcome->retry_after_ms = -1;
    /* TRANSLATORS: a clause such as "cannot write FILE", and the system's reason. */
    outcome->detail = g_strdup_printf(_("%s: %s"), clause, g_strerror(errno_value));
}
