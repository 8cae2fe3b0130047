/*
 * What was decided for a mirror when it was made, and holds for everybody who runs medmirror on it:
 * .medmirror/policy, {"group": "lab", "max_size": 18000000000000, "max_files": 1000000}.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
    char *group;                 /* the group that it is for; NULL: its user's alone */
    guint64 max_size, max_files; /* bytes and files of it; SIZE_UNKNOWN: no limit */
} MirrorPolicy;
void mirror_policy_clear(MirrorPolicy *policy);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MirrorPolicy, mirror_policy_clear)

/* Without a file: nothing was decided. _DAMAGED, _STORAGE. */
gboolean mirror_policy_read(int private_fd, MirrorPolicy *policy, GError **error);
/* Durable. */
gboolean mirror_policy_write(int private_fd, const MirrorPolicy *policy, GError **error);
