/*
 * An SQLite file as the spool and the index use it: bounded memory, prepared statements kept,
 * errors in the program's own domain.
 *
 * Parameters are bound by a string of types: 'i' gint64, 'u' guint64 whose SIZE_UNKNOWN is NULL,
 * 't' text or NULL, 'b' bytes and gsize, 'd' const DigestSet * (empty: NULL). Text and bytes must
 * live until the statement ran.
 */
#pragma once

#include <sqlite3.h>

#include "verdict.h"

typedef struct Database Database;

typedef enum {
    DATABASE_PRIVATE, /* one process at a time, which something else sees to: no locks of SQLite's;
                         WAL in exclusive mode, so that a commit survives kill -9 without fsync and
                         a power cut leaves an older, whole state */
    DATABASE_SHARED,  /* several processes: rollback journal, full sync, busy time-out */
    DATABASE_SCRATCH, /* made under a name that nobody else knows, or ":memory:": neither journal
                         nor sync; after a crash it is made again */
    DATABASE_FIXED,   /* to be read, and never changed under this name again: no locks */
} DatabaseKind;

/* NULL with _STORAGE, or _DAMAGED where the file is no database or one of another user_version. A
 * new one gets SCHEMA and VERSION; of DATABASE_FIXED none is made. Owned. */
Database *database_open(const char *path, DatabaseKind kind, int version, const char *schema,
                        GError **error);
void database_close(Database *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Database, database_close)
sqlite3 *database_handle(Database *database);

gboolean database_exec(Database *database, const char *sql, GError **error);
/* SQL must be a string literal: its address is the key under which the statement is kept. Borrowed;
 * reset by the next use of the same literal. NULL with an error. */
sqlite3_stmt *database_query(Database *database, GError **error, const char *sql, const char *types,
                             ...);
/* A statement of one's own: sqlite3_finalize(). */
sqlite3_stmt *database_query_new(Database *database, GError **error, const char *sql,
                                 const char *types, ...);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, sqlite3_finalize)
/* 1: a row; 0: no more (a kept statement is reset); -1 with an error. */
int database_step(Database *database, sqlite3_stmt *statement, GError **error);
/* Binds, runs to the end, resets. */
gboolean database_run(Database *database, GError **error, const char *sql, const char *types, ...);
/* The first column of the first row; OTHERWISE where there is none, or it is NULL or failed. */
gint64 database_number(Database *database, gint64 otherwise, const char *sql, const char *types,
                       ...);
/* Rows that the last statement changed. */
gint64 database_changes(Database *database);
/* The file was found to be damaged by some statement. */
gboolean database_is_broken(const Database *database);

const char *column_text(sqlite3_stmt *statement, int column);             /* NULL or borrowed */
guint64 column_size(sqlite3_stmt *statement, int column);                 /* NULL: SIZE_UNKNOWN */
void column_digests(sqlite3_stmt *statement, int column, DigestSet *set); /* NULL: empty */

#define DIGEST_SET_MAX_BYTES (DIGEST_ALGORITHMS * (1 + DIGEST_MAX_BYTES))
/* Algorithm and value for each, in order: equal sets give equal bytes. Returns the length. */
gsize digest_set_to_bytes(const DigestSet *set, guint8 bytes[DIGEST_SET_MAX_BYTES]);
void digest_set_from_bytes(const guint8 *bytes, gsize length, DigestSet *set);
