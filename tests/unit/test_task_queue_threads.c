/* Tasks from many threads run once, in each thread's order, and none is lost. */
#include "task_queue.h"

#include <poll.h>
#include <pthread.h>

#define PUSHERS 4
#define TASKS 5000

typedef struct {
    TaskQueue *queue;
    GArray *numbers; /* guint: what ran, in order; the owner's */
} Log;

typedef struct {
    Log *log;
    guint number;
} Note;

static void write_note(gpointer data)
{
    Note *note = data;
    g_array_append_val(note->log->numbers, note->number);
    g_free(note);
}

static void push_note(Log *log, guint number)
{
    Note *note = g_new(Note, 1);
    *note = (Note){log, number};
    task_queue_push(log->queue, write_note, note);
}

static void log_init(Log *log)
{
    log->queue = task_queue_new();
    log->numbers = g_array_new(FALSE, FALSE, sizeof(guint));
}

static void log_clear(Log *log)
{
    g_array_unref(log->numbers);
}

static gboolean is_readable(const TaskQueue *queue)
{
    struct pollfd event = {.fd = task_queue_fd(queue), .events = POLLIN};
    return poll(&event, 1, 0) == 1;
}

static void test_order(void)
{
    Log log;
    log_init(&log);
    g_assert_false(is_readable(log.queue));
    g_assert_cmpuint(task_queue_run(log.queue, 0), ==, 0);
    g_assert_cmpuint(task_queue_run(log.queue, 1), ==, 0);
    for (guint i = 0; i < 100; i++)
        push_note(&log, i);
    g_assert_true(is_readable(log.queue));
    g_assert_cmpuint(task_queue_run(log.queue, -1), ==, 100);
    g_assert_false(is_readable(log.queue));
    for (guint i = 0; i < 100; i++)
        g_assert_cmpuint(g_array_index(log.numbers, guint, i), ==, i);
    task_queue_free(log.queue);
    log_clear(&log);
}

static void test_wake(void)
{
    g_autoptr(TaskQueue) queue = task_queue_new();
    task_queue_wake(queue);
    task_queue_wake(queue);
    g_assert_true(is_readable(queue));
    g_assert_cmpuint(task_queue_run(queue, -1), ==, 0);
    g_assert_false(is_readable(queue));
}

static void test_free_runs_the_rest(void)
{
    Log log;
    log_init(&log);
    push_note(&log, 7);
    push_note(&log, 8);
    task_queue_free(log.queue);
    g_assert_cmpuint(log.numbers->len, ==, 2);
    g_assert_cmpuint(g_array_index(log.numbers, guint, 1), ==, 8);
    log_clear(&log);
}

/* A task that waits for later ones by running the queue itself. */
static void run_nested(gpointer data)
{
    Log *log = data;
    guint mark = 1000;
    push_note(log, 3);
    task_queue_run(log->queue, 0);
    g_array_append_val(log->numbers, mark);
}

static void test_nested(void)
{
    Log log;
    log_init(&log);
    push_note(&log, 1);
    task_queue_push(log.queue, run_nested, &log);
    push_note(&log, 2);
    while (task_queue_run(log.queue, 0) > 0)
        ;
    const guint wanted[] = {1, 2, 1000, 3};
    g_assert_cmpmem(log.numbers->data, log.numbers->len * sizeof(guint), wanted, sizeof wanted);
    task_queue_free(log.queue);
    log_clear(&log);
}

typedef struct {
    Log *log;
    guint first;
} Pusher;

static void *push_many(void *data)
{
    const Pusher *pusher = data;
    for (guint i = 0; i < TASKS; i++)
        push_note(pusher->log, pusher->first + i);
    return NULL;
}

static void test_many_threads(void)
{
    Log log;
    log_init(&log);
    pthread_t threads[PUSHERS];
    Pusher pushers[PUSHERS];
    for (guint i = 0; i < PUSHERS; i++) {
        pushers[i] = (Pusher){&log, i * TASKS};
        g_assert_cmpint(pthread_create(&threads[i], NULL, push_many, &pushers[i]), ==, 0);
    }
    gsize run = 0;
    while (run < PUSHERS * TASKS)
        run += task_queue_run(log.queue, -1);
    for (guint i = 0; i < PUSHERS; i++)
        pthread_join(threads[i], NULL);
    g_assert_cmpuint(run, ==, PUSHERS * TASKS);
    g_assert_cmpuint(task_queue_run(log.queue, 0), ==, 0);
    guint next[PUSHERS];
    for (guint i = 0; i < PUSHERS; i++)
        next[i] = i * TASKS;
    for (guint i = 0; i < log.numbers->len; i++) {
        guint number = g_array_index(log.numbers, guint, i);
        g_assert_cmpuint(number, ==, next[number / TASKS]++);
    }
    task_queue_free(log.queue);
    log_clear(&log);
}

/* Two owners play a ball to and fro: no wake-up may be lost between a drain and a wait. The ball is
 * touched by whoever has it. */
typedef struct {
    TaskQueue *queues[2];
    gboolean stopped[2]; /* each owner's */
    guint hits, turn;
} Game;

static void stop_first(gpointer data)
{
    ((Game *)data)->stopped[0] = TRUE;
}

static void stop_second(gpointer data)
{
    ((Game *)data)->stopped[1] = TRUE;
}

static void hit(gpointer data)
{
    Game *game = data;
    if (++game->hits == TASKS) {
        task_queue_push(game->queues[0], stop_first, game);
        task_queue_push(game->queues[1], stop_second, game);
        return;
    }
    game->turn = !game->turn;
    task_queue_push(game->queues[game->turn], hit, game);
}

static void *play_second(void *data)
{
    Game *game = data;
    while (!game->stopped[1])
        task_queue_run(game->queues[1], -1);
    return NULL;
}

static void test_ping_pong(void)
{
    Game game = {{task_queue_new(), task_queue_new()}, {FALSE, FALSE}, 0, 0};
    pthread_t thread;
    g_assert_cmpint(pthread_create(&thread, NULL, play_second, &game), ==, 0);
    task_queue_push(game.queues[0], hit, &game);
    while (!game.stopped[0])
        task_queue_run(game.queues[0], -1);
    pthread_join(thread, NULL);
    g_assert_cmpuint(game.hits, ==, TASKS);
    task_queue_free(game.queues[0]);
    task_queue_free(game.queues[1]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/task-queue/order", test_order);
    g_test_add_func("/task-queue/wake", test_wake);
    g_test_add_func("/task-queue/free-runs-the-rest", test_free_runs_the_rest);
    g_test_add_func("/task-queue/nested", test_nested);
    g_test_add_func("/task-queue/many-threads", test_many_threads);
    g_test_add_func("/task-queue/ping-pong", test_ping_pong);
    return g_test_run();
}
