/*
 * One member of a remote zip, fetched by ranges: the archive's directory, then the member's own
 * bytes.
 */
#pragma once

#include "host_services.h"
#include "lock.h"
#include "reference.h"

/* REFERENCE: whose fetcher prepares what is asked for; NULL: nothing is prepared. Fetches the
 * member that WANTED tells (its archive is ARCHIVE) and stores it at WANTED's path below TREE_FD,
 * in MODE, decoded in the unpacker's child and equal to WANTED's size and digest. FALSE with an
 * error where the archive is no plain zip, its host serves no ranges, or the bytes are others: then
 * nothing is stored. */
gboolean member_fetch(HostServices *services, const Reference *reference, const FileSpec *archive,
                      const LockFile *wanted, int tree_fd, guint mode, GError **error);
