/*
 * Between the files of the spool.
 */
#pragma once

#include "database.h"
#include "spool.h"

/* What is there of a row's bytes, whatever its state. */
enum {
    HAVE_NOTHING,
    HAVE_STAGED,
    HAVE_INSTALLED,
};

/* How much the listed size is worth. */
enum {
    SIZE_EXACT,
    SIZE_HINT,
    SIZE_ROUNDED,
};

#define SPOOL_TRANSACTION_ROWS 10000

struct Spool {
    Database *database;
    GHashTable *taken;    /* gint64 *: ids given out by spool_take() */
    Selection *selection; /* behind the SQL functions takes() and takes_archive() */
    gint64 listing;       /* number of the listing that is being made, or of the last */
    gboolean was_listed;  /* before spool_begin_listing() */
    gboolean was_empty;   /* likewise: there were no downloads */
    char *facts_text; /* of the row whose selection was asked last, and what it says: members come
                         one after the other */
    json_t *facts;
    gboolean is_chosen; /* the rows stand as SELECTION and what is there want them */
    gint64 next_id;     /* of the next new download */
    gboolean has_queue,
        has_keys;       /* the indexes that spool_need_queue() and spool_need_keys() make */
    gboolean has_paths; /* the index on paths: spool_paths.c */
    GString *last_path; /* of the listing that is being made */
    guint disorder;     /* paths of it that came before their predecessor */
    gint64 epoch;       /* notes carry it; what is above the flushed one is not durable */
    guint pending;      /* rows in the open transaction; 0: none is open */
};

/* Begins a transaction where none is open, and counts a row. */
gboolean spool_touch(Spool *spool, GError **error);
/* Commits; no fsync. */
gboolean spool_commit(Spool *spool, GError **error);
/* Commits once SPOOL_TRANSACTION_ROWS are together. */
gboolean spool_commit_full(Spool *spool, GError **error);
/* Runs SQL with ?1 and ?2 set to the ends of each range of ids of TABLE, a transaction each. SQL
 * and MOST are string literals; MOST tells the largest id. */
gboolean spool_run_in_ranges(Spool *spool, const char *most, const char *sql, GError **error);
gboolean spool_set_number(Spool *spool, const char *key, gint64 number, GError **error);
gint64 spool_get_number(Spool *spool, const char *key, gint64 otherwise);
void spool_put_back_all(Spool *spool);

/* 64 bits that are equal where relpath_collision_key() is. */
gint64 spool_path_key(const char *path);
gboolean spool_paths_collide(const char *a, const char *b);
gboolean spool_refuse_collision(const char *a, const char *b, GError **error);

/* Re-evaluates which rows are chosen by spool->selection. */
gboolean spool_choose_rows(Spool *spool, GError **error);
/* What is listed, only if asked for, and was not: no part of the dataset. */
#define SPOOL_OF_DATASET " NOT (if_asked AND state = 1)"

/* FACTS and UNPACK as text; NULL: none. */
gboolean spool_takes(Spool *spool, const char *path, FileRole role, const char *facts,
                     const char *unpack, gboolean only_if_asked);

/* Behind an INSERT that offered spool->next_id for its row. */
void spool_count_id(Spool *spool);
/* Indexes that are made when they are first needed: sorted at once, for kept while a long listing
 * comes in they would cost ten times as much. */
gboolean spool_need_queue(Spool *spool, GError **error);
gboolean spool_need_keys(Spool *spool, GError **error);

/* The index on paths, which all but spool_add() relies on. */
gboolean spool_need_paths(Spool *spool, GError **error);
/* Before a row of PATH is added: drops the index where the listing has no order. */
gboolean spool_watch_order(Spool *spool, const char *path, GError **error);
/* At the end of a listing. _UNSAFE: a path came twice, with different contents. */
gboolean spool_settle_paths(Spool *spool, GError **error);
/* What is said of one path, to be compared: may both be of the same file? */
typedef struct {
    guint64 size;
    int kind; /* SIZE_EXACT ... */
    DigestSet declared;
} SpoolSaid;
gboolean spool_same_file(const SpoolSaid *a, const SpoolSaid *b);

/* The fact that tells which lock was imported. */
#define SPOOL_LOCK "#lock"
/* What a row's column of facts holds (file_facts.h); *FAILED: _DAMAGED. */
json_t *spool_facts(const char *text, gboolean *failed, GError **error);

/* Before the lines of a lock: what another one told is forgotten. */
gboolean spool_begin_lock(Spool *spool, const LockHeader *header, GError **error);

char *addresses_to_text(const GPtrArray *addresses); /* NULL where there are none */
void addresses_from_text(const char *text, GPtrArray *addresses);
