#include "space_count.h"

#include <sys/vfs.h>

void space_count_clear(SpaceCount *count)
{
    g_clear_pointer(&count->links, g_hash_table_unref);
}

void space_count_add(SpaceCount *count, const struct stat *file)
{
    guint64 on_disk = (guint64)file->st_blocks * 512;
    count->files++;
    count->bytes += (guint64)file->st_size;
    if (file->st_nlink < 2) {
        count->freed_bytes += on_disk;
        return;
    }
    if (count->links == NULL)
        count->links = g_hash_table_new(g_direct_hash, g_direct_equal);
    gpointer inode = GSIZE_TO_POINTER(file->st_ino);
    gsize seen = GPOINTER_TO_SIZE(g_hash_table_lookup(count->links, inode)) + 1;
    if (seen == 1 && g_hash_table_size(count->links) >= SPACE_COUNT_MOST_LINKS) {
        count->at_least = TRUE;
        count->shared_files++;
        count->shared_bytes += on_disk;
        return;
    }
    g_hash_table_insert(count->links, inode, GSIZE_TO_POINTER(seen));
    count->shared_files++;
    if (seen == 1)
        count->shared_bytes += on_disk;
    if (seen < file->st_nlink)
        return;
    count->shared_files -= seen;
    count->shared_bytes -= on_disk;
    count->freed_bytes += on_disk;
}

gboolean file_system_may_reflink(int fd)
{
    /* statfs(2), linux/magic.h, and OpenZFS's own. */
    static const unsigned long magics[] = {0x9123683e, 0x58465342, 0xca451a4e, 0x7461636f,
                                           0x2fc12fc1};
    struct statfs system;
    if (fstatfs(fd, &system) != 0)
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(magics); i++) {
        if ((unsigned long)system.f_type == magics[i])
            return TRUE;
    }
    return FALSE;
}
