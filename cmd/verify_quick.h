/*
 * verify --quick: a version's lock, the index and its tree side by side, each read once and in the
 * order of whole paths. What is as it was at its last proof is told at once; any other file must be
 * looked at by itself.
 */
#pragma once

#include "index.h"
#include "job.h"
#include "lock.h"
#include "tree_scan.h"
#include "verifier.h"

typedef struct {
    Job *job; /* where it is cancelled, the pass ends */
    int tree_fd;
    LockReader *lock;    /* at its first line */
    IndexStamps *stamps; /* NULL: nothing is known, all files are changed */
    /* Of the lock's size, and with the stamp of its last proof. */
    void (*unchanged)(const VerifiedFile *file, gpointer data);
    /* Any other of the lock's files and links, missing ones too. */
    void (*changed)(const LockFile *file, gpointer data);
    /* What the lock does not know, and folders that cannot be read (tree_scan.h). */
    void (*foreign)(const TreeEntry *entry, gpointer data);
    gpointer data;
} QuickPass;

/* FALSE with the lock's error or tree_scan()'s. A pass that was cancelled has none, and is TRUE. */
gboolean quick_pass_run(const QuickPass *pass, GError **error);
