#include "lock_compare.h"

#include <string.h>

typedef struct {
    LockReader *reader;
    LockFile file;
    gboolean at_end;
} Side;

/* To the next file that is held. */
static gboolean advance(Side *side, GError **error)
{
    g_auto(LockDownload) download = {0};
    LockLine line;
    do {
        line = lock_reader_next(side->reader, &download, &side->file, error);
    } while (line == LOCK_LINE_DOWNLOAD ||
             (line == LOCK_LINE_FILE && side->file.state != LOCK_STATE_HAVE));
    side->at_end = line != LOCK_LINE_FILE;
    return line != LOCK_LINE_ERROR;
}

static gboolean is_same(const LockFile *a, const LockFile *b)
{
    const Digest *of_a = digest_set_get(&a->digests, DIGEST_SHA256);
    const Digest *of_b = digest_set_get(&b->digests, DIGEST_SHA256);
    if (of_a && of_b) {
        return digest_equal(of_a, of_b);
    }
    return !of_a && !of_b && g_strcmp0(a->link_target, b->link_target) == 0;
}

gboolean lock_compare(LockReader *before, LockReader *after, LockComparison *result, GError **error)
{
    Side old = {.reader = before}, new = {.reader = after};
    memset(result, 0, sizeof *result);
    gboolean good = advance(&old, error) && advance(&new, error);
    while (good && !(old.at_end && new.at_end)) {
        int order = old.at_end ? 1 : new.at_end ? -1 : strcmp(old.file.path, new.file.path);
        if (order < 0) {
            result->gone++;
        } else if (order > 0) {
            result->added++;
        } else if (is_same(&old.file, &new.file)) {
            result->same++;
        } else {
            result->changed++;
        }
        good = (order > 0 || advance(&old, error)) && (order < 0 || advance(&new, error));
    }
    lock_file_clear(&old.file);
    lock_file_clear(&new.file);
    return good;
}
