/*
 * The options that make a selection, for the commands that take them.
 */
#pragma once

#include "selection.h"

typedef struct {
    char **includes, **excludes;
    char *files_from;
    char **wheres;
    char **paths; /* of --files-from, once it was read; NULL-terminated */
} SelectionOptions;

/* Four rows for an option table. */
#define SELECTION_ENTRIES(options)                                                                 \
    {"include",                                                                                    \
     0,                                                                                            \
     0,                                                                                            \
     G_OPTION_ARG_FILENAME_ARRAY,                                                                  \
     &(options).includes,                                                                          \
     N_("Only files whose path matches (repeatable; * passes /)"),                                 \
     "GLOB"},                                                                                      \
        {"exclude",                                                                                \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_FILENAME_ARRAY,                                                              \
         &(options).excludes,                                                                      \
         N_("Not these (repeatable)"),                                                             \
         "GLOB"},                                                                                  \
        {"files-from",                                                                             \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_FILENAME,                                                                    \
         &(options).files_from,                                                                    \
         N_("Only the paths in FILE, one a line"),                                                 \
         "FILE"},                                                                                  \
    {                                                                                              \
        "where", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &(options).wheres,                             \
            N_("Only what the source says so of, as Modality=CT,MR (repeatable)"), "KEY=V,V"       \
    }

/* Was anything asked for? */
gboolean selection_options_given(const SelectionOptions *options);
/* Owned; MEDMIRROR_ERROR_USAGE. */
Selection *selection_options_make(SelectionOptions *options, GError **error);
void selection_options_clear(SelectionOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SelectionOptions, selection_options_clear)
