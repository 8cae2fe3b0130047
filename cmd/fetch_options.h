/*
 * The options on how to fetch, for the commands that bring data.
 */
#pragma once

#include "invocation.h"
#include "requirement.h"

typedef struct {
    int jobs, retries; /* FETCH_OPTIONS_INIT: not given */
    char *limit_rate, *require;
    gboolean no_wait, dry_run;
    Requirement requirement; /* of `require` */
} FetchOptions;
#define FETCH_OPTIONS_INIT                                                                         \
    {                                                                                              \
        .jobs = -1, .retries = -1                                                                  \
    }

/* Rows for an option table. */
#define FETCH_ENTRIES(options)                                                                     \
    {                                                                                              \
        "jobs", 'j', 0, G_OPTION_ARG_INT, &(options).jobs, N_("At most N connections, 1 to 64"),   \
        "N"},                                                                                      \
        {"limit-rate",                                                                             \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_FILENAME,                                                                    \
         &(options).limit_rate,                                                                    \
         N_("At most RATE bytes a second in all, as in 500k or 10M"),                              \
         "RATE"},                                                                                  \
        {"retries",                                                                                \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_INT,                                                                         \
         &(options).retries,                                                                       \
         N_("How often a file is tried again without progress (7)"),                               \
         "N"},                                                                                     \
        {"require",                                                                                \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_FILENAME,                                                                    \
         &(options).require,                                                                       \
         N_("declared or locked: a file that nobody vouches for is a failure"),                    \
         "TRUST"},                                                                                 \
        {"no-wait",                                                                                \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_NONE,                                                                        \
         &(options).no_wait,                                                                       \
         N_("End with exit status 8 where another run works on it"),                               \
         NULL},                                                                                    \
    {                                                                                              \
        "dry-run", 'n', 0, G_OPTION_ARG_NONE, &(options).dry_run,                                  \
            N_("Say what would be done, and fetch nothing"), NULL                                  \
    }

/* Into the settings of INVOCATION, which is open; 0, or the exit status of what is wrong, which was
 * said. */
int fetch_options_take(FetchOptions *options, Invocation *invocation);
void fetch_options_clear(FetchOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FetchOptions, fetch_options_clear)
