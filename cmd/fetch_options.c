#include "fetch_options.h"

#include "i18n.h"

#include <string.h>

static gboolean take_require(FetchOptions *options)
{
    if (!options->require) {
        return TRUE;
    }
    if (strcmp(options->require, "declared") == 0) {
        options->requirement = REQUIRE_DECLARED;
    } else if (strcmp(options->require, "locked") == 0) {
        options->requirement = REQUIRE_LOCKED;
    } else {
        return FALSE;
    }
    return TRUE;
}

int fetch_options_take(FetchOptions *options, Invocation *invocation)
{
    EngineConfig *engine = &invocation->settings.engine_config;
    if (options->jobs != -1 && (options->jobs < 1 || options->jobs > 64)) {
        return invocation_usage(invocation, _("--jobs takes a number from 1 to 64."));
    }
    if (options->retries < -1 || options->retries > 10000) {
        return invocation_usage(invocation, _("--retries takes a number from 0 to 10000."));
    }
    if (options->limit_rate &&
        (!bytes_parse(options->limit_rate, &engine->limit_rate) || !engine->limit_rate)) {
        return invocation_usage(invocation,
                                _("--limit-rate takes bytes a second, as in 500k or 10M."));
    }
    if (!take_require(options)) {
        return invocation_usage(invocation, _("--require takes declared or locked."));
    }
    if (options->jobs > 0) {
        engine->connections_per_host = (guint)options->jobs;
        engine->connections_total = (guint)options->jobs;
        engine->small_files_per_host = (guint)options->jobs;
    }
    if (options->retries >= 0) {
        engine->retries = (guint)options->retries + 1;
    }
    return 0;
}

void fetch_options_clear(FetchOptions *options)
{
    g_free(options->limit_rate);
    g_free(options->require);
}
