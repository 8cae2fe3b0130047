/*
 * The keys of the configuration: their groups, kinds and what counts where nobody sets them.
 */
#pragma once

#include "config.h"

typedef enum {
    KEY_TEXT,
    KEY_PATH,
    KEY_BYTES,
    KEY_COUNT,
    KEY_MS,
    KEY_BOOLEAN,
} ConfigKind;

typedef struct {
    const char *group;
    const char *key;
    ConfigKind kind;
    gsize offset;          /* in Config */
    const char *otherwise; /* what counts where nobody sets it; NULL: nothing */
} ConfigKey;

/* All of [mirror] and [network], *COUNT of them. */
const ConfigKey *config_keys(guint *count);
/* NULL where there is none. */
const ConfigKey *config_key_find(const char *group, const char *key);
/* FALSE where VALUE is none that it can take. */
gboolean config_key_set(const ConfigKey *row, Config *config, const char *value);
/* "a number, as in 500k"; static. */
const char *config_key_words(const ConfigKey *row);
/* The key of GROUP whose name is nearest to KEY; NULL where none is near. Static. */
const char *config_key_nearest(const char *group, const char *key);
/* Are GROUP's keys names of one's own ([endpoints], [fetchers])? */
gboolean config_group_is_open(const char *group);
/* "mirror.max-size", "endpoints.uci", "source.physionet.user-agent", "dataset.ID.group", or a key
 * alone where only one group has it ("retries"; "mirror": mirror.dir). *GROUP and *KEY are owned.
 * MEDMIRROR_ERROR_USAGE with the nearest one. */
gboolean config_key_parse(const char *name, char **group, char **key, GError **error);
/* _USAGE where VALUE is none that the key can take; of [source NAME] and the like only the whole
 * file tells (config_check_text()). */
gboolean config_value_check(const char *group, const char *key, const char *value, GError **error);
