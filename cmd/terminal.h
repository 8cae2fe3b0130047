/*
 * What standard output is, and tables that fit it.
 */
#pragma once

#include "console.h"

/* Columns of the terminal that standard output is; 0 where it is none: then nothing is cut, wrapped
 * or given a heading. */
guint terminal_columns(void);
/* Does the locale's charset hold more than ASCII? */
gboolean terminal_is_unicode(void);

/* Rows of cells. On a terminal columns with headings, cut to its width; elsewhere a line a row, its
 * cells with tabs between, never cut. */
typedef struct Table Table;

/* HEADINGS: NULL-terminated, static. FLEXIBLE: the column that gives way first. Owned. */
Table *table_new(const char *const *headings, guint flexible);
/* Takes a NULL-terminated array of as many cells as there are headings. */
void table_add(Table *table, char **cells);
/* COLUMNS: as terminal_columns(); INDENT: blanks before each line on a terminal. */
void table_print(const Table *table, Console *console, guint columns, guint indent);
void table_free(Table *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, table_free)

/* TEXT in lines of at most COLUMNS (0: one line), broken at blanks and between CJK characters, none
 * of which begins with a closing mark. char*, owned. */
GPtrArray *text_wrap(const char *text, guint columns);
