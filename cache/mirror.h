/*
 * The mirror: the tree on disk, its private folder, what lies in it (DESIGN.md, "On disk"). The
 * tree and the lock files are the truth; the index only repeats them.
 *
 *   MIRROR/FOLDER/VERSION/...              exactly the dataset's files
 *   MIRROR/FOLDER/VERSION.sha256           its list
 *   MIRROR/FOLDER/VERSION.lock.jsonl       its lock
 *   MIRROR/FOLDER/VERSION.metadata.csv     its series of DICOM images, where it has any
 *   MIRROR/FOLDER/VERSION.archives/...     original archives, where kept
 *   MIRROR/FOLDER/latest                   symbolic link to the newest version
 *   MIRROR/.medmirror/                     format, policy, index.db, partial/, stage/, owners/,
 * intents/, holds/, removed/, evidence/, proofs.jsonl
 */
#pragma once

#include "lock.h"
#include "mirror_policy.h"

#include <sys/types.h>

typedef struct Mirror Mirror;

typedef enum {
    MIRROR_OPEN_READ,   /* takes no lock, needs no index, writes nothing; _ABSENT where nothing is
                           there */
    MIRROR_OPEN_WRITE,  /* made where absent; finishes or undoes what intents are left by dead runs
                         */
    MIRROR_OPEN_CHANGE, /* as _WRITE, but never made: _ABSENT where nothing is there */
} MirrorOpen;

/* Owned. _STORAGE, _ABSENT, _USAGE (a newer format; a folder that holds other things). */
Mirror *mirror_open(const char *path, MirrorOpen mode, GError **error);
void mirror_close(Mirror *mirror);
/* Makes PATH a mirror, or gives the one that stands there this policy. GROUP: the number of
 * POLICY's group ((gid_t)-1: none), to which its folders are given (2775). *EXISTED: it stood
 * there. _USAGE where PATH holds other things, or the user is no member of the group; _STORAGE. */
gboolean mirror_init(const char *path, const MirrorPolicy *policy, gid_t group, gboolean *existed,
                     GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Mirror, mirror_close)

const char *mirror_path(const Mirror *mirror); /* absolute; borrowed */
int mirror_fd(const Mirror *mirror);           /* of MIRROR; borrowed */
int mirror_private_fd(
    const Mirror *mirror); /* of MIRROR/.medmirror; -1 where it is not there (reading) */

/* What was decided for all who work with it; borrowed. */
const MirrorPolicy *mirror_policy(const Mirror *mirror);

/* Every version of every dataset: LockHeader*, owned, sorted by folder, then newest first. Only
 * lock headers are read. */
GPtrArray *mirror_list(Mirror *mirror, GError **error);
/* The versions of one dataset, newest first (versions the source names: numerically part by part;
 * else by the day they were first pulled). LockHeader*, owned; empty where none. */
GPtrArray *mirror_versions(Mirror *mirror, const char *folder, GError **error);
/* A version whose lock is there and cannot be read, so that neither of the lists above has it. */
typedef struct {
    char *folder, *name; /* of the dataset; of the version's folder in it */
    GError *problem;
} DamagedLock;
void damaged_lock_free(DamagedLock *damaged);
/* Of the dataset FOLDER, or of the whole mirror (NULL): DamagedLock*, owned, sorted. */
GPtrArray *mirror_damaged_locks(Mirror *mirror, const char *folder);
/* Is the folder of the version there (of one in place: where it lies)? A lock alone says so no
 * longer when somebody removed or moved it. */
gboolean mirror_has_tree(const Mirror *mirror, const LockHeader *header);
/* Absolute path of the version's tree; owned. */
char *mirror_version_path(const Mirror *mirror, const char *folder, const char *version);
/* As lock_reader_open(). */
LockReader *mirror_open_lock(Mirror *mirror, const char *folder, const char *version,
                             GError **error);
/* A descriptor of the version's tree (O_PATH is not used: it can be read); of one that is in place,
 * of where it lies: only to be read. -1 with an error. */
int mirror_open_tree(Mirror *mirror, const char *folder, const char *version, GError **error);

/* The name of a version's folder: encoded as a part, and never "latest" or a name that belongs to
 * another version's files. Owned. */
char *mirror_version_name(const char *version);
/* The name under which the private folder keeps what belongs to a dataset. Owned. */
char *mirror_folder_key(const char *folder);
/* Every lock file below FOLDER (NULL: of the whole mirror), in no certain order: its dataset folder
 * and NAME (of the version's folder). A version's own folder is not entered, nor is a link. FALSE
 * from FUNC ends it. */
gboolean mirror_each_lock(Mirror *mirror, const char *folder,
                          gboolean (*func)(int folder_fd, const char *folder, const char *name,
                                           gpointer data, GError **error),
                          gpointer data, GError **error);

/* Numeric, part by part, where both are dotted numbers; else bytes. <0, 0, >0. */
int version_compare(const char *a, const char *b);
/* Which of two versions of one dataset is older: <0 where A is. */
int lock_header_compare_age(const LockHeader *a, const LockHeader *b);
