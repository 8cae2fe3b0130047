/* VERSION.metadata.csv, where somebody removed it. */
#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "job_owner.h"
#include "job_repair.h"
#include "readers.h"
#include "series_table.h"
#include "tree_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char *beside(const LockHeader *header, const char *suffix)
{
    g_autofree char *version = mirror_version_name(header->version);
    return g_strdup_printf("%s/%s%s", header->folder, version, suffix);
}

static gboolean holds_series(Mirror *mirror, const LockHeader *header)
{
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, header->folder, header->version, NULL);
    g_auto(LockDownload) download = {0};
    g_auto(LockFile) file = {0};
    while (lock && lock_reader_next(lock, &download, &file, NULL) == LOCK_LINE_DOWNLOAD) {
        if (download.state == LOCK_STATE_HAVE &&
            file_facts_get(download.facts, "SeriesInstanceUID")) {
            return TRUE;
        }
    }
    return FALSE;
}

gboolean job_lacks_metadata(Mirror *mirror, const LockHeader *header)
{
    struct stat now;
    g_autofree char *name = beside(header, ".metadata.csv");
    return fstatat(mirror_fd(mirror), name, &now, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT &&
           holds_series(mirror, header);
}

gboolean job_repair_metadata(Job *job, Mirror *mirror, const LockHeader *header, gboolean no_wait,
                             GError **error)
{
    g_autoptr(Owner) owner =
        job_take_owner(job, mirror, header->ref, header->folder, "repair", no_wait, error);
    if (!owner) {
        return FALSE;
    }
    int tree_fd = mirror_open_tree(mirror, header->folder, header->version, NULL);
    const Readers readers = readers_of_tree(header->access, tree_fd);
    g_autofree char *lock = beside(header, ".lock.jsonl");
    g_autofree char *name = beside(header, ".metadata.csv");
    g_autofree char *version = mirror_version_name(header->version);
    g_autofree char *prefix = g_strconcat(version, "/", NULL);
    g_autofree char *aside = g_strdup_printf(".medmirror/stage/metadata-%d", (int)getpid());
    int fd = mirror_fd(mirror);
    const SeriesTrees trees = {prefix, tree_fd, -1};
    gboolean made =
        series_table_make_file(fd, lock, aside, &trees, readers_file_mode(&readers), error);
    if (tree_fd >= 0) {
        close(tree_fd);
    }
    if (!made) {
        unlinkat(fd, aside, 0);
        return FALSE;
    }
    if (renameat(fd, aside, fd, name) == 0 || errno == ENOENT) {
        return TRUE;
    }
    int number = errno;
    unlinkat(fd, aside, 0);
    return error_set_storage(error, number, _("%s cannot be written"), name);
}
