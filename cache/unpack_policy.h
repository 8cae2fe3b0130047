/*
 * What becomes of one entry of an archive. Pure: names and types in, a decision out.
 *
 * Names are raw bytes, decoded here whatever the locale; a member lies in the archive's folder,
 * below the rule's `into`, without the leading parts that `strip` names.
 */
#pragma once

#include "filespec.h"
#include "unpack_protocol.h"

typedef enum {
    MEMBER_STORE,  /* a file at PATH */
    MEMBER_FOLDER, /* nothing is made of it, but no file may lie at PATH */
    MEMBER_LINK,   /* a symbolic link at PATH to TARGET, which ends inside the tree */
    MEMBER_SAME,   /* a hard link: PATH has the bytes of the member at TARGET */
    MEMBER_SKIP,   /* the archive's root folder */
} MemberDecisionKind;

typedef struct {
    MemberDecisionKind kind;
    char *path;   /* in the tree; NULL of MEMBER_SKIP */
    char *member; /* the name in the archive, decoded */
    char *target;
} MemberDecision;
void member_decision_clear(MemberDecision *decision);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MemberDecision, member_decision_clear)

typedef struct {
    const UnpackRule *rule;
    const char *archive; /* the archive's path in the tree */
    guint most_depth;    /* of folders; 0: as RelPath */
} UnpackPlace;

/* Errors: MEDMIRROR_ERROR_UNSAFE with the member's name and the reason; _USAGE where the rule
 * strips more parts than the name has. */
gboolean unpack_decide(const UnpackPlace *place, const UnpackMessage *entry,
                       MemberDecision *decision, GError **error);

/* The member's rule where the archive's rule says that it is unpacked in turn; NULL otherwise.
 * MEMBER: as in MemberDecision; a pattern without a slash is matched with its last part too.
 * Borrowed. */
const UnpackRule *unpack_nested_rule(const UnpackRule *rule, const char *member);

/* MEDMIRROR_ERROR_USAGE where the rule makes no sense (a filter on what must be sought in, neither
 * container nor filter). */
gboolean unpack_rule_check(const UnpackRule *rule, GError **error);
