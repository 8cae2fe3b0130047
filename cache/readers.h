/*
 * Who may read what is brought (DESIGN.md, "Whose"): everybody, where access is open; else the
 * puller alone, or the members of one group besides, from the first partial byte on.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#define READERS_NO_GROUP ((gid_t)-1)

typedef struct {
    gboolean is_private;
    gid_t group; /* of private data: who reads besides its owner; READERS_NO_GROUP */
} Readers;

#define READERS_EVERYBODY ((Readers){FALSE, READERS_NO_GROUP})
#define READERS_OWNER ((Readers){TRUE, READERS_NO_GROUP})

/* Is ACCESS (of a lock's header) the one that everybody has? Pure. */
gboolean access_is_open(const char *access);
/* Of files and folders that are made: 0444 and 0755, 0400 and 0700, or 0440 and 2750. Pure. */
mode_t readers_file_mode(const Readers *readers);
mode_t readers_folder_mode(const Readers *readers);
/* May others read, by MODE and GROUP of a file or folder, than READERS says? Pure. */
gboolean readers_are_exceeded(const Readers *readers, mode_t mode, gid_t group);
/* MODE without what READERS do not have, and with what they have by their group. Pure. */
mode_t readers_restrain(const Readers *readers, mode_t mode);

/* Of a version that stands, by ACCESS of its lock and the folder of its tree: who was let in when
 * it was installed. */
Readers readers_of_tree(const char *access, int tree_fd);
/* The file or folder behind FD gets its mode and group; nothing is done for everybody's. _STORAGE,
 * and _USAGE where its owner is no member of the group. */
gboolean readers_apply(const Readers *readers, int fd, const char *name, GError **error);
/* The same for all below FD (links are not followed); a file that others share by a hard link gets
 * bytes of its own instead. *CHANGED (may be NULL) counts what was changed. */
gboolean readers_apply_below(const Readers *readers, int fd, guint64 *changed, GError **error);
