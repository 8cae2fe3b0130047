/*
 * A change to a person's own configuration: one key, by one rename, comments and all else kept.
 */
#pragma once

#include <glib.h>

/* Sets GROUP's KEY to VALUE, or takes it out (VALUE is NULL). The file is made with its folder
 * where it is not there. *PATH (owned; may be NULL): the file. *CHANGED: was there anything to do?
 * What the file would be is checked as a whole before (but where a key goes, which may be the wrong
 * one). MEDMIRROR_ERROR_USAGE, _STORAGE. */
gboolean config_edit(const char *group, const char *key, const char *value, char **path,
                     gboolean *changed, GError **error);
