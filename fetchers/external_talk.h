/*
 * One request to an external fetcher's program and all that is said until its end.
 */
#pragma once

#include "external_hello.h"
#include "external_message.h"
#include "external_process.h"

#include <pthread.h>

typedef struct {
    Fetcher fetcher; /* the first member: what the rest of the program knows of it */
    char *name, *path, *label;
    guint64 silence_ms;
    const char *endpoints[3];
    SourceLogin login;
    pthread_mutex_t mutex; /* of what follows: one request at a time */
    ExternalProcess *process;
    ExternalHello *hello; /* set once, read by g_atomic_pointer_get() */
    char *hello_line;
    guint last_id;
    gboolean has_credential; /* the process was told one */
    guint failures;          /* of the program in this run */
    char *failure;           /* the last one's words */
} External;

typedef struct {
    json_t *request;     /* owned: its keys but "id" and "base" */
    const char *command; /* what the person types to see it again, behind "medmirror --verbose" */
    guint kinds;     /* bits 1 << MessageKind that answer it, besides what every request knows */
    gboolean begins; /* it begins a dataset: a program that failed before is started anew */
    /* Takes one of KINDS. MEDMIRROR_ERROR_USAGE: the program is wrong; any other error is handed
     * on. */
    gboolean (*take)(gpointer data, Message *message, GError **error);
    gpointer data;
    const Credential
        *credential;          /* what it is given where it needs one; NULL: what the person has */
    char *said;               /* out, with a credential: its words at the end; owned by who asks */
    gboolean unchanged;       /* out: the program said so */
    gboolean gave_credential; /* out: for it, or what was given before went with it */
    gboolean lost;            /* out, after a failure: the program runs no more */
} Question;

/* Asks, and frees the request. FALSE with MEDMIRROR_ERROR_ORIGIN where the program failed, with its
 * own error, or with TAKE's. */
gboolean external_ask(External *external, Question *question, HostServices *services,
                      GError **error);
/* Starts the program where it does not run, and hears its first line. COMMAND and BEGINS as of a
 * Question; SERVICES may be NULL. */
gboolean external_open(External *external, const char *command, gboolean begins,
                       HostServices *services, GError **error);
/* For external_process.h; DATA are the HostServices, or NULL. */
gboolean external_is_cancelled(gpointer data);
/* TEXT, absolute or below the base, as an address that may be asked. NULL with
 * MEDMIRROR_ERROR_USAGE (it is none), or _ORIGIN (the source is sent elsewhere and this host is not
 * asked). Owned. */
char *external_address(const External *external, HostServices *services, const char *text,
                       GError **error);
/* May a request for ADDRESS carry the program's HEADERS? Those that say more than what is accepted
 * go to the source's own hosts alone, by https or to a loopback address; some are never taken.
 * MEDMIRROR_ERROR_USAGE. */
gboolean external_check_headers(const External *external, HostServices *services,
                                const char *address, const GPtrArray *headers, GError **error);
