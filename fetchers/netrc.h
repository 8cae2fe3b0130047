/*
 * netrc files, as ftp(1), curl and wget read them.
 */
#pragma once

#include "credential.h"

/* The login and password of the first "machine HOST" (any case) that has both, in the TEXT of such
 * a file; NULL where there is none. A "default" counts for nobody: a credential belongs to a host.
 * ORIGIN is the credential's. Pure. Owned. */
Credential *netrc_find(const char *text, const char *host, const char *origin);
