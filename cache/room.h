/*
 * Room on the disk, and the plan's four figures.
 */
#pragma once

#include "mirror.h"

typedef struct {
    guint64 bytes, files; /* free for this user: the least of all limits, less the reserve */
    char *limited_by; /* "free space of /data", "your quota on /data", "max-size of MIRROR"; owned
                         text */
    char *files_limited_by;
} Room;
void room_clear(Room *room);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Room, room_clear)

typedef struct {
    guint64 max_size, max_files; /* of the configuration; SIZE_UNKNOWN: none */
    guint64 reserve;             /* bytes that stay free */
} RoomLimits;

/* statvfs, the quota where quotactl(2) tells it, the configuration's limits. _STORAGE. */
gboolean room_measure(Mirror *mirror, const RoomLimits *limits, Room *room, GError **error);

typedef struct {
    guint64 bytes;
    gboolean at_least; /* not everything is known: at least this much */
} PlanFigure;

typedef struct {
    PlanFigure fetch;               /* to fetch over the network */
    PlanFigure on_disk;             /* the version's bytes afterwards */
    PlanFigure peak;                /* most bytes at any moment, beyond what lies there now */
    PlanFigure files;               /* number of new files */
    guint64 have_files, have_bytes; /* here already (installed or staged) */
    guint64 resume_bytes;           /* in partial files */
} Plan;

/* The figures as people read them, four lines; owned. */
char *plan_describe(const Plan *plan, const Room *room);
/* TRUE where it fits. Else MEDMIRROR_ERROR_STORAGE with the figure and whose limit it is (without
 * lines to type). */
gboolean plan_fits(const Plan *plan, const Room *room, GError **error);
/* Is PATH on a network file system (NFS, Lustre, CIFS, FUSE ...)? */
gboolean file_system_is_network(int fd);
