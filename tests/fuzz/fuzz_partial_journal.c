/* The journal of a partial file, torn or wrong: what it says is held is within bounds. */
#include "fuzz_input.h"
#include "partial_journal.h"

#include <errno.h>
#include <fcntl.h>

/* One folder for the whole run, removed at its end. */
static char *folder;
static int folder_fd = -1;

static void remove_folder(void)
{
    unlinkat(folder_fd, "key.journal", 0);
    close(folder_fd);
    rmdir(folder);
    g_free(folder);
}

static void make_folder(void)
{
    if (folder)
        return;
    folder = g_dir_make_tmp("fuzz-journal-XXXXXX", NULL);
    g_assert_nonnull(folder);
    folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(folder_fd, >=, 0);
    atexit(remove_folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    make_folder();
    const int fd = openat(folder_fd, "key.journal", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, data, size), ==, (gssize)size);
    close(fd);
    g_autoptr(PartialState) state = NULL;
    const int failed = partial_journal_read(folder_fd, "key", &state);
    if (failed) {
        g_assert_cmpint(failed, ==, EBADMSG);
        g_assert_null(state);
        return 0;
    }
    g_assert_nonnull(state->name);
    for (guint i = 0; i < state->sources->len; i++) {
        const PartialSource *source = g_ptr_array_index(state->sources, i);
        g_assert_nonnull(source->address);
        g_assert_nonnull(source->validators);
    }
    return 0;
}
