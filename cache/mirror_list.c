#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "event_log.h"
#include "i18n.h"
#include "intent.h"
#include "machine.h"
#include "mirror.h"
#include "relpath.h"
#include "tree_writer.h"

#define LOCK_SUFFIX ".lock.jsonl"

typedef struct {
    gboolean (*func)(int folder_fd, const char *folder, const char *name, gpointer data,
                     GError **error);
    gpointer data;
} EachLock;

/* The names in a folder, read at once: a folder of datasets or versions, never of their files. */
static GPtrArray *read_names(int fd)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = copy < 0 ? NULL : fdopendir(copy);
    if (folder == NULL) {
        if (copy >= 0)
            close(copy);
        return NULL;
    }
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.')
            g_ptr_array_add(names, g_strdup(entry->d_name));
    }
    closedir(folder);
    return g_steal_pointer(&names);
}

/* Does NAME belong to a version that has its lock here: its tree, archives, extra files? */
static gboolean is_version_folder(const GHashTable *versions, const char *name)
{
    static const char *const suffixes[] = {"", ".archives", ".extra"};
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        if (!g_str_has_suffix(name, suffixes[i]))
            continue;
        g_autofree char *version = g_strndup(name, strlen(name) - strlen(suffixes[i]));
        if (g_hash_table_contains((GHashTable *)versions, version))
            return TRUE;
    }
    return FALSE;
}

static gboolean each_below(int fd, const char *folder, guint depth, const EachLock *each,
                           GError **error)
{
    g_autoptr(GPtrArray) names = read_names(fd);
    g_autoptr(GHashTable) versions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = names->pdata[i];
        if (!g_str_has_suffix(name, LOCK_SUFFIX))
            continue;
        char *version = g_strndup(name, strlen(name) - strlen(LOCK_SUFFIX));
        g_hash_table_add(versions, version);
        if (!each->func(fd, folder, version, each->data, error))
            return FALSE;
    }
    for (guint i = 0; names != NULL && depth < RELPATH_MAX_DEPTH && i < names->len; i++) {
        const char *name = names->pdata[i];
        if (is_version_folder(versions, name))
            continue;
        int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0)
            continue;
        g_autofree char *path =
            *folder == '\0' ? g_strdup(name) : g_strdup_printf("%s/%s", folder, name);
        gboolean done = each_below(below, path, depth + 1, each, error);
        close(below);
        if (!done)
            return FALSE;
    }
    return TRUE;
}

/* Restricted data of another's: that it is here, and for whom, is no secret. */
static gboolean refuse_to_others(const Mirror *mirror, const char *folder, GError **error)
{
    struct stat now;
    gboolean known = fstatat(mirror_fd(mirror), folder, &now, AT_SYMLINK_NOFOLLOW) == 0;
    g_autofree char *owner = known ? machine_user_name(now.st_uid) : g_strdup("?");
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                _("%s is here, for %s alone: it is restricted data, and whoever reads it must sign "
                  "for it. Sign for yourself, then type: medmirror pull --mirror DIR %s"),
                folder, owner, folder);
    return FALSE;
}

gboolean mirror_each_lock(Mirror *mirror, const char *folder,
                          gboolean (*func)(int folder_fd, const char *folder, const char *name,
                                           gpointer data, GError **error),
                          gpointer data, GError **error)
{
    EachLock each = {func, data};
    g_autoptr(GError) problem = NULL;
    int fd = tree_open_folder(mirror_fd(mirror), folder == NULL ? "" : folder, FALSE, 0, &problem);
    if (fd < 0 && errno == EACCES && folder != NULL)
        return refuse_to_others(mirror, folder, error);
    if (fd < 0) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    /* One dataset: its own versions, none further below. */
    gboolean done = each_below(fd, folder == NULL ? "" : folder,
                               folder == NULL ? 0 : RELPATH_MAX_DEPTH, &each, error);
    close(fd);
    return done;
}

typedef struct {
    Mirror *mirror;
    GPtrArray *headers; /* LockHeader*, or DamagedLock* */
} ListLocks;

/* A lock whose tree is not there yet belongs to an install that is under way. */
static gboolean is_installed(Mirror *mirror, int folder_fd, const char *folder, const char *name)
{
    struct stat now;
    return fstatat(folder_fd, name, &now, AT_SYMLINK_NOFOLLOW) == 0 ||
           !intent_exists(mirror, folder);
}

static gboolean add_header(int folder_fd, const char *folder, const char *name, gpointer data,
                           GError **error)
{
    ListLocks *list = data;
    if (!is_installed(list->mirror, folder_fd, folder, name))
        return TRUE;
    g_autofree char *file = g_strconcat(name, LOCK_SUFFIX, NULL);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LockReader) lock = lock_reader_open(folder_fd, file, &problem);
    if (lock == NULL) {
        /* One that cannot be read must not hide the others. */
        event_log(EVENT_LOG_WARNING, "%s: %s", folder, problem->message);
        return TRUE;
    }
    LockHeader *header = lock_header_copy(lock_reader_header(lock));
    /* Where it lies counts, not where it lay once. */
    g_free(header->folder);
    header->folder = g_strdup(folder);
    g_ptr_array_add(list->headers, header);
    return TRUE;
}

void damaged_lock_free(DamagedLock *damaged)
{
    if (damaged == NULL)
        return;
    g_free(damaged->folder);
    g_free(damaged->name);
    g_clear_error(&damaged->problem);
    g_free(damaged);
}

static gboolean add_damaged(int folder_fd, const char *folder, const char *name, gpointer data,
                            GError **error)
{
    ListLocks *list = data;
    g_autofree char *file = g_strconcat(name, LOCK_SUFFIX, NULL);
    g_autoptr(GError) problem = NULL;
    g_autoptr(LockReader) lock = lock_reader_open(folder_fd, file, &problem);
    /* One that went meanwhile was removed. */
    if (lock == NULL && is_installed(list->mirror, folder_fd, folder, name) &&
        faccessat(folder_fd, file, R_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        DamagedLock *damaged = g_new0(DamagedLock, 1);
        damaged->folder = g_strdup(folder);
        damaged->name = g_strdup(name);
        damaged->problem = g_steal_pointer(&problem);
        g_ptr_array_add(list->headers, damaged);
    }
    return TRUE;
}

static gint compare_damaged(gconstpointer first, gconstpointer second)
{
    const DamagedLock *a = *(DamagedLock *const *)first, *b = *(DamagedLock *const *)second;
    int order = strcmp(a->folder, b->folder);
    return order != 0 ? order : strcmp(a->name, b->name);
}

GPtrArray *mirror_damaged_locks(Mirror *mirror, const char *folder)
{
    GPtrArray *all = g_ptr_array_new_with_free_func((GDestroyNotify)damaged_lock_free);
    ListLocks list = {mirror, all};
    mirror_each_lock(mirror, folder, add_damaged, &list, NULL);
    g_ptr_array_sort(all, compare_damaged);
    return all;
}

/* A dotted number's part: its digits without leading zeros. */
static const char *next_number(const char **at, gsize *length)
{
    const char *start = *at;
    while (*start == '0' && g_ascii_isdigit(start[1]))
        start++;
    const char *stop = start;
    while (g_ascii_isdigit(*stop))
        stop++;
    *length = (gsize)(stop - start);
    *at = *stop == '.' ? stop + 1 : stop;
    return start;
}

static gboolean is_dotted_number(const char *text)
{
    gboolean digit = FALSE;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '.' && !g_ascii_isdigit(*at))
            return FALSE;
        if (*at == '.' && !digit)
            return FALSE;
        digit = *at != '.';
    }
    return digit;
}

int version_compare(const char *a, const char *b)
{
    if (!is_dotted_number(a) || !is_dotted_number(b))
        return strcmp(a, b);
    const char *at_a = a, *at_b = b;
    while (*at_a != '\0' && *at_b != '\0') {
        gsize length_a = 0, length_b = 0;
        const char *number_a = next_number(&at_a, &length_a);
        const char *number_b = next_number(&at_b, &length_b);
        if (length_a != length_b)
            return length_a < length_b ? -1 : 1;
        int order = memcmp(number_a, number_b, length_a);
        if (order != 0)
            return order;
    }
    if (*at_a != '\0' || *at_b != '\0')
        return *at_a == '\0' ? -1 : 1;
    /* "1.0" and "1.00": equal as numbers, but two names. */
    return strcmp(a, b);
}

int lock_header_compare_age(const LockHeader *a, const LockHeader *b)
{
    gboolean by_source =
        g_strcmp0(a->version_from, "source") == 0 && g_strcmp0(b->version_from, "source") == 0;
    int order =
        by_source ? version_compare(a->version, b->version) : g_strcmp0(a->created, b->created);
    return order != 0 ? order : version_compare(a->version, b->version);
}

static gint compare_headers(gconstpointer first, gconstpointer second)
{
    const LockHeader *a = *(LockHeader *const *)first, *b = *(LockHeader *const *)second;
    int order = strcmp(a->folder, b->folder);
    return order != 0 ? order : lock_header_compare_age(b, a);
}

static GPtrArray *list_headers(Mirror *mirror, const char *folder, GError **error)
{
    g_autoptr(GPtrArray) headers = g_ptr_array_new_with_free_func((GDestroyNotify)lock_header_free);
    ListLocks list = {mirror, headers};
    if (!mirror_each_lock(mirror, folder, add_header, &list, error))
        return NULL;
    g_ptr_array_sort(headers, compare_headers);
    return g_steal_pointer(&headers);
}

GPtrArray *mirror_list(Mirror *mirror, GError **error)
{
    return list_headers(mirror, NULL, error);
}

GPtrArray *mirror_versions(Mirror *mirror, const char *folder, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (!relpath_check(folder, error))
        return NULL;
    GPtrArray *headers = list_headers(mirror, folder, &problem);
    if (headers != NULL)
        return headers;
    if (g_error_matches(problem, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT))
        return g_ptr_array_new_with_free_func((GDestroyNotify)lock_header_free);
    g_propagate_error(error, g_steal_pointer(&problem));
    return NULL;
}
