/*
 * Who reads restricted data besides its puller, by configuration: [dataset ID] group = NAME (ID as
 * the catalogue has it, or SOURCE/NAME), else [access CLASS] group = NAME (CLASS: account,
 * application, manual, unknown).
 */
#pragma once

#include "config.h"
#include "readers.h"

#define CONFIG_DATASET_GROUP "dataset "
#define CONFIG_ACCESS_GROUP "access "

/* Is [GROUP] one of them? */
gboolean config_readers_is_group(const char *group);
/* Takes KEY = VALUE of [GROUP] at PATH, LINE; of two files the first one's word counts. _USAGE. */
gboolean config_readers_take(Config *config, const char *group, const char *key, const char *value,
                             const char *path, guint line, GError **error);
/* Of a dataset whose lock says (or will say) ACCESS. ID may be NULL. */
Readers config_readers(const Config *config, const char *id, const char *ref, const char *access);
