/*
 * What one unpacking has met so far: every name (so that two members of one name, or of names that
 * some file systems make one, are found), and members that are not confirmed yet. Kept in a
 * temporary SQLite database that spills to disk: no list of members is held in memory.
 */
#pragma once

#include "lock.h"

typedef struct MemberLog MemberLog;

MemberLog *member_log_new(GError **error); /* _STORAGE; owned */
void member_log_free(MemberLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MemberLog, member_log_free)

/* The folders above PATH (and PATH itself with ITSELF) are folders. _UNSAFE where a member is a
 * file of that name. */
gboolean member_log_add_folders(MemberLog *log, const char *path, gboolean itself, GError **error);
typedef enum {
    MEMBER_NEW,
    MEMBER_SAME_NAME, /* a file of that very name was met: *MET is filled */
    MEMBER_CLASH,     /* _UNSAFE: a folder of that name, or a name that differs in case or form */
    MEMBER_LOG_FAILED,
} MemberMet;
/* MET gets size, SHA-256 and link target; the caller clears it. */
MemberMet member_log_look_up(MemberLog *log, const char *path, LockFile *met, GError **error);
/* PATH is a member. */
gboolean member_log_add_file(MemberLog *log, const LockFile *member, GError **error);
gboolean member_log_forget_file(MemberLog *log, const char *path, GError **error);

/* Members that wait for the archive's directory, numbered 0, 1, ... in order of adding. */
typedef struct {
    LockFile file;
    gboolean chosen;
    gboolean made;   /* this unpacking made the file */
    char *problem;   /* why it cannot be taken, where it cannot; NULL else */
    int code;        /* of the problem: of MEDMIRROR_ERROR */
    gboolean folder; /* nothing to report */
    int part;        /* of a series: SeriesPart; 0 else */
} PendingMember;
void pending_member_clear(PendingMember *pending);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PendingMember, pending_member_clear)
gboolean member_log_add_pending(MemberLog *log, const PendingMember *pending, GError **error);
/* The one that comes next: taken out. 1: there is one; 0: none; -1: an error. */
int member_log_take_pending(MemberLog *log, PendingMember *pending, GError **error);
