#include "config_readers.h"

#include "error.h"
#include "i18n.h"

#include <grp.h>
#include <string.h>

gboolean config_readers_is_group(const char *group)
{
    return g_str_has_prefix(group, CONFIG_DATASET_GROUP) ||
           g_str_has_prefix(group, CONFIG_ACCESS_GROUP);
}

static gboolean find_group(const char *name, gid_t *gid)
{
    struct group entry, *found = NULL;
    const gsize size = 65536;
    g_autofree char *buffer = g_malloc(size);
    if (getgrnam_r(name, &entry, buffer, size, &found) != 0 || !found) {
        return FALSE;
    }
    *gid = found->gr_gid;
    return TRUE;
}

gboolean config_readers_take(Config *config, const char *group, const char *key, const char *value,
                             const char *path, guint line, GError **error)
{
    gid_t gid = 0;
    if (strcmp(key, "group") != 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%u: [%s] has no key '%s'. Its key is 'group'."), path, line, group, key);
        return FALSE;
    }
    if (!find_group(value, &gid)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s:%u: there is no group '%s' on this machine. Yours are told by: id"), path,
                    line, value);
        return FALSE;
    }
    if (!g_hash_table_contains(config->readers, group)) {
        g_hash_table_insert(config->readers, g_strdup(group), GUINT_TO_POINTER((guint)gid));
    }
    return TRUE;
}

static gboolean look_up(const Config *config, const char *prefix, const char *name,
                        Readers *readers)
{
    gpointer gid = NULL;
    g_autofree char *group = g_strconcat(prefix, name, NULL);
    if (!name || !g_hash_table_lookup_extended(config->readers, group, NULL, &gid)) {
        return FALSE;
    }
    readers->group = (gid_t)GPOINTER_TO_UINT(gid);
    return TRUE;
}

Readers config_readers(const Config *config, const char *id, const char *ref, const char *access)
{
    Readers readers = READERS_OWNER;
    if (access_is_open(access)) {
        return READERS_EVERYBODY;
    }
    if (!look_up(config, CONFIG_DATASET_GROUP, id, &readers) &&
        !look_up(config, CONFIG_DATASET_GROUP, ref, &readers)) {
        look_up(config, CONFIG_ACCESS_GROUP, access, &readers);
    }
    return readers;
}
