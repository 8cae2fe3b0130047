/*
 * The disks of this machine: where there is room, and what kind of file system a folder lies on.
 */
#pragma once

#include <glib.h>

/* "ext4", "nfs4" ... of FD's file system, as the kernel names it; owned; NULL where it does not
 * tell. */
char *file_system_type(int fd);

typedef struct {
    char *folder;  /* in which this user may make a mirror's folder */
    guint64 bytes; /* free for this user */
} DiskRoom;
void disk_room_free(DiskRoom *room);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskRoom, disk_room_free)

/* DiskRoom*, owned, the one with most room first; one a disk, at most MOST, none with less than
 * LEAST bytes. Memory, temporary folders and what the user cannot write are left out. */
GPtrArray *disks_with_room(guint64 least, guint most);
