/*
 * What was asked for of a version. Pure: does it take this file?
 *
 * A file is taken if an include matches it (or none is given) and no exclude does; exact paths
 * (--files-from) are further includes, found in constant time however many they are. GLOB is
 * fnmatch(3) without flags, on the path in the tree, and on its last part where the pattern has no
 * slash (CLI.md). Pulls add: a version that holds a part keeps the union of what was asked for,
 * which is a list of alternatives here; the empty selection takes all.
 *
 * Where-terms (where.h) ask for what a source says of its files: a file is taken if each of them
 * matches. Members of an archive have its facts. Files that are no part of the dataset proper
 * (FileSpec.only_if_asked) are taken where an include or an exact path names them, or a term on a
 * key that says so (where_key_names_files()); all of a dataset is all but those.
 */
#pragma once

#include "where.h"

typedef struct Selection Selection;

Selection *selection_new_all(void);
/* Arrays of char*, copied; NULL: none. FILES: exact paths (--files-from), NULL: not given. */
Selection *selection_new(const char *const *includes, const char *const *excludes,
                         const char *const *files);
/* SELECTION as far as all of TERMS (WhereTerm*) match; NULL or none: SELECTION itself. Owned. */
Selection *selection_narrow(const Selection *selection, const GPtrArray *terms);
Selection *selection_copy(const Selection *selection);
void selection_free(Selection *selection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Selection, selection_free)

/* Takes A's or B's files. Union with "all" is all. Owned. */
Selection *selection_union(const Selection *a, const Selection *b);
gboolean selection_is_all(const Selection *selection);
gboolean selection_equal(const Selection *a, const Selection *b);
/* FACTS: FileSpec.facts; NULL: there are none. */
gboolean selection_takes(const Selection *selection, const char *path, const json_t *facts);
/* Does it take the member that would lie at PATH? As selection_takes(), and who names or excludes
 * the archive (as it is listed, with its FACTS) names or excludes its members. */
gboolean selection_takes_member(const Selection *selection, const char *archive_path,
                                const char *path, const json_t *facts);
/* May a member of the archive at PATH be taken? FALSE only where it is sure that none is. */
gboolean selection_may_take_members(const Selection *selection, const char *archive_path,
                                    const json_t *facts);
/* The same of the series of images at PATH, which come to lie in FOLDER (with its slash), named by
 * their UIDs. */
gboolean selection_may_take_images(const Selection *selection, const char *archive_path,
                                   const char *folder, const json_t *facts);
/* Does it ask for the file (of FileSpec.only_if_asked), or for members of it? One that does not,
 * does not take it, whatever selection_takes() says. */
gboolean selection_asks_for(const Selection *selection, const char *path, const json_t *facts);
/* Do the where-terms of one of its alternatives match? */
gboolean selection_wants_facts(const Selection *selection, const json_t *facts);
/* The same without where-terms: what it says of paths. Owned. */
Selection *selection_without_terms(const Selection *selection);
/* Does it look at facts at all? Where not, they need not be had. */
gboolean selection_looks_at_facts(const Selection *selection);
/* Calls FUNC for each key that it looks at; FALSE from FUNC ends it, and is returned. */
gboolean selection_each_key(const Selection *selection,
                            gboolean (*func)(const char *key, gpointer data), gpointer data);

/* JSON text for the lock's header, and back (MEDMIRROR_ERROR_DAMAGED): "all", or the alternatives,
 * [{"include":["a*"],"exclude":["x"],"files":["b/c"],"where":[{"key":"Modality","is":["CT"]}]},
 * ...]. NULL text is all. Of a list of more than WHERE_INLINE_MOST values there is only their
 * number; they follow in lines of their own (selection_each_line()), so that a header stays a short
 * line. Owned. */
char *selection_to_json(const Selection *selection);
Selection *selection_from_json(const char *json, GError **error);
/* The lines that hold the long lists, without line ends; FALSE from FUNC ends it, and is returned.
 */
gboolean selection_each_line(const Selection *selection,
                             gboolean (*func)(const char *line, gpointer data), gpointer data);
/* Do lines of long lists have to come yet? */
gboolean selection_lacks_lines(const Selection *selection);
/* Takes one; before the selection is used or copied. FALSE where LINE is none of its own. */
gboolean selection_take_line(Selection *selection, const char *line, gsize length);
/* As options to type ("--include 'a*' --exclude x --where Modality=CT"), for people; "everything"
 * where it is all. Owned. */
char *selection_describe(const Selection *selection);
