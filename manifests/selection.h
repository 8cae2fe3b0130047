/*
 * What was asked for of a version. Pure: does it take this file?
 *
 * A file is taken if an include matches it (or none is given) and no exclude does; exact paths
 * (--files-from) are further includes, found in constant time however many they are. GLOB is
 * fnmatch(3) without flags, on the path in the tree, and on its last part where the pattern has no
 * slash (CLI.md). Pulls add: a version that holds a part keeps the union of what was asked for,
 * which is a list of alternatives here; the empty selection takes all.
 */
#pragma once

#include <glib.h>

typedef struct Selection Selection;

Selection *selection_new_all(void);
/* Arrays of char*, copied; NULL: none. FILES: exact paths (--files-from), NULL: not given. */
Selection *selection_new(const char *const *includes, const char *const *excludes,
                         const char *const *files);
Selection *selection_copy(const Selection *selection);
void selection_free(Selection *selection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Selection, selection_free)

/* Takes A's or B's files. Union with "all" is all. Owned. */
Selection *selection_union(const Selection *a, const Selection *b);
gboolean selection_is_all(const Selection *selection);
gboolean selection_equal(const Selection *a, const Selection *b);
gboolean selection_takes(const Selection *selection, const char *path);
/* Does it take the member that would lie at PATH? As selection_takes(), and who names or excludes
 * the archive (as it is listed) names or excludes its members. */
gboolean selection_takes_member(const Selection *selection, const char *archive_path,
                                const char *path);
/* May a member of the archive at PATH be taken? FALSE only where it is sure that none is. */
gboolean selection_may_take_members(const Selection *selection, const char *archive_path);

/* JSON text for the lock's header, and back (MEDMIRROR_ERROR_DAMAGED): "all", or the alternatives,
 * [{"include":["a*"],"exclude":["x"],"files":["b/c"]}, ...]. NULL text is all. Owned. */
char *selection_to_json(const Selection *selection);
Selection *selection_from_json(const char *json, GError **error);
/* As options to type ("--include 'a*' --exclude x"), for people; "everything" where it is all.
 * Owned. */
char *selection_describe(const Selection *selection);
