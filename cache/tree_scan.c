#include "tree_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"
#include "folder_names.h"
#include "i18n.h"

enum {
    BATCH_NAMES = 256,
    MOST_BATCHES = 64,
    LEAST_THREADS = 2,
    MOST_THREADS = 4,
};

/* A folder stays open until the last of its names was asked for. */
typedef struct {
    FolderNames names;
    gint references; /* atomic */
} Folder;

typedef enum {
    BATCH_WAITS,
    BATCH_TAKEN,
    BATCH_DONE,
} BatchState;

/* Names of one folder that follow each other; or, without a folder, one that cannot be read. */
typedef struct {
    GList link;      /* in the order of paths */
    GList todo_link; /* while it waits */
    BatchState state;
    Folder *folder;
    char *prefix; /* the folder's path, with '/' at its end; "" of the tree itself */
    int errno_value;
    guint count;
    GByteArray *names;
    guint32 offsets[BATCH_NAMES];
    TreeEntry entries[BATCH_NAMES];
} Batch;

typedef struct {
    int tree_fd;
    gsize names_bytes;
    pthread_mutex_t lock; /* guards what follows, and each batch's state */
    pthread_cond_t work;  /* a batch waits, or the end */
    pthread_cond_t done;  /* a batch is through, or comes, or no more will */
    pthread_cond_t room;
    GQueue batches, todo, spare;
    gboolean walked, stop;
} Scan;

/* The reading thread's own. */
typedef struct {
    Scan *scan;
    GString *path; /* the folder's, with '/' at its end */
} Reading;

static void folder_unref(Folder *folder)
{
    if (!folder || !g_atomic_int_dec_and_test(&folder->references))
        return;
    folder_names_close(&folder->names);
    g_free(folder);
}

static void batch_clear(Batch *batch)
{
    g_clear_pointer(&batch->folder, folder_unref);
    g_clear_pointer(&batch->prefix, g_free);
    g_byte_array_set_size(batch->names, 0);
    batch->count = 0;
}

static void batch_free(Batch *batch)
{
    batch_clear(batch);
    g_byte_array_unref(batch->names);
    g_free(batch);
}

static const char *batch_name(const Batch *batch, guint index)
{
    return (const char *)batch->names->data + batch->offsets[index];
}

/* Asks for the stamp of each name. */
static void batch_look(Batch *batch)
{
    int folder_fd = batch->folder ? dirfd(batch->folder->names.dir) : -1;

    for (guint i = 0; i < batch->count; i++) {
        TreeEntry *entry = &batch->entries[i];
        struct stat st;
        *entry = (TreeEntry){0};
        if (fstatat(folder_fd, batch_name(batch, i), &st, AT_SYMLINK_NOFOLLOW) < 0) {
            entry->errno_value = errno;
            continue;
        }
        entry->mode = st.st_mode;
        entry->group = st.st_gid;
        entry->size = (guint64)st.st_size;
        entry->mtime_ns = (gint64)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        entry->ctime_ns = (gint64)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec;
        entry->inode = (guint64)st.st_ino;
    }
}

/* A batch to be filled; NULL where the scan ends. */
static Batch *batch_new(Scan *scan)
{
    pthread_mutex_lock(&scan->lock);
    GList *link = g_queue_pop_head_link(&scan->spare);
    pthread_mutex_unlock(&scan->lock);
    if (link)
        return link->data;
    Batch *batch = g_new(Batch, 1);
    batch->link = batch->todo_link = (GList){.data = batch};
    batch->folder = NULL;
    batch->prefix = NULL;
    batch->names = g_byte_array_new();
    batch->count = 0;
    return batch;
}

/* Takes the batch. FALSE where the scan ends. */
static gboolean scan_push(Scan *scan, Batch *batch, BatchState state)
{
    pthread_mutex_lock(&scan->lock);
    while (!scan->stop && scan->batches.length >= MOST_BATCHES)
        pthread_cond_wait(&scan->room, &scan->lock);
    batch->state = state;
    g_queue_push_tail_link(&scan->batches, &batch->link);
    if (state == BATCH_WAITS) {
        g_queue_push_tail_link(&scan->todo, &batch->todo_link);
        pthread_cond_signal(&scan->work);
    }
    pthread_cond_signal(&scan->done);
    gboolean go_on = !scan->stop;
    pthread_mutex_unlock(&scan->lock);
    return go_on;
}

static gboolean push_unreadable(Reading *reading, int errno_value)
{
    Batch *batch = batch_new(reading->scan);

    batch->prefix = g_strdup(reading->path->len ? reading->path->str : "/");
    batch->errno_value = errno_value;
    return scan_push(reading->scan, batch, BATCH_DONE);
}

static gboolean push_names(Reading *reading, Folder *folder, Batch **filled)
{
    Batch *batch = g_steal_pointer(filled);

    if (!batch)
        return TRUE;
    g_atomic_int_inc(&folder->references);
    batch->folder = folder;
    batch->prefix = g_strndup(reading->path->str, reading->path->len);
    return scan_push(reading->scan, batch, BATCH_WAITS);
}

static void batch_add(Batch *batch, const char *name, gsize length)
{
    batch->offsets[batch->count++] = batch->names->len;
    g_byte_array_append(batch->names, (const guint8 *)name, (guint)length + 1);
}

static gboolean read_folder(Reading *reading, int parent_fd, const char *name, gsize room,
                            guint depth);

/* One reading of the folder's names, in batches; folders in between are read at their place. */
static gboolean read_names(Reading *reading, Folder *folder, gsize room, guint depth)
{
    FolderNames *names = &folder->names;
    gsize prefix = reading->path->len;
    gsize used = folder_names_used(names);
    gsize left = room > used ? room - used : 0;
    Batch *batch = NULL;
    gboolean go_on = TRUE;

    for (guint i = 0; go_on && i < names->offsets->len; i++) {
        const char *name = folder_names_at(names, i);
        gsize length = strlen(name);
        if (name[length - 1] == '/') {
            g_autofree char *plain = g_strndup(name, length - 1);
            go_on = push_names(reading, folder, &batch);
            g_string_append_len(reading->path, name, (gssize)length);
            go_on = go_on && read_folder(reading, dirfd(names->dir), plain, left, depth);
            g_string_truncate(reading->path, prefix);
            continue;
        }
        if (!batch)
            batch = batch_new(reading->scan);
        batch_add(batch, name, length);
        if (batch->count == BATCH_NAMES)
            go_on = push_names(reading, folder, &batch);
    }
    if (go_on)
        return push_names(reading, folder, &batch);
    if (batch)
        batch_free(batch);
    return FALSE;
}

static gboolean read_folder(Reading *reading, int parent_fd, const char *name, gsize room,
                            guint depth)
{
    FolderNames names;
    gboolean go_on = TRUE;

    if (depth > FOLDER_DEPTH_MOST)
        return push_unreadable(reading, ELOOP);
    if (!folder_names_open(&names, parent_fd, name, room))
        return errno == ENOENT /* gone meanwhile */ || push_unreadable(reading, errno);
    Folder *folder = g_new(Folder, 1);
    *folder = (Folder){.names = names, .references = 1};
    do {
        go_on = folder_names_read(&folder->names) ? read_names(reading, folder, room, depth + 1)
                                                  : push_unreadable(reading, errno);
    } while (go_on && folder_names_advance(&folder->names));
    folder_unref(folder);
    return go_on;
}

static void *reading_thread(void *data)
{
    Scan *scan = data;
    g_autoptr(GString) path = g_string_new(NULL);
    Reading reading = {.scan = scan, .path = path};

    read_folder(&reading, scan->tree_fd, ".", scan->names_bytes, 0);
    pthread_mutex_lock(&scan->lock);
    scan->walked = TRUE;
    pthread_cond_broadcast(&scan->work);
    pthread_cond_signal(&scan->done);
    pthread_mutex_unlock(&scan->lock);
    return NULL;
}

/* Called and left with the lock held. */
static void locked_look(Scan *scan, Batch *batch)
{
    g_queue_unlink(&scan->todo, &batch->todo_link);
    batch->state = BATCH_TAKEN;
    pthread_mutex_unlock(&scan->lock);
    batch_look(batch);
    pthread_mutex_lock(&scan->lock);
    batch->state = BATCH_DONE;
}

static void *looking_thread(void *data)
{
    Scan *scan = data;

    pthread_mutex_lock(&scan->lock);
    while (!scan->stop && !(scan->walked && scan->todo.length == 0)) {
        if (scan->todo.head) {
            locked_look(scan, scan->todo.head->data);
            pthread_cond_signal(&scan->done);
        } else {
            pthread_cond_wait(&scan->work, &scan->lock);
        }
    }
    pthread_mutex_unlock(&scan->lock);
    return NULL;
}

/* The next batch in order, looked at; NULL at the end. */
static Batch *scan_next(Scan *scan)
{
    Batch *batch = NULL;

    pthread_mutex_lock(&scan->lock);
    for (;;) {
        GList *first = scan->batches.head;
        batch = first ? first->data : NULL;
        if (batch && batch->state == BATCH_WAITS)
            locked_look(scan, batch); /* rather than wait for another to do it */
        if (batch ? batch->state == BATCH_DONE : scan->walked)
            break;
        pthread_cond_wait(&scan->done, &scan->lock);
    }
    if (batch) {
        g_queue_unlink(&scan->batches, &batch->link);
        pthread_cond_signal(&scan->room);
    }
    pthread_mutex_unlock(&scan->lock);
    return batch;
}

static void scan_give_back(Scan *scan, Batch *batch)
{
    batch_clear(batch);
    pthread_mutex_lock(&scan->lock);
    g_queue_push_tail_link(&scan->spare, &batch->link);
    pthread_mutex_unlock(&scan->lock);
}

static gboolean hand_on(const Batch *batch, GString *path,
                        gboolean (*func)(const TreeEntry *entry, gpointer data, GError **error),
                        gpointer data, GError **error)
{
    g_string_assign(path, batch->prefix);
    if (!batch->folder) {
        const TreeEntry entry = {.path = path->str, .errno_value = batch->errno_value};
        return func(&entry, data, error);
    }
    gsize prefix = path->len;
    for (guint i = 0; i < batch->count; i++) {
        TreeEntry entry = batch->entries[i];
        if (entry.errno_value == ENOENT) /* gone meanwhile */
            continue;
        g_string_truncate(path, prefix);
        g_string_append(path, batch_name(batch, i));
        entry.path = path->str;
        if (!func(&entry, data, error))
            return FALSE;
    }
    return TRUE;
}

static void scan_clear(Scan *scan)
{
    GQueue *queues[] = {&scan->batches, &scan->spare};

    for (guint i = 0; i < G_N_ELEMENTS(queues); i++) {
        GList *link;
        while ((link = g_queue_pop_head_link(queues[i])))
            batch_free(link->data);
    }
    pthread_cond_destroy(&scan->room);
    pthread_cond_destroy(&scan->done);
    pthread_cond_destroy(&scan->work);
    pthread_mutex_destroy(&scan->lock);
}

static void scan_init(Scan *scan, int tree_fd, gsize names_bytes)
{
    *scan = (Scan){.tree_fd = tree_fd, .names_bytes = names_bytes};
    pthread_mutex_init(&scan->lock, NULL);
    pthread_cond_init(&scan->work, NULL);
    pthread_cond_init(&scan->done, NULL);
    pthread_cond_init(&scan->room, NULL);
}

gboolean tree_scan_within(int tree_fd, gsize names_bytes, guint threads,
                          gboolean (*func)(const TreeEntry *entry, gpointer data, GError **error),
                          gpointer data, GError **error)
{
    pthread_t thread[1 + MOST_THREADS];
    guint wanted = threads ? MIN(threads, MOST_THREADS)
                           : CLAMP(g_get_num_processors(), LEAST_THREADS, MOST_THREADS);
    guint running = 0;
    gboolean go_on = TRUE;
    Scan scan;

    scan_init(&scan, tree_fd, names_bytes);
    int failed = pthread_create(&thread[0], NULL, reading_thread, &scan);
    if (failed) {
        scan_clear(&scan);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("A thread that reads folders could not be started: %s."), g_strerror(failed));
        return FALSE;
    }
    /* Without these the caller's own thread does their work. */
    for (running = 1; running <= wanted; running++) {
        if (pthread_create(&thread[running], NULL, looking_thread, &scan) != 0)
            break;
    }
    g_autoptr(GString) path = g_string_new(NULL);
    for (Batch *batch; go_on && (batch = scan_next(&scan)); scan_give_back(&scan, batch))
        go_on = hand_on(batch, path, func, data, error);
    pthread_mutex_lock(&scan.lock);
    scan.stop = TRUE;
    pthread_cond_broadcast(&scan.work);
    pthread_cond_broadcast(&scan.room);
    pthread_mutex_unlock(&scan.lock);
    for (guint i = 0; i < running; i++)
        pthread_join(thread[i], NULL);
    scan_clear(&scan);
    return go_on;
}

gboolean tree_scan(int tree_fd, guint threads,
                   gboolean (*func)(const TreeEntry *entry, gpointer data, GError **error),
                   gpointer data, GError **error)
{
    return tree_scan_within(tree_fd, FOLDER_NAMES_BYTES, threads, func, data, error);
}
