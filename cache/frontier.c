#include "frontier.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What both processes see. The child's mapping cannot be written: the file is sealed once ours is
 * made. */
typedef struct {
    _Atomic guint32 changes; /* the futex: counts up with every change */
    _Atomic guint32 state;   /* FrontierState: MORE until finished or failed */
    _Atomic guint64 now;
} SharedPage;

struct Frontier {
    gint references;
    int fd;
    SharedPage *page;
};

static Frontier *frontier_map(int fd, int protection)
{
    void *page = mmap(NULL, sizeof(SharedPage), protection, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        close(fd);
        return NULL;
    }
    Frontier *frontier = g_new0(Frontier, 1);
    frontier->references = 1;
    frontier->fd = fd;
    frontier->page = page;
    return frontier;
}

Frontier *frontier_new(void)
{
    int fd = memfd_create("frontier", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        g_error("cannot make a page of shared memory: %s", g_strerror(errno));
    if (ftruncate(fd, sizeof(SharedPage)) != 0)
        g_error("cannot size a page of shared memory: %s", g_strerror(errno));
    Frontier *frontier = frontier_map(fd, PROT_READ | PROT_WRITE);
    if (!frontier)
        g_error("cannot map a page of shared memory: %s", g_strerror(errno));
    /* Kernels before 5.1 do not know the seal for future mappings. */
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) != 0)
        (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    return frontier;
}

Frontier *frontier_open(int fd)
{
    int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return own < 0 ? NULL : frontier_map(own, PROT_READ);
}

Frontier *frontier_ref(Frontier *frontier)
{
    g_atomic_int_inc(&frontier->references);
    return frontier;
}

void frontier_unref(Frontier *frontier)
{
    if (!frontier || !g_atomic_int_dec_and_test(&frontier->references))
        return;
    munmap(frontier->page, sizeof(SharedPage));
    close(frontier->fd);
    g_free(frontier);
}

static void frontier_wake(Frontier *frontier)
{
    atomic_fetch_add(&frontier->page->changes, 1);
    syscall(SYS_futex, &frontier->page->changes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void frontier_raise(Frontier *frontier, guint64 to)
{
    guint64 now = atomic_load(&frontier->page->now);
    while (now < to && !atomic_compare_exchange_weak(&frontier->page->now, &now, to))
        ;
}

void frontier_advance(Frontier *frontier, guint64 to)
{
    frontier_raise(frontier, to);
    frontier_wake(frontier);
}

static void frontier_end(Frontier *frontier, guint32 as)
{
    guint32 open = FRONTIER_MORE;
    atomic_compare_exchange_strong(&frontier->page->state, &open, as);
    frontier_wake(frontier);
}

void frontier_finish(Frontier *frontier, guint64 total)
{
    frontier_raise(frontier, total);
    frontier_end(frontier, FRONTIER_COMPLETE);
}

void frontier_fail(Frontier *frontier)
{
    frontier_end(frontier, FRONTIER_FAILED);
}

FrontierState frontier_wait(Frontier *frontier, guint64 from, guint64 *now)
{
    for (;;) {
        guint32 seen = atomic_load(&frontier->page->changes);
        /* The state first: a finished frontier does not move any more. */
        guint32 state = atomic_load(&frontier->page->state);
        *now = atomic_load(&frontier->page->now);
        if (state == FRONTIER_FAILED)
            return FRONTIER_FAILED;
        if (*now > from)
            return FRONTIER_MORE;
        if (state == FRONTIER_COMPLETE)
            return FRONTIER_COMPLETE;
        syscall(SYS_futex, &frontier->page->changes, FUTEX_WAIT, seen, NULL, NULL, 0);
    }
}

guint64 frontier_now(Frontier *frontier)
{
    return atomic_load(&frontier->page->now);
}

FrontierState frontier_state(Frontier *frontier)
{
    return (FrontierState)atomic_load(&frontier->page->state);
}

int frontier_fd(const Frontier *frontier)
{
    return frontier->fd;
}
