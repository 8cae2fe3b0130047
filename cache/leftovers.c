#include "leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "durable.h"
#include "error.h"
#include "holds.h"
#include "i18n.h"
#include "intent.h"
#include "owner_file.h"
#include "stage.h"
#include "tree_writer.h"
#include "verifier.h"

void leftover_free(Leftover *leftover)
{
    if (leftover == NULL)
        return;
    g_free(leftover->folder);
    g_free(leftover->ref);
    g_free(leftover->version);
    g_free(leftover);
}

typedef struct {
    Mirror *mirror;
    GPtrArray *found;
    GPtrArray *owners;      /* OwnerInfo*: the living */
    GHashTable *unfinished; /* key: UnfinishedInfo* */
} Search;

typedef struct {
    int fd;
    Leftover *leftover;
} Measure;

static gboolean add_file(const char *path, guint64 size, gboolean is_link, gpointer data,
                         GError **error)
{
    Measure *measure = data;
    struct stat now;
    if (size == SIZE_UNKNOWN || fstatat(measure->fd, path, &now, AT_SYMLINK_NOFOLLOW) != 0)
        return TRUE;
    measure->leftover->files++;
    /* Links to files of the mirror free nothing; sparse files free what they have. */
    if (now.st_nlink < 2)
        measure->leftover->bytes += (guint64)now.st_blocks * 512;
    measure->leftover->touched = MAX(measure->leftover->touched, (gint64)now.st_mtim.tv_sec);
    return TRUE;
}

/* FALSE where there is no such folder, or it is another's. */
static gboolean measure(int base, const char *path, Leftover *leftover)
{
    struct stat now;
    Measure state = {tree_open_folder(base, path, FALSE, 0, NULL), leftover};
    if (state.fd < 0)
        return FALSE;
    if (leftover->files == 0 && fstat(state.fd, &now) == 0)
        leftover->touched = MAX(leftover->touched, (gint64)now.st_mtim.tv_sec);
    tree_walk(state.fd, add_file, &state, NULL);
    close(state.fd);
    return TRUE;
}

static gboolean is_worked_on(const Search *search, const char *folder)
{
    g_autofree char *end = g_strconcat(" ", folder, NULL);
    for (guint i = 0; i < search->owners->len; i++) {
        const OwnerInfo *info = search->owners->pdata[i];
        if (g_str_has_suffix(info->verb, end))
            return TRUE;
    }
    return FALSE;
}

static Leftover *leftover_new(const Search *search, LeftoverKind kind, const char *folder)
{
    Leftover *leftover = g_new0(Leftover, 1);
    leftover->kind = kind;
    leftover->folder = g_strdup(folder);
    leftover->lives = is_worked_on(search, folder);
    return leftover;
}

/* The dataset's folder that KEY was made of; NULL where it was shortened. */
static char *folder_of_key(const char *key)
{
    g_autofree char *folder = g_uri_unescape_string(key, NULL);
    g_autofree char *again = folder == NULL ? NULL : mirror_folder_key(folder);
    return g_strcmp0(again, key) == 0 ? g_steal_pointer(&folder) : NULL;
}

static GPtrArray *read_keys(const Search *search, const char *place)
{
    GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
    int fd = openat(mirror_private_fd(search->mirror), place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            g_ptr_array_add(keys, g_strdup(entry->d_name));
    }
    if (folder != NULL)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
    return keys;
}

static void find_stages(Search *search)
{
    g_autoptr(GPtrArray) keys = read_keys(search, "stage");
    for (guint i = 0; i < keys->len; i++) {
        const UnfinishedInfo *info = g_hash_table_lookup(search->unfinished, keys->pdata[i]);
        g_autofree char *folder =
            info == NULL ? folder_of_key(keys->pdata[i]) : g_strdup(info->folder);
        if (folder == NULL)
            continue;
        g_autofree char *stage = g_strdup_printf("stage/%s", (char *)keys->pdata[i]);
        g_autofree char *partial = g_strdup_printf("partial/%s", (char *)keys->pdata[i]);
        g_autoptr(Leftover) leftover = leftover_new(search, LEFTOVER_UNFINISHED, folder);
        leftover->ref = info == NULL ? NULL : g_strdup(info->ref);
        leftover->version = info == NULL ? NULL : g_strdup(info->version);
        if (!measure(mirror_private_fd(search->mirror), stage, leftover))
            continue;
        measure(mirror_private_fd(search->mirror), partial, leftover);
        g_ptr_array_add(search->found, g_steal_pointer(&leftover));
    }
}

static void find_below(Search *search, const char *place, LeftoverKind kind)
{
    g_autoptr(GPtrArray) keys = read_keys(search, place);
    for (guint i = 0; i < keys->len; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", place, (char *)keys->pdata[i]);
        g_autofree char *stage = g_strdup_printf("stage/%s", (char *)keys->pdata[i]);
        g_autofree char *folder = folder_of_key(keys->pdata[i]);
        if (folder == NULL ||
            (kind == LEFTOVER_PARTIAL &&
             faccessat(mirror_private_fd(search->mirror), stage, F_OK, AT_SYMLINK_NOFOLLOW) == 0))
            continue;
        g_autoptr(Leftover) leftover = leftover_new(search, kind, folder);
        if (measure(mirror_private_fd(search->mirror), path, leftover))
            g_ptr_array_add(search->found, g_steal_pointer(&leftover));
    }
}

static gboolean find_archives(Search *search, GError **error)
{
    g_autoptr(GPtrArray) headers = mirror_list(search->mirror, error);
    for (guint i = 0; headers != NULL && i < headers->len; i++) {
        const LockHeader *header = headers->pdata[i];
        g_autofree char *name = mirror_version_name(header->version);
        g_autofree char *path = g_strdup_printf("%s/%s.archives", header->folder, name);
        g_autoptr(Leftover) leftover = leftover_new(search, LEFTOVER_ARCHIVES, header->folder);
        leftover->ref = g_strdup(header->ref);
        leftover->version = g_strdup(header->version);
        if (measure(mirror_fd(search->mirror), path, leftover))
            g_ptr_array_add(search->found, g_steal_pointer(&leftover));
    }
    return headers != NULL;
}

static gint compare(gconstpointer first, gconstpointer second)
{
    const Leftover *a = *(Leftover *const *)first, *b = *(Leftover *const *)second;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    int order = strcmp(a->folder, b->folder);
    return order != 0 ? order : g_strcmp0(a->version, b->version);
}

GPtrArray *leftovers_find(Mirror *mirror, guint kinds, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new_with_free_func((GDestroyNotify)leftover_free);
    if (mirror_private_fd(mirror) < 0)
        return g_steal_pointer(&found);
    g_autoptr(GPtrArray) owners = owner_list(mirror, error);
    g_autoptr(GPtrArray) begun = owners == NULL ? NULL : stage_list_unfinished(mirror, error);
    if (begun == NULL)
        return NULL;
    g_autoptr(GHashTable) by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < begun->len; i++) {
        UnfinishedInfo *info = begun->pdata[i];
        g_hash_table_insert(by_key, mirror_folder_key(info->folder), info);
    }
    Search search = {mirror, found, owners, by_key};
    if ((kinds & 1U << LEFTOVER_UNFINISHED) != 0)
        find_stages(&search);
    if ((kinds & 1U << LEFTOVER_PARTIAL) != 0)
        find_below(&search, "partial", LEFTOVER_PARTIAL);
    if ((kinds & 1U << LEFTOVER_EVIDENCE) != 0)
        find_below(&search, "evidence", LEFTOVER_EVIDENCE);
    if ((kinds & 1U << LEFTOVER_ARCHIVES) != 0 && !find_archives(&search, error))
        return NULL;
    g_ptr_array_sort(found, compare);
    return g_steal_pointer(&found);
}

static gboolean throw_away(Mirror *mirror, const char *place, const char *folder, GError **error)
{
    g_autofree char *key = mirror_folder_key(folder);
    g_autofree char *gone = NULL;
    int fd = tree_open_folder(mirror_private_fd(mirror), place, FALSE, 0, error);
    gboolean thrown = fd >= 0 && intent_throw_away(fd, key, &gone, error);
    if (fd >= 0)
        close(fd);
    return thrown;
}

static gboolean remove_archives(Mirror *mirror, const Leftover *leftover, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(Hold) hold = hold_find(mirror, leftover->folder, leftover->version, &problem);
    if (hold != NULL) {
        g_autofree char *words = hold_describe(hold);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s@%s is %s. Its archives stay. To give it free: medmirror release %s@%s"),
                    hold->ref, hold->version, words, hold->ref, hold->version);
        return FALSE;
    }
    g_autofree char *name = mirror_version_name(leftover->version);
    g_autofree char *path = g_strdup_printf("%s/%s.archives", leftover->folder, name);
    g_autofree char *gone = g_strdup_printf(".gone-%08x%08x", g_random_int(), g_random_int());
    int to = tree_open_folder(mirror_private_fd(mirror), "removed", TRUE, 0755, error);
    if (to < 0 || problem != NULL) {
        if (problem != NULL)
            g_propagate_error(error, g_steal_pointer(&problem));
        if (to >= 0)
            close(to);
        return FALSE;
    }
    gboolean moved = renameat(mirror_fd(mirror), path, to, gone) == 0 || errno == ENOENT ||
                     error_set_storage(error, errno, _("cannot remove %s"), path);
    close(to);
    return moved;
}

gboolean leftover_remove(Mirror *mirror, const Leftover *leftover, GError **error)
{
    gboolean removed = FALSE;
    switch (leftover->kind) {
    case LEFTOVER_UNFINISHED:
        /* An install that was interrupted is finished first: a version is no leftover. */
        removed = intent_recover(mirror, leftover->folder, error) &&
                  intent_empty_stage(mirror, leftover->folder, error);
        break;
    case LEFTOVER_PARTIAL:
        removed = throw_away(mirror, "partial", leftover->folder, error);
        break;
    case LEFTOVER_EVIDENCE:
        removed = throw_away(mirror, "evidence", leftover->folder, error);
        break;
    case LEFTOVER_ARCHIVES:
        removed = remove_archives(mirror, leftover, error);
        break;
    }
    intent_remove_gone(mirror);
    return removed;
}

guint leftovers_forget_dead_owners(Mirror *mirror)
{
    int fd = openat(mirror_private_fd(mirror), "owners", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    guint forgotten = 0;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        OwnerInfo *info = NULL;
        if (entry->d_name[0] == '.' || !g_str_has_suffix(entry->d_name, ".json"))
            continue;
        if (owner_file_judge(fd, entry->d_name, TRUE, &info) == OWNER_GONE)
            forgotten++;
        owner_info_free(info);
    }
    if (folder != NULL)
        closedir(folder);
    else if (fd >= 0)
        close(fd);
    return forgotten;
}
