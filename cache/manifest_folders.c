#include "manifest_folders.h"

#include "i18n.h"
#include "relpath.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ENDING ".json"
#define ALONE_UP_TO 500 /* files; below, a second thread costs more than it brings */
#define NS ((gint64)1000000000)
/* Two changes within one tick of the file system's clock bear one time. Where it keeps fractions of
 * a second a tick is some milliseconds, elsewhere a second or two. */
#define TICK (NS / 20)
#define COARSE_TICK (2 * NS)

typedef struct {
    int fd;
    ManifestFileState *files;
    guint count;
    gint64 now;
} Share;

static gint64 ns_of(struct timespec time)
{
    return (gint64)time.tv_sec * NS + time.tv_nsec;
}

static void *ask_files(void *data)
{
    const Share *share = data;
    for (guint i = 0; i < share->count; i++) {
        ManifestFileState *file = &share->files[i];
        struct stat status;
        if (fstatat(share->fd, file->name, &status, 0) != 0) {
            file->size = file->modified = file->changed = -1;
            continue;
        }
        file->size = status.st_size;
        file->modified = ns_of(status.st_mtim);
        file->changed = ns_of(status.st_ctim);
        file->inode = status.st_ino;
        gint64 tick = file->changed % NS == 0 ? COARSE_TICK : TICK;
        file->is_young = file->changed + tick > share->now;
    }
    return NULL;
}

/* A network's file server answers one question at a time, and asking costs more than reading the
 * folder: so by two. */
static void ask_folder(int fd, ManifestFileState *files, guint count)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    guint half = count > ALONE_UP_TO ? count / 2 : 0;
    Share first = {fd, files, half, ns_of(now)},
          second = {fd, files + half, count - half, ns_of(now)};
    pthread_t thread;
    gboolean threaded = half && pthread_create(&thread, NULL, ask_files, &first) == 0;
    if (!threaded)
        ask_files(&first);
    ask_files(&second);
    if (threaded)
        pthread_join(thread, NULL);
}

static void add_trouble(ManifestFolders *scan, const char *folder, int error_number)
{
    g_autofree char *shown = relpath_display(folder);
    g_ptr_array_add(scan->troubles,
                    g_strdup_printf(_("The manifests in %s are passed over: it cannot be read "
                                      "(%s)."),
                                    shown, g_strerror(error_number)));
}

static void scan_folder(ManifestFolders *scan, guint index, const char *folder)
{
    int fd = TEMP_FAILURE_RETRY(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int error_number = errno;
        if (fd >= 0)
            close(fd);
        if (error_number != ENOENT && error_number != ENOTDIR)
            add_trouble(scan, folder, error_number);
        return;
    }
    guint before = scan->files->len;
    const struct dirent *entry;
    while ((void)(errno = 0), (entry = readdir(dir))) {
        if (entry->d_name[0] == '.' || !g_str_has_suffix(entry->d_name, ENDING))
            continue;
        ManifestFileState file = {.folder = index,
                                  .name = g_string_chunk_insert(scan->names, entry->d_name)};
        g_array_append_val(scan->files, file);
    }
    if (errno)
        add_trouble(scan, folder, errno);
    guint count = scan->files->len - before;
    if (count > 0)
        ask_folder(fd, &g_array_index(scan->files, ManifestFileState, before), count);
    closedir(dir);
}

static void take_state(ManifestFolders *scan, const GPtrArray *folders)
{
    DigestStream *stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    for (guint i = 0; i < folders->len; i++) {
        const char *folder = folders->pdata[i];
        digest_stream_update(stream, folder, strlen(folder) + 1);
    }
    for (guint i = 0; i < scan->files->len; i++) {
        const ManifestFileState *file = &g_array_index(scan->files, ManifestFileState, i);
        const gint64 numbers[] = {file->folder, file->size, file->modified, file->changed,
                                  (gint64)file->inode};
        digest_stream_update(stream, numbers, sizeof numbers);
        digest_stream_update(stream, file->name, strlen(file->name) + 1);
    }
    DigestSet set = {0};
    digest_stream_finish(stream, &set);
    digest_stream_free(stream);
    g_autofree char *hex = digest_to_hex(digest_set_get(&set, DIGEST_SHA256));
    g_strlcpy(scan->state, hex, sizeof scan->state);
}

ManifestFolders *manifest_folders_scan(const GPtrArray *folders)
{
    ManifestFolders *scan = g_new0(ManifestFolders, 1);
    scan->files = g_array_new(FALSE, FALSE, sizeof(ManifestFileState));
    scan->troubles = g_ptr_array_new_with_free_func(g_free);
    scan->names = g_string_chunk_new(4096);
    for (guint i = 0; i < folders->len; i++)
        scan_folder(scan, i, folders->pdata[i]);
    take_state(scan, folders);
    return scan;
}

void manifest_folders_free(ManifestFolders *scan)
{
    if (!scan)
        return;
    g_array_unref(scan->files);
    g_ptr_array_unref(scan->troubles);
    g_string_chunk_free(scan->names);
    g_free(scan);
}
