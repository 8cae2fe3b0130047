/*
 * What an external fetcher's program says of itself in its first line (docs/external-fetchers.md):
 * its name, its hosts, what it can do, and the rules by which its answers and refusals are read, as
 * data.
 */
#pragma once

#include "fetcher.h"

#define EXTERNAL_PROTOCOL 1

typedef struct {
    char *name;
    char *title;
    char *base;              /* http or https, no slash at its end */
    GPtrArray *hosts;        /* char*: lower case; base's own is among them */
    GPtrArray *locator_keys; /* char*: besides "name" */
    GPtrArray *abilities;    /* char* */
    GPtrArray *needs;        /* char* */
    guint connections;
    gboolean never_resumes;
    GPtrArray *classify; /* ExternalRule* */
    GPtrArray *access;   /* ExternalAccess* */
    guint protocol;
    gboolean lists_versions, prepares, refreshes, proves_logins; /* of the above */
    gboolean needs_credential;
    CredentialKind credential;
} ExternalHello;

/* NULL with MEDMIRROR_ERROR_USAGE where LINE is none, or is not SOURCE's. NAME stands at the head
 * of messages. Owned. */
ExternalHello *external_hello_parse(const char *line, gsize length, const char *source,
                                    const char *name, GError **error);
void external_hello_free(ExternalHello *hello);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ExternalHello, external_hello_free)

/* The first of the program's rules that fits, else the common one. What the common rule calls no
 * data is never made data. Pure; HELLO may be NULL. */
AnswerKind external_hello_classify(const ExternalHello *hello, const AnswerHead *head);
/* The program's words for STATUS, {name} replaced by NAME; NULL where it has none. Owned. */
char *external_hello_access(const ExternalHello *hello, const char *name, int status);
