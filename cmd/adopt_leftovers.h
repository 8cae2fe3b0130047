/*
 * What an adoption by move that was killed between its install and its end left behind: names that
 * the installed files still have among the person's own.
 */
#pragma once

#include "index.h"
#include "job.h"
#include "local_files.h"

/* Removes the names below FILES.fd that are names of the files of HEADER's version, which keep
 * theirs in the mirror; and the folders that are empty afterwards. INDEX (NULL: none) learns that
 * nothing else happened to them. Returns how many names went. */
guint64 adopt_remove_leftovers(Job *job, const LocalFiles *files, Mirror *mirror, Index *index,
                               const LockHeader *header);
