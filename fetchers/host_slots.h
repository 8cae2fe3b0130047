/*
 * The number of connections to one host is shared by all runs of one user on this machine: a slot
 * is an flock(2) on a file of a local folder, and is free again when its run dies.
 */
#pragma once

#include <glib.h>

typedef struct HostSlots HostSlots;

/* The folder of all hosts, made where it is not there: FOLDER, else medmirror-slots below
 * $XDG_RUNTIME_DIR, else medmirror-slots-UID below the temporary folder. -1 where none of our own
 * can be had; runs then do not know of each other. Owned: close(2). */
int host_slots_open_folder(const char *folder);

/* FOLDER_FD is borrowed; -1: every slot is free. MOST: slots of the host. Owned. */
HostSlots *host_slots_new(int folder_fd, const char *host, guint most);
/* From now on there are MOST. */
void host_slots_set_most(HostSlots *slots, guint most);
void host_slots_free(HostSlots *slots);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HostSlots, host_slots_free)

/* Takes or gives back until WANTED slots are held, or as many as can be had; returns how many are.
 * Never blocks. Where another run waits for this host, more than half of all is not taken. */
guint host_slots_hold(HostSlots *slots, guint wanted);
