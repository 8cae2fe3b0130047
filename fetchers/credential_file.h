/*
 * What `medmirror login` stored: $XDG_CONFIG_HOME/medmirror/credentials, a GKeyFile that its owner
 * alone may read, a group for each host. Written anew as a whole, synced, renamed; by one process
 * at a time.
 */
#pragma once

#include "credential.h"

/* Owned. */
char *credential_file_path(void);
/* What is stored of SOURCE for HOST; NULL without an error: nothing. _ACCESS where others can read
 * the file (with the chmod to type), _USAGE where it cannot be understood, _STORAGE. Owned. */
Credential *credential_file_find(const char *source, const char *host, GError **error);
/* In place of what is stored for HOST. _STORAGE, and as above. */
gboolean credential_file_store(const char *source, const char *host, const Credential *credential,
                               GError **error);
/* Takes away all that is stored of SOURCE. The hosts it was for (char*, owned; may be empty); NULL
 * with an error as above. */
GPtrArray *credential_file_remove(const char *source, GError **error);
