/*
 * One call of the program: its global options, its configuration, and how a verb runs a job under
 * them.
 */
#pragma once

#include "catalogue_finder.h"
#include "console.h"
#include "job.h"

typedef struct Verb Verb;

typedef struct {
    const Verb *verb;
    int argc;
    char **argv; /* without the verb; owned */
    char *mirror;
    char **endpoints;
    char *color, *proxy, *cacert, *lang;
    gboolean json, quiet, verbose, offline;
    char **arguments; /* what is no option, after invocation_parse() */
    Config *config;
    TrustSettings *trust;
    Endpoints *endpoint_table;
    Credentials *credentials;
    Catalogue *catalogue;
    CatalogueFinder *finder;
    char *mirror_path;
    char *mirror_words; /* as of the settings; owned */
    Console *console;
    JobSettings settings;
} Invocation;

struct Verb {
    const char *name;
    const char *summary;   /* a line, for the list of commands */
    const char *arguments; /* "REF..." */
    const char *help;      /* what it does and two examples */
    int (*run)(Invocation *invocation);
};

/* NULL-terminated. */
extern const Verb *const verbs[];

/* Parses what follows the verb, options of ENTRIES (may be NULL) and global ones. FALSE: the
 * program ends with *STATUS (help was printed, or the error). */
gboolean invocation_parse(Invocation *invocation, const GOptionEntry *entries, int *status);
/* Prints a usage error with the verb's usage line and returns 2. */
int invocation_usage(Invocation *invocation, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Reads the configuration, opens the catalogue ... FALSE with an error. */
gboolean invocation_open(Invocation *invocation, GError **error);
/* Prints the error, with --json as an event; returns its exit status. */
int invocation_fail(Invocation *invocation, const GError *error);
/* Runs FUNC on a job's thread while this one draws and listens for signals. FUNC's value is
 * returned. */
int invocation_run(Invocation *invocation, int (*func)(Job *job, gpointer data), gpointer data);
/* With --json, the last line, where the verb itself printed none. */
void invocation_end(Invocation *invocation, int status);
void invocation_clear(Invocation *invocation);
