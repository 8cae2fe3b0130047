#include "lock.h"

#include <string.h>

static const char *const state_names[] = {
    [LOCK_STATE_HAVE] = "have",
    [LOCK_STATE_SKIPPED] = "skipped",
    [LOCK_STATE_ABSENT] = "absent",
    [LOCK_STATE_FAILED] = "failed",
};

const char *lock_state_name(LockState state)
{
    return state_names[state];
}

gboolean lock_state_parse(const char *name, LockState *state)
{
    for (gsize i = 0; i < G_N_ELEMENTS(state_names); i++) {
        if (g_strcmp0(name, state_names[i]) == 0) {
            *state = (LockState)i;
            return TRUE;
        }
    }
    return FALSE;
}

LockHeader *lock_header_new(void)
{
    LockHeader *header = g_new0(LockHeader, 1);
    header->format = LOCK_MIN_READER;
    header->min_reader = LOCK_MIN_READER;
    header->listed_bytes = SIZE_UNKNOWN;
    header->selection = selection_new_all();
    return header;
}

LockHeader *lock_header_copy(const LockHeader *header)
{
    if (!header)
        return NULL;
    LockHeader *copy = g_new(LockHeader, 1);
    *copy = *header;
    copy->ref = g_strdup(header->ref);
    copy->id = g_strdup(header->id);
    copy->folder = g_strdup(header->folder);
    copy->version = g_strdup(header->version);
    copy->version_from = g_strdup(header->version_from);
    copy->source_state = g_strdup(header->source_state);
    copy->state_token = g_strdup(header->state_token);
    copy->selection = selection_copy(header->selection);
    copy->fingerprint = g_strdup(header->fingerprint);
    copy->access = g_strdup(header->access);
    copy->title = g_strdup(header->title);
    copy->licence = g_strdup(header->licence);
    copy->citation = g_strdup(header->citation);
    copy->homepage = g_strdup(header->homepage);
    copy->created = g_strdup(header->created);
    copy->updated = g_strdup(header->updated);
    copy->tool = g_strdup(header->tool);
    copy->in_place = g_strdup(header->in_place);
    return copy;
}

void lock_header_free(LockHeader *header)
{
    if (!header)
        return;
    g_free(header->ref);
    g_free(header->id);
    g_free(header->folder);
    g_free(header->version);
    g_free(header->version_from);
    g_free(header->source_state);
    g_free(header->state_token);
    selection_free(header->selection);
    g_free(header->fingerprint);
    g_free(header->access);
    g_free(header->title);
    g_free(header->licence);
    g_free(header->citation);
    g_free(header->homepage);
    g_free(header->created);
    g_free(header->updated);
    g_free(header->tool);
    g_free(header->in_place);
    g_free(header);
}

gboolean lock_header_is_whole(const LockHeader *header)
{
    return header->skipped == 0 && header->absent == 0 && header->failed == 0;
}

void lock_download_clear(LockDownload *download)
{
    g_free(download->path);
    unpack_rule_free(download->unpack);
    g_clear_pointer(&download->addresses, g_ptr_array_unref);
    json_decref(download->facts);
    *download = (LockDownload){.size = SIZE_UNKNOWN};
}

void lock_file_clear(LockFile *file)
{
    g_free(file->path);
    g_free(file->archive);
    g_free(file->member);
    g_free(file->link_target);
    *file = (LockFile){.size = SIZE_UNKNOWN};
}
