/*
 * How threads of this program talk: each owns a queue, others push tasks, the owner runs them. Made
 * of a pthread mutex and an eventfd, so that it can be waited for with epoll as well (and the
 * thread sanitizer sees into it).
 *
 * Pushing never blocks: what is under way is bounded by admission (one transfer, one message at a
 * time), never by making a running transfer wait.
 */
#pragma once

#include <glib.h>

typedef struct TaskQueue TaskQueue;
typedef void (*TaskFunc)(gpointer data);

TaskQueue *task_queue_new(void); /* owned: task_queue_free() */
/* Tasks that never ran are run now, so that what they own is freed. */
void task_queue_free(TaskQueue *queue);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TaskQueue, task_queue_free)

/* Any thread. FUNC(DATA) will be run once by the owner, in order of pushing. */
void task_queue_push(TaskQueue *queue, TaskFunc func, gpointer data);
/* Wakes the owner without a task. Any thread, and async-signal-safe. */
void task_queue_wake(TaskQueue *queue);
/* Owner: runs all tasks that are there; waits up to TIMEOUT_MS (-1: for ever, 0: not at all) for
 * the first or a wake. Returns the number of tasks run, 0 after a wake too. A task may run the
 * queue itself: the order holds. */
gsize task_queue_run(TaskQueue *queue, gint64 timeout_ms);
/* Readable when there is something to run. Owned by the queue. */
int task_queue_fd(const TaskQueue *queue);
