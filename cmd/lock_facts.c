#include "lock_facts.h"

#include "error.h"
#include "i18n.h"
#include "lock_choice.h"
#include "relpath.h"
#include "where_check.h"

#define NAMED_MOST 5

gboolean lock_facts_packing(Mirror *mirror, const LockHeader *header, Packing *packing,
                            GError **error)
{
    *packing = (Packing){0};
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, header->folder, header->version, error);
    LockLine line = lock ? LOCK_LINE_DOWNLOAD : LOCK_LINE_ERROR;
    while (line == LOCK_LINE_DOWNLOAD) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(lock, &download, &file, error);
        if (line == LOCK_LINE_DOWNLOAD && download.unpack && download.state == LOCK_STATE_HAVE) {
            gboolean is_unpacked = download.role == FILE_ROLE_ARCHIVE;
            packing->unpacked = packing->unpacked || is_unpacked;
            packing->keepable = packing->keepable || (is_unpacked && !download.unpack->series);
            packing->packed = packing->packed || !is_unpacked;
        }
    }
    return line != LOCK_LINE_ERROR;
}

gboolean lock_facts_check_taken(Mirror *mirror, const LockHeader *header,
                                const Selection *selection, GError **error)
{
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, header->folder, header->version, error);
    g_autoptr(LockChoice) choice = lock_choice_new(selection);
    LockLine line = lock ? LOCK_LINE_FILE : LOCK_LINE_ERROR;
    while (line == LOCK_LINE_FILE || line == LOCK_LINE_DOWNLOAD) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(lock, &download, &file, error);
        if (line == LOCK_LINE_DOWNLOAD) {
            lock_choice_add(choice, &download);
        }
        if (line == LOCK_LINE_FILE && lock_choice_takes(choice, &file)) {
            return TRUE;
        }
    }
    return line != LOCK_LINE_ERROR && where_set_none(header->ref, selection, error);
}

static gboolean set_missing(const LockHeader *header, GHashTable *left, GError **error)
{
    g_autoptr(GString) list = g_string_new(NULL);
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, left);
    for (guint i = 0; i < NAMED_MOST && g_hash_table_iter_next(&iter, &name, NULL); i++) {
        g_autofree char *shown = relpath_display(name);
        g_string_append_printf(list, "%s%s", i ? ", " : "", shown);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                ngettext("%u path of --files-from is nowhere in %s: %s. The rest is here. See what "
                         "there is with: "
                         "medmirror files %s",
                         "%u paths of --files-from are nowhere in %s: %s. The rest is here. See "
                         "what there is with: "
                         "medmirror files %s",
                         g_hash_table_size(left)),
                g_hash_table_size(left), header->ref, list->str, header->ref);
    return FALSE;
}

gboolean lock_facts_check_names(Mirror *mirror, const LockHeader *header, const char *const *names,
                                GError **error)
{
    g_autoptr(GHashTable) left = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; names[i]; i++) {
        g_hash_table_add(left, (gpointer)names[i]);
    }
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, header->folder, header->version, error);
    LockLine line = lock ? LOCK_LINE_FILE : LOCK_LINE_ERROR;
    while (line == LOCK_LINE_FILE || line == LOCK_LINE_DOWNLOAD) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        line = lock_reader_next(lock, &download, &file, error);
        const char *path = line == LOCK_LINE_FILE       ? file.path
                           : line == LOCK_LINE_DOWNLOAD ? download.path
                                                        : NULL;
        if (path) {
            g_hash_table_remove(left, path);
        }
    }
    if (line == LOCK_LINE_ERROR) {
        return FALSE;
    }
    return g_hash_table_size(left) == 0 || set_missing(header, left, error);
}

char *lock_facts_part(const LockHeader *header)
{
    guint64 lacking = header->skipped + header->absent + header->failed;
    return selection_is_all(header->selection) && lacking
               ? g_strdup_printf(ngettext("all but %" G_GUINT64_FORMAT " file",
                                          "all but %" G_GUINT64_FORMAT " files", lacking),
                                 lacking)
               : selection_describe(header->selection);
}
