/*
 * One owner file: what it says, and whether its owner lives.
 */
#pragma once

#include "owner.h"

typedef enum {
    OWNER_LIVES,
    OWNER_UNCERTAIN, /* being made, or being broken by another: look again soon */
    OWNER_GONE,      /* there is none (any more) */
} OwnerLife;

/* An OFD lock (fcntl(2)); FALSE where another holds it, or the file system has none. */
gboolean owner_file_lock(int fd);
/* The text of this process's file; owned. */
char *owner_file_describe(const char *folder, const char *verb, gboolean locked);
/* Looks at NAME. BREAK: a dead owner's file is removed (OWNER_GONE). *INFO: what it says, owned;
 * never NULL unless OWNER_GONE. */
OwnerLife owner_file_judge(int owners_fd, const char *name, gboolean break_dead, OwnerInfo **info);
/* What a run left there that was killed while it looked at another's file; it is in nobody's way.
 */
void owner_file_sweep(int owners_fd);
