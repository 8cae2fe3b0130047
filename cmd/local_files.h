/*
 * Files of a person's own, in place of a source: where the bytes of an adoption come from.
 */
#pragma once

#include "series_map.h"

#include <glib.h>
#include <stdio.h>
#include <sys/stat.h>

typedef enum {
    LOCAL_COPY,     /* cloned where the file system can, else copied; the originals stay */
    LOCAL_MOVE,     /* linked where they are ours alone, else as COPY; the originals go after the
                       install */
    LOCAL_TAKE,     /* ours to take: renamed */
    LOCAL_IN_PLACE, /* read, and left where they are */
} LocalHow;

typedef struct {
    int fd;          /* of FOLDER */
    char *folder;    /* absolute */
    char *root;      /* the folder below FD in which the dataset's tree begins; "": FD's own */
    char *only;      /* the path in the tree of the one file that is given; NULL: a tree */
    char *only_name; /* its name below FD */
    LocalHow how;
    gboolean list_is_hint; /* what spool_wanted_member() says of downloads is a list that came with
                              the files; else somebody vouches for it */
    FILE *taken;           /* LOCAL_MOVE: what was taken in this run, for local_files_remove() */
    guint64 cloned, copied, linked; /* files */
    SeriesMap *series; /* images of series, wherever they lie below FD; NULL: files have names */
} LocalFiles;

/* FOLDER and FD are taken over. */
void local_files_init(LocalFiles *files, char *folder, int fd, LocalHow how);
void local_files_clear(LocalFiles *files);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LocalFiles, local_files_clear)

/* Where the file of that path in the tree lies below FD; owned; NULL: it is not given. */
char *local_files_name(const LocalFiles *files, const char *path);
/* The same for people: absolute, escaped; owned. */
char *local_files_shown(const LocalFiles *files, const char *path);

typedef enum {
    LOCAL_THERE,
    LOCAL_MISSING,
    LOCAL_REFUSED, /* a folder, a device, a link that leads out of FOLDER or, unless files are
                      copied, any link */
} LocalState;
/* NAME: below FD. NOW is that of the file, behind a link of the link's end. */
LocalState local_files_stat(const LocalFiles *files, const char *name, struct stat *now);
/* For reading; -1 with an error: _DAMAGED (not there, no regular file), _STORAGE. */
int local_files_open(const LocalFiles *files, const char *path, struct stat *now, GError **error);

/* LOCAL_TAKE, LOCAL_MOVE: the original NAME (below FD), as it is in BEFORE, gets the name KEY below
 * FOLDER_FD. FALSE where it cannot, or is not ours alone: it must be copied. */
gboolean local_files_give(LocalFiles *files, const char *name, const struct stat *before,
                          int folder_fd, const char *key);
/* LOCAL_MOVE: the original of PATH was taken as it is in NOW. */
gboolean local_files_note_taken(LocalFiles *files, const char *path, const struct stat *now,
                                GError **error);
/* Removes the originals that were taken and are still as they were then, and the folders that are
 * empty afterwards, but for FOLDER itself. *LEFT: those that changed, or could not be removed. */
void local_files_remove(LocalFiles *files, guint64 *removed, guint64 *left);
