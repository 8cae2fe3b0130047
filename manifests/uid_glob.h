/* Globs (selection.h) on the names of images, which are known before their series is fetched but
 * for their UIDs. Pure. */
#pragma once

#include <glib.h>

/* May PATTERN match FOLDER (with its slash) followed by a UID and ".dcm"; or that last part by
 * itself, where PATTERN has no slash? FALSE only where it is sure that it does not. */
gboolean uid_glob_may_match(const char *pattern, const char *folder);
