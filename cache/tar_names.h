/*
 * Names of a tar's members as they are written. libarchive composes those of pax headers (NFC), so
 * that files from a Mac would get other names than their dataset's lists say.
 */
#pragma once

#include <glib.h>

typedef struct TarNames TarNames;
TarNames *tar_names_new(void); /* owned */
void tar_names_free(TarNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TarNames, tar_names_free)
/* The tar's bytes, one after another; the last MiB is kept. */
void tar_names_see(TarNames *names, const void *bytes, gsize length);
/* The value of KEY ("path", "linkpath") in the pax header of the member whose first header begins
 * at POSITION, where it is READ but for its normal form; NULL where there is none. Owned. */
char *tar_names_find(const TarNames *names, guint64 position, const char *key, const char *read);
