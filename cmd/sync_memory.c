#include "sync_memory.h"

#include "durable.h"

#include <jansson.h>

#define MEMORY "sync.json"
#define MOST_BYTES ((gsize)16 << 20)
/* A week, less half a day: a timer never fires at the same second. */
#define NAMED_EVERY ((7 * 24 - 12) * 3600)

struct SyncMemory {
    json_t *folders; /* {FOLDER: {"since": UTC, "named": seconds, "message": text}} */
    gboolean has_changed;
};

SyncMemory *sync_memory_open(Mirror *mirror)
{
    SyncMemory *memory = g_new0(SyncMemory, 1);
    g_autofree char *text =
        mirror_private_fd(mirror) < 0
            ? NULL
            : small_file_read(mirror_private_fd(mirror), MEMORY, MOST_BYTES, NULL, NULL);
    json_t *object = text ? json_loads(text, 0, NULL) : NULL;
    json_t *folders = json_object_get(object, "person");
    memory->folders = json_is_object(folders) ? json_incref(folders) : json_object();
    json_decref(object);
    return memory;
}

void sync_memory_free(SyncMemory *memory)
{
    if (memory) {
        json_decref(memory->folders);
        g_free(memory);
    }
}

gboolean sync_memory_needs_person(SyncMemory *memory, const char *folder, const char *message,
                                  gint64 now, char **since)
{
    const json_t *known = json_object_get(memory->folders, folder);
    const char *before = json_string_value(json_object_get(known, "since"));
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(now);
    *since = before ? g_strdup(before) : g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
    json_int_t named = json_integer_value(json_object_get(known, "named"));
    if (before && now >= named && now - named < NAMED_EVERY &&
        g_strcmp0(json_string_value(json_object_get(known, "message")), message) == 0) {
        return FALSE;
    }
    json_object_set_new(memory->folders, folder,
                        json_pack("{s:s, s:I, s:s}", "since", *since, "named", (json_int_t)now,
                                  "message", message));
    memory->has_changed = TRUE;
    return TRUE;
}

void sync_memory_forget(SyncMemory *memory, const char *folder)
{
    if (json_object_del(memory->folders, folder) == 0) {
        memory->has_changed = TRUE;
    }
}

gboolean sync_memory_save(SyncMemory *memory, Mirror *mirror, GError **error)
{
    if (!memory->has_changed) {
        return TRUE;
    }
    json_t *object = json_pack("{s:O}", "person", memory->folders);
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_SORT_KEYS);
    json_decref(object);
    durable_sweep(mirror_private_fd(mirror), MEMORY, DURABLE_SWEEP_SECONDS);
    gboolean saved = text && durable_replace(mirror_private_fd(mirror), MEMORY, text, 0644, error);
    free(text);
    return saved;
}
