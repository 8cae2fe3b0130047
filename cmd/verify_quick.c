#include "verify_quick.h"

#include <string.h>
#include <sys/stat.h>

typedef struct {
    const QuickPass *pass;
    LockDownload download;
    LockFile next; /* the lock's next file that must be there */
    gboolean at_end;
    gboolean failed;
} Sides;

static gboolean advance(Sides *sides, GError **error)
{
    LockLine line;
    do {
        line = lock_reader_next(sides->pass->lock, &sides->download, &sides->next, error);
    } while (line == LOCK_LINE_DOWNLOAD ||
             (line == LOCK_LINE_FILE && sides->next.state != LOCK_STATE_HAVE));
    sides->at_end = line != LOCK_LINE_FILE;
    sides->failed = line == LOCK_LINE_ERROR;
    return !sides->failed;
}

static gboolean is_unchanged(const Sides *sides, const TreeEntry *entry)
{
    const LockFile *file = &sides->next;
    FileStamp known;
    const FileStamp now = {.size = entry->size,
                           .mtime_ns = entry->mtime_ns,
                           .ctime_ns = entry->ctime_ns,
                           .inode = entry->inode};
    return entry->errno_value == 0 && S_ISREG(entry->mode) && !file->link_target &&
           entry->size == file->size && sides->pass->stamps &&
           index_stamps_find(sides->pass->stamps, entry->path, &known) &&
           file_stamp_equal(&known, &now);
}

static void take_both(const Sides *sides, const TreeEntry *entry)
{
    const QuickPass *pass = sides->pass;
    if (!is_unchanged(sides, entry)) {
        pass->changed(&sides->next, pass->data);
        return;
    }
    const VerifiedFile file = {.path = entry->path,
                               .as = VERIFIED_UNCHANGED,
                               .wanted = &sides->next.digests,
                               .size = entry->size,
                               .wanted_size = sides->next.size,
                               .mtime_ns = entry->mtime_ns,
                               .ctime_ns = entry->ctime_ns,
                               .inode = entry->inode,
                               .mode = entry->mode,
                               .group = entry->group};
    pass->unchanged(&file, pass->data);
}

static gboolean on_entry(const TreeEntry *entry, gpointer data, GError **error)
{
    Sides *sides = data;
    const QuickPass *pass = sides->pass;
    int order = -1;
    if (job_is_cancelled(pass->job)) {
        return FALSE;
    }
    while (!sides->at_end && (order = strcmp(sides->next.path, entry->path)) < 0) {
        pass->changed(&sides->next, pass->data);
        if (!advance(sides, error)) {
            return FALSE;
        }
    }
    if (sides->at_end || order > 0) {
        pass->foreign(entry, pass->data);
        return TRUE;
    }
    take_both(sides, entry);
    return advance(sides, error);
}

gboolean quick_pass_run(const QuickPass *pass, GError **error)
{
    Sides sides = {.pass = pass};
    gboolean done = advance(&sides, error) && tree_scan(pass->tree_fd, 0, on_entry, &sides, error);
    while (done && !sides.at_end && !job_is_cancelled(pass->job)) {
        pass->changed(&sides.next, pass->data);
        done = advance(&sides, error);
    }
    lock_download_clear(&sides.download);
    lock_file_clear(&sides.next);
    return done || (job_is_cancelled(pass->job) && !sides.failed);
}
