#include "task_queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct {
    TaskFunc func;
    gpointer data;
} Task;

struct TaskQueue {
    pthread_mutex_t mutex;
    GArray *pending; /* Task; guarded by the mutex */
    int event_fd;
    /* The owner's alone: the batch that runs, and the next task of it. A task may run the queue
     * itself; it then goes on with the same batch, so that the order holds. */
    GArray *batch;
    guint next;
};

TaskQueue *task_queue_new(void)
{
    TaskQueue *queue = g_new0(TaskQueue, 1);
    pthread_mutex_init(&queue->mutex, NULL);
    queue->pending = g_array_new(FALSE, FALSE, sizeof(Task));
    queue->batch = g_array_new(FALSE, FALSE, sizeof(Task));
    queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->event_fd < 0)
        g_error("eventfd: %s", g_strerror(errno)); /* without descriptors nothing can go on */
    return queue;
}

void task_queue_free(TaskQueue *queue)
{
    if (!queue)
        return;
    while (task_queue_run(queue, 0) > 0)
        ;
    close(queue->event_fd);
    g_array_unref(queue->batch);
    g_array_unref(queue->pending);
    pthread_mutex_destroy(&queue->mutex);
    g_free(queue);
}

void task_queue_push(TaskQueue *queue, TaskFunc func, gpointer data)
{
    const Task task = {func, data};
    pthread_mutex_lock(&queue->mutex);
    /* Tasks that wait were announced by whoever pushed the first of them. */
    gboolean announce = queue->pending->len == 0;
    g_array_append_val(queue->pending, task);
    /* Under the mutex: the owner that takes the task may free the queue at once. */
    if (announce)
        task_queue_wake(queue);
    pthread_mutex_unlock(&queue->mutex);
}

void task_queue_wake(TaskQueue *queue)
{
    const int saved = errno;
    const guint64 one = 1;
    /* EAGAIN means that the counter is full, hence readable. */
    ssize_t written = TEMP_FAILURE_RETRY(write(queue->event_fd, &one, sizeof one));
    (void)written;
    errno = saved;
}

/* Takes what is pending as the next batch; FALSE where nothing is and nobody woke us. */
static gboolean task_queue_take(TaskQueue *queue)
{
    guint64 count;
    /* Before the tasks are taken: a push that comes in between then announces itself again. */
    ssize_t got = TEMP_FAILURE_RETRY(read(queue->event_fd, &count, sizeof count));
    g_array_set_size(queue->batch, 0);
    queue->next = 0;
    pthread_mutex_lock(&queue->mutex);
    GArray *taken = queue->pending;
    queue->pending = queue->batch;
    queue->batch = taken;
    pthread_mutex_unlock(&queue->mutex);
    return queue->batch->len > 0 || got > 0;
}

static gboolean task_queue_wait(TaskQueue *queue, gint64 timeout_ms)
{
    const gint64 most = MIN(timeout_ms, G_MAXINT);
    const gint64 end = g_get_monotonic_time() / 1000 + most;
    for (;;) {
        gint64 left = most < 0 ? -1 : MAX(0, end - g_get_monotonic_time() / 1000);
        struct pollfd event = {.fd = queue->event_fd, .events = POLLIN};
        int ready = poll(&event, 1, (int)left);
        if (ready >= 0)
            return ready > 0;
        if (errno != EINTR && errno != EAGAIN && errno != ENOMEM)
            g_error("poll: %s", g_strerror(errno));
    }
}

gsize task_queue_run(TaskQueue *queue, gint64 timeout_ms)
{
    if (queue->next >= queue->batch->len && !task_queue_take(queue)) {
        if (timeout_ms != 0 && task_queue_wait(queue, timeout_ms))
            task_queue_take(queue);
    }
    gsize count = 0;
    while (queue->next < queue->batch->len) {
        const Task task = g_array_index(queue->batch, Task, queue->next++);
        task.func(task.data);
        count++;
    }
    return count;
}

int task_queue_fd(const TaskQueue *queue)
{
    return queue->event_fd;
}
