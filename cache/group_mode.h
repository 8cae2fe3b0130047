/*
 * A mirror that a group works in (init --group): its folders are set-group-ID and group-writable
 * (2775), and what is made in such a folder is the group's to go on with, whatever the umask says.
 * What gives the group nothing (0700, 0600) stays so: restricted data is its puller's.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Is the folder behind FD a group's to work in? */
gboolean group_is_shared(int folder_fd);
/* What MODE of something new in the folder becomes: where that is shared, the group gets what the
 * owner has (0644: 0664, 0755: 0775, 0444: 0444), if MODE gives it anything. */
mode_t group_mode(int folder_fd, mode_t mode);
/* The folder becomes the group's that the folder above it is for; nothing is done where that is not
 * shared, or the folder is another's. */
gboolean group_share_folder(int parent_fd, int folder_fd, const char *name, GError **error);
/* The folder and what lies below it becomes GROUP's to work in: folders that others may enter, and
 * files that their owner may write and others read. What is its owner's alone, installed files
 * (0444) and links stay as they are. _STORAGE; _USAGE where the user is no member of the group. */
gboolean group_open_below(int folder_fd, gid_t group, GError **error);
/* Regular files right below FD that are another's and cannot be written become copies of one's own,
 * each by one rename: what a colleague began is gone on with. _STORAGE. */
gboolean group_take_over(int folder_fd, GError **error);
