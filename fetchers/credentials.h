/*
 * What a person has for each source in this run, found where people keep it:
 *
 *     1. MEDMIRROR_SOURCE_USER with _PASSWORD or _PASSWORD_FILE; MEDMIRROR_SOURCE_TOKEN,
 * _TOKEN_FILE
 *     2. what `medmirror login` stored (credential_file.h)
 *     3. the source's own variables (SourceLogin)
 *     4. netrc: $NETRC, else ~/.netrc
 *
 * A credential belongs to the host that it was stored for; to an address elsewhere it goes only on
 * loopback. It travels over https alone, or to loopback. The first refusal ends its use.
 *
 * Any thread. Files are read when a source's credential is first wanted, others' where they lie;
 * from then on the process leaves no core dump and its memory cannot be read by others.
 */
#pragma once

#include "fetcher.h"

typedef struct Credentials Credentials;

/* Reads the variables of every registered source and takes their values out of the environment.
 * Only while there is no other thread. Owned. */
Credentials *credentials_new(void);
void credentials_free(Credentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Credentials, credentials_free)

/* The User-Agent of requests that carry SOURCE's login, in place of the one that is made of
 * SourceLogin.agent and ours. Before threads. */
void credentials_set_agent(Credentials *credentials, const char *source, const char *agent);
/* NULL where it is as always. Owned. */
char *credentials_agent(const Credentials *credentials, const char *source);

/* As HostServices.credential. */
Credential *credentials_find(Credentials *credentials, const char *source, const char *address,
                             GError **error);
/* The hosts of SOURCE that a login is for, else its own; NULL-terminated, never NULL. Static. */
const char *const *credentials_hosts(const char *source);
/* May a secret travel to ADDRESS at all: is it https, or loopback? _ACCESS where it may not. */
gboolean credentials_may_travel(const char *address, GError **error);
gboolean credentials_is_loopback(const char *address);
/* The host (with a port that is not its scheme's own) that a login of SOURCE at ADDRESS belongs to:
 * the source's own for its hosts and for loopback. Owned. */
char *credentials_host(const char *source, const char *address);

/* As HostServices.refuse_credential. */
void credentials_refuse(Credentials *credentials, const char *source);
/* As HostServices.renew_credential. */
void credentials_renew(Credentials *credentials, const char *source, const Credential *now);
/* As HostServices.guard. */
void credentials_guard(Credentials *credentials, const char *source, const char *prefix);
/* The source whose login guards ADDRESS; NULL: none. Lives as long as CREDENTIALS, which may be
 * NULL. */
const char *credentials_guard_of(Credentials *credentials, const char *address);
/* The line to type where SOURCE refused what came from ORIGIN (Credential.origin). Owned. */
char *credentials_mend(const char *source, const char *origin);
/* Takes what this credential says out of all that is shown from now on. */
void credentials_hide(const Credential *credential);
