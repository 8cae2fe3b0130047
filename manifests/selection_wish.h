/*
 * Between the files of the selection: one alternative of it, and how they are put together.
 */
#pragma once

#include "selection.h"

/* One alternative: a file is taken where an include or an exact path names it and no exclude does.
 * Never changed once it stands, so that selections share it. */
typedef struct {
    gatomicrefcount references;
    gboolean takes_any;  /* neither includes nor exact paths were given */
    GPtrArray *includes; /* char*, sorted, without doubles */
    GPtrArray *excludes; /* the same */
    GHashTable *files;   /* a set of char*; empty where none */
    GHashTable *folders; /* a set of char*: all folders above FILES, without the root */
    GPtrArray *terms;    /* WhereTerm*, sorted, without doubles; each must match */
} Wish;

/* The wishes' union; no two have the same excludes, and they are sorted by them. Empty: all. */
struct Selection {
    GPtrArray *wishes; /* Wish* */
};

/* Arrays of char*, copied; FILES NULL: not given. Owned. */
Wish *wish_of(const char *const *includes, const char *const *excludes, const char *const *files);
Wish *wish_copy(const Wish *wish);
Wish *wish_ref(Wish *wish);
void wish_unref(gpointer wish);
void wish_add_term(Wish *wish, WhereTerm *term);
gboolean wish_is_all(const Wish *wish);
gboolean wish_equal(const Wish *a, const Wish *b);
/* Of two that have the same excludes and terms. */
Wish *wish_merge(const Wish *a, const Wish *b);
/* One patient and another are two values of one term; NULL where A and B differ in more. */
Wish *wish_merge_values(const Wish *a, const Wish *b);
gboolean wish_names(const Wish *wish, const char *path);
gboolean wish_excludes(const Wish *wish, const char *path);
/* Do its terms match? */
gboolean wish_wants(const Wish *wish, const json_t *facts);
gboolean wish_takes(const Wish *wish, const char *path, const json_t *facts);
/* Has it a term that asks for others' results too? It is not part of "all" then. */
gboolean wish_names_files(const Wish *wish);
gboolean wish_may_take_below(const Wish *wish, const char *archive, const char *folder,
                             const json_t *facts);
/* The same of a series of images, which lie in FOLDER and are named by their UIDs. */
gboolean wish_may_take_images(const Wish *wish, const char *archive, const char *folder,
                              const json_t *facts);

/* Takes over WISH. SELECTION must not be "all" because a wish was all: that is the caller's. */
void selection_add(Selection *selection, Wish *wish);
/* One wish that takes all makes all of it, but for what asks for more than all. Takes over and
 * returns SELECTION. */
Selection *selection_settled(Selection *selection);
