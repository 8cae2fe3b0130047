#include "verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verdict.h"

/* Open files under way: enough for the disk to read ahead of the digests. */
#define MOST_UNDER_WAY 64
/* Up to here the kernel is asked for all of a file as soon as it is open. */
#define READ_AHEAD_BYTES (1024 * 1024)

struct Verifier {
    int tree_fd;
    DigestPool *pool;
    gboolean quick;
    gboolean (*unchanged)(const char *path, guint64 size, gint64 mtime_ns, gint64 ctime_ns,
                          guint64 inode, gpointer data);
    void (*result)(const VerifiedFile *file, gpointer data);
    gpointer data;
    TaskQueue *home;
    GQueue under_way; /* Checking, linked by their own links */
    char *folder;     /* whose descriptor is folder_fd; NULL: none */
    int folder_fd;
    int folder_errno; /* why it could not be opened */
};

/* A file on its way through the pool. */
typedef struct {
    GList link;
    Verifier *verifier;
    DigestJob *job;
    char *path;
    VerifiedFile file;
    DigestSet wanted;
    DigestSet asked; /* the one digest that is computed */
} Checking;

static void checking_free(Checking *checking)
{
    g_free(checking->path);
    g_free(checking);
}

Verifier *verifier_new(int tree_fd, DigestPool *pool, gboolean quick,
                       gboolean (*unchanged)(const char *path, guint64 size, gint64 mtime_ns,
                                             gint64 ctime_ns, guint64 inode, gpointer data),
                       void (*result)(const VerifiedFile *file, gpointer data), gpointer data)
{
    Verifier *verifier = g_new0(Verifier, 1);

    verifier->tree_fd = tree_fd;
    verifier->pool = pool;
    verifier->quick = quick;
    verifier->unchanged = unchanged;
    verifier->result = result;
    verifier->data = data;
    verifier->home = task_queue_new();
    g_queue_init(&verifier->under_way);
    verifier->folder_fd = -1;
    return verifier;
}

static void forget_folder(Verifier *verifier)
{
    g_clear_pointer(&verifier->folder, g_free);
    if (verifier->folder_fd >= 0)
        close(verifier->folder_fd);
    verifier->folder_fd = -1;
}

/* Opens the folder PATH below the tree part by part; no link is followed. */
static int open_folder(int tree_fd, const char *path)
{
    int at = TEMP_FAILURE_RETRY(openat(tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    while (at >= 0 && *path) {
        char part[NAME_MAX + 1];
        gsize length = strcspn(path, "/");
        int next = -1;
        if (length > NAME_MAX) {
            errno = ENAMETOOLONG;
        } else {
            memcpy(part, path, length);
            part[length] = '\0';
            next = TEMP_FAILURE_RETRY(
                openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        }
        int saved = errno;
        close(at);
        errno = saved;
        at = next;
        path += length + (path[length] == '/');
    }
    return at;
}

/* The descriptor of PATH's folder, and its last part in *NAME. -1 with errno. Kept open for the
 * next one. */
static int folder_of(Verifier *verifier, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    gsize length = slash ? (gsize)(slash - path) : 0;

    *name = slash ? slash + 1 : path;
    if (!verifier->folder || strlen(verifier->folder) != length ||
        memcmp(verifier->folder, path, length) != 0) {
        forget_folder(verifier);
        verifier->folder = g_strndup(path, length);
        verifier->folder_fd = open_folder(verifier->tree_fd, verifier->folder);
        verifier->folder_errno = errno;
    }
    if (verifier->folder_fd < 0)
        errno = verifier->folder_errno;
    return verifier->folder_fd;
}

static VerifiedAs verified_as_errno(int errno_value)
{
    switch (errno_value) {
    case ENOENT:
        return VERIFIED_MISSING;
    case ENOTDIR: /* a file or a link stands where a folder must be */
    case ELOOP:
        return VERIFIED_NOT_A_FILE;
    default:
        return VERIFIED_UNREADABLE;
    }
}

static void report(Verifier *verifier, VerifiedFile *file, VerifiedAs as, int errno_value)
{
    file->as = as;
    file->errno_value = errno_value;
    verifier->result(file, verifier->data);
}

static void set_stamp(VerifiedFile *file, const struct stat *st)
{
    file->size = (guint64)st->st_size;
    file->mtime_ns = (gint64)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
    file->ctime_ns = (gint64)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
    file->inode = (guint64)st->st_ino;
    file->mode = st->st_mode;
    file->group = st->st_gid;
}

static void check_link(Verifier *verifier, VerifiedFile *file, int folder_fd, const char *name,
                       const char *target)
{
    char found[PATH_MAX];
    struct stat st;
    gssize length = fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0
                        ? -1
                        : readlinkat(folder_fd, name, found, sizeof found);

    if (length < 0 && errno != EINVAL) {
        report(verifier, file, verified_as_errno(errno), errno);
        return;
    }
    set_stamp(file, &st);
    gboolean same =
        length >= 0 && (gsize)length == strlen(target) && memcmp(found, target, (gsize)length) == 0;
    report(verifier, file, same ? VERIFIED_RIGHT : VERIFIED_NOT_A_FILE, 0);
}

/* The strongest alone: a second one would cost as much as the first. */
static void choose_digest(const DigestSet *wanted, DigestSet *asked)
{
    static const DigestAlgorithm order[] = {DIGEST_SHA256,   DIGEST_SHA512, DIGEST_SHA1,
                                            DIGEST_GIT_BLOB, DIGEST_MD5,    DIGEST_CRC32C};

    *asked = (DigestSet){0};
    for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
        const Digest *digest = digest_set_get(wanted, order[i]);
        if (digest) {
            digest_set_add(asked, digest);
            return;
        }
    }
}

static VerifiedAs judge(const Checking *checking, const DigestSet *digests, guint64 size)
{
    WantedBytes wanted = {
        .locked = checking->asked,
        .locked_size = checking->file.wanted_size,
        .declared_size = SIZE_UNKNOWN,
        .hinted_size = SIZE_UNKNOWN,
    };
    SeenBytes seen = {.digests = *digests, .size = size};
    Verdict verdict = verdict_of(&wanted, &seen);

    if (verdict.kind == VERDICT_VERIFIED)
        return VERIFIED_RIGHT;
    return verdict.kind == VERDICT_WRONG && verdict.by_size ? VERIFIED_SIZE : VERIFIED_DAMAGED;
}

static void on_digested(const DigestSet *digests, guint64 size, int errno_value, gpointer data)
{
    Checking *checking = data;
    Verifier *verifier = checking->verifier;
    VerifiedFile *file = &checking->file;

    g_queue_unlink(&verifier->under_way, &checking->link);
    if (errno_value) {
        report(verifier, file, VERIFIED_UNREADABLE, errno_value);
    } else {
        file->size = size;
        file->seen = digests;
        report(verifier, file, judge(checking, digests, size), 0);
    }
    checking_free(checking);
}

static void read_file(Verifier *verifier, const VerifiedFile *file, int fd)
{
    Checking *checking = g_new0(Checking, 1);

    checking->link.data = checking;
    checking->verifier = verifier;
    checking->path = g_strdup(file->path);
    checking->file = *file;
    checking->file.path = checking->path;
    checking->wanted = *file->wanted;
    checking->file.wanted = &checking->wanted;
    choose_digest(&checking->wanted, &checking->asked);
    if (file->size > 0 && file->size <= READ_AHEAD_BYTES)
        posix_fadvise(fd, 0, (off_t)file->size, POSIX_FADV_WILLNEED);
    g_queue_push_tail_link(&verifier->under_way, &checking->link);
    checking->job = digest_pool_file(verifier->pool, fd, digest_set_algorithms(&checking->asked),
                                     verifier->home, on_digested, checking);
}

/* What can be said without reading; FALSE where the contents must tell. */
static gboolean check_stamp(Verifier *verifier, VerifiedFile *file, const struct stat *st)
{
    set_stamp(file, st);
    if (!S_ISREG(st->st_mode))
        report(verifier, file, VERIFIED_NOT_A_FILE, 0);
    else if (file->wanted_size != SIZE_UNKNOWN && file->size != file->wanted_size)
        report(verifier, file, VERIFIED_SIZE, 0);
    else if (verifier->quick && (!verifier->unchanged ||
                                 verifier->unchanged(file->path, file->size, file->mtime_ns,
                                                     file->ctime_ns, file->inode, verifier->data)))
        report(verifier, file, VERIFIED_UNCHANGED, 0);
    else if (digest_set_is_empty(file->wanted))
        report(verifier, file, VERIFIED_NO_DIGEST, 0);
    else
        return FALSE;
    return TRUE;
}

static void check_file(Verifier *verifier, VerifiedFile *file, int folder_fd, const char *name)
{
    struct stat st;

    /* Looked at first: opening a device or a pipe may have effects. */
    if (fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        report(verifier, file, verified_as_errno(errno), errno);
        return;
    }
    if (check_stamp(verifier, file, &st))
        return;
    int fd = TEMP_FAILURE_RETRY(
        openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (fd < 0) {
        report(verifier, file, verified_as_errno(errno), errno);
    } else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        report(verifier, file, VERIFIED_NOT_A_FILE, 0); /* exchanged in this moment */
        close(fd);
    } else {
        set_stamp(file, &st);
        read_file(verifier, file, fd);
    }
}

void verifier_add(Verifier *verifier, const char *path, guint64 size, const DigestSet *wanted,
                  const char *link_target)
{
    static const DigestSet nothing;
    VerifiedFile file = {
        .path = path,
        .wanted = wanted ? wanted : &nothing,
        .wanted_size = size,
        .size = SIZE_UNKNOWN,
    };
    const char *name;
    int folder_fd = folder_of(verifier, path, &name);

    if (folder_fd < 0)
        report(verifier, &file, verified_as_errno(errno), errno);
    else if (link_target)
        check_link(verifier, &file, folder_fd, name, link_target);
    else
        check_file(verifier, &file, folder_fd, name);
    task_queue_run(verifier->home, 0);
    while (verifier->under_way.length >= MOST_UNDER_WAY)
        task_queue_run(verifier->home, -1);
}

void verifier_finish(Verifier *verifier)
{
    while (verifier->under_way.length > 0)
        task_queue_run(verifier->home, -1);
}

void verifier_free(Verifier *verifier)
{
    if (!verifier)
        return;
    for (GList *link = g_queue_pop_head_link(&verifier->under_way); link;
         link = g_queue_pop_head_link(&verifier->under_way)) {
        Checking *checking = link->data;
        digest_job_cancel(checking->job);
        checking_free(checking);
    }
    forget_folder(verifier);
    task_queue_free(verifier->home);
    g_free(verifier);
}
