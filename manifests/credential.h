/*
 * What lets a person in at a source: a user name and a password, or a token. Its secret is in no
 * log, lock, address or message, and is wiped when it is freed.
 */
#pragma once

#include <glib.h>

typedef enum {
    CREDENTIAL_PASSWORD, /* user and secret */
    CREDENTIAL_TOKEN,    /* secret alone */
    CREDENTIAL_KEY_PAIR, /* user is the access key's id, secret what signs with it, and is never
                            sent (request_signer.h) */
} CredentialKind;

typedef struct {
    CredentialKind kind;
    char *user;    /* NULL for a token */
    char *secret;  /* never NULL */
    char *origin;  /* where it was found, for people: "medmirror login", "PHYSIONET_PASSWORD",
                      "/home/ana/.netrc" */
    char *session; /* of a key pair that is lent for a time (AWS_SESSION_TOKEN): secret too; NULL:
                      none */
    char *renewal; /* of a token that has expired: what a new one is asked for by (RFC 6749, section
                      6), secret too. SECRET is not to be sent then. NULL: none */
    char *region;  /* in which its owner works (AWS_REGION); NULL: not said */
    char *agent;   /* User-Agent of the requests that carry it, where the source takes it from none
                      but certain programs; NULL: as always */
} Credential;

/* Strings are copied; no agent. Owned. */
Credential *credential_new(CredentialKind kind, const char *user, const char *secret,
                           const char *origin);
Credential *credential_copy(const Credential *credential);
/* Wipes what it held. */
void credential_free(Credential *credential);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Credential, credential_free)
/* "Authorization: Basic ..." (RFC 7617, UTF-8) or "Authorization: Bearer ..." (RFC 6750); NULL of a
 * key pair. Owned; wipe it with credential_header_free(). */
char *credential_header(const Credential *credential);
void credential_header_free(char *header);
/* The lines of a request that carries it: the header above, and "User-Agent: ..." where there is an
 * agent. char*, without a NULL behind, wiped when the array is freed. Owned. */
GPtrArray *credential_headers(const Credential *credential);
