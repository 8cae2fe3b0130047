#include "engine_state.h"
#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 64
#define PUBLISH_EACH_MS 100

static void arm(Engine *engine, Socket *socket)
{
    struct epoll_event event = {.events = EPOLLONESHOT, .data.fd = socket->fd};

    if (socket->wanted & CURL_POLL_IN)
        event.events |= EPOLLIN;
    if (socket->wanted & CURL_POLL_OUT)
        event.events |= EPOLLOUT;
    /* curl may have closed the descriptor, and taken the number again, without a word. */
    if (epoll_ctl(engine->epoll_fd, EPOLL_CTL_MOD, socket->fd, &event) != 0 && errno == ENOENT)
        epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, socket->fd, &event);
}

static void drop_socket(Engine *engine, Socket *socket)
{
    epoll_ctl(engine->epoll_fd, EPOLL_CTL_DEL, socket->fd, NULL);
    g_hash_table_steal(engine->sockets, GINT_TO_POINTER(socket->fd));
    if (socket->queued)
        socket->removed = TRUE;
    else
        g_free(socket);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data)
{
    Engine *engine = data;
    Socket *socket = g_hash_table_lookup(engine->sockets, GINT_TO_POINTER(fd));

    if (what == CURL_POLL_REMOVE) {
        if (socket != NULL)
            drop_socket(engine, socket);
        return 0;
    }
    if (socket == NULL) {
        socket = g_new0(Socket, 1);
        socket->fd = fd;
        g_hash_table_insert(engine->sockets, GINT_TO_POINTER(fd), socket);
    }
    socket->wanted = what;
    if (socket->held == 0 && !socket->queued && engine->served_fd != fd)
        arm(engine, socket);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *data)
{
    Engine *engine = data;

    engine->curl_timer = timeout_ms < 0 ? -1 : engine_now() + timeout_ms;
    return 0;
}

gboolean engine_loop_open(Engine *engine, GError **error)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = task_queue_fd(engine->queue)};

    engine->curl_timer = -1;
    engine->served_fd = -1;
    engine->gate_closed_at = -1;
    engine->sockets = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_queue_init(&engine->ready);
    engine->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    engine->multi = curl_multi_init();
    if (engine->epoll_fd >= 0 && engine->multi != NULL && curl_options_set_multi(engine) &&
        curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
        curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine) == CURLM_OK &&
        curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
        curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine) == CURLM_OK &&
        epoll_ctl(engine->epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event) == 0)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                _("The network part cannot be started: %s."), g_strerror(errno));
    return FALSE;
}

void engine_loop_close(Engine *engine)
{
    if (engine->multi != NULL)
        curl_multi_cleanup(engine->multi);
    Socket *socket;
    while ((socket = g_queue_pop_head(&engine->ready)) != NULL)
        if (socket->removed)
            g_free(socket);
    g_clear_pointer(&engine->sockets, g_hash_table_unref);
    if (engine->epoll_fd >= 0)
        close(engine->epoll_fd);
}

void engine_loop_add(Engine *engine, Attempt *attempt)
{
    if (attempt->outcome.kind == OUTCOME_OK) {
        if (curl_multi_add_handle(engine->multi, attempt->easy) == CURLM_OK)
            return;
        attempt_fail(attempt, OUTCOME_STORAGE, "%s", g_strerror(ENOMEM));
        attempt->outcome.error_number = ENOMEM;
    }
    /* Too late for this turn's list of what is through: its patience has run out. */
    attempt->last_byte_at = G_MININT64 / 2;
}

void engine_loop_hold(Engine *engine, Attempt *attempt)
{
    Socket *socket = engine->served_fd < 0
                         ? NULL
                         : g_hash_table_lookup(engine->sockets, GINT_TO_POINTER(engine->served_fd));

    if (attempt->held_fd >= 0 || socket == NULL)
        return;
    socket->held++;
    attempt->held_fd = socket->fd;
}

void engine_loop_release(Engine *engine, Attempt *attempt)
{
    if (attempt->held_fd < 0 || engine->sockets == NULL)
        return;
    Socket *socket = g_hash_table_lookup(engine->sockets, GINT_TO_POINTER(attempt->held_fd));
    attempt->held_fd = -1;
    /* A socket that was closed meanwhile, and whose number is taken again, is not held. */
    if (socket == NULL || socket->held == 0 || --socket->held > 0)
        return;
    if (!socket->queued && engine->served_fd != socket->fd)
        arm(engine, socket);
}

static void queue_ready(Engine *engine, int fd, uint32_t events)
{
    Socket *socket = g_hash_table_lookup(engine->sockets, GINT_TO_POINTER(fd));

    if (socket == NULL)
        return;
    if (events & (EPOLLIN | EPOLLHUP))
        socket->events |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        socket->events |= CURL_CSELECT_OUT;
    if (events & EPOLLERR)
        socket->events |= CURL_CSELECT_ERR;
    if (!socket->queued) {
        socket->queued = TRUE;
        g_queue_push_tail(&engine->ready, socket);
    }
}

static void serve(Engine *engine, Socket *socket)
{
    int running = 0;
    int fd = socket->fd;
    int events = socket->events;

    socket->queued = FALSE;
    socket->events = 0;
    if (socket->removed) {
        g_free(socket);
        return;
    }
    engine->served_fd = fd;
    curl_multi_socket_action(engine->multi, fd, events, &running);
    engine->served_fd = -1;
    socket = g_hash_table_lookup(engine->sockets, GINT_TO_POINTER(fd));
    if (socket != NULL && socket->held == 0 && !socket->queued)
        arm(engine, socket);
}

static gboolean gate_is_open(Engine *engine)
{
    gint64 now = engine_now();
    gboolean open = rate_bucket_is_open(&engine->bucket, g_get_monotonic_time()) &&
                    engine->pending_bytes < PENDING_BYTES_ALL;

    if (!open && engine->gate_closed_at < 0) {
        engine->gate_closed_at = now;
    } else if (open && engine->gate_closed_at >= 0) {
        engine->gate_closed_for += now - engine->gate_closed_at;
        engine->gate_closed_at = -1;
    }
    return open;
}

/* Once each, in the order in which they became ready, while the gate is open. */
static void serve_ready(Engine *engine)
{
    for (guint left = engine->ready.length; left > 0 && gate_is_open(engine); left--)
        serve(engine, g_queue_pop_head(&engine->ready));
}

static void take_finished(Engine *engine)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(engine->multi, &left)) != NULL) {
        Attempt *attempt = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&attempt);
        attempt_finished(attempt, code);
    }
}

/* Ends what waited too long; ms until the next one will have. */
static gint64 check_patience(Engine *engine)
{
    gint64 now = engine_now();
    gint64 next = -1;
    g_autoptr(GPtrArray) late = g_ptr_array_new();

    for (guint i = 0; i < engine->running->len; i++) {
        const Transfer *transfer = g_ptr_array_index(engine->running, i);
        for (guint j = 0; j < transfer->attempts->len; j++) {
            Attempt *attempt = g_ptr_array_index(transfer->attempts, j);
            gint64 left = attempt_patience(attempt, now);
            if (left == 0)
                g_ptr_array_add(late, attempt);
            else if (next < 0 || left < next)
                next = left;
        }
    }
    for (guint i = 0; i < late->len; i++) {
        Attempt *attempt = g_ptr_array_index(late, i);
        gboolean is_there = FALSE; /* the end of one may have ended another */
        for (guint j = 0; j < engine->running->len && !is_there; j++) {
            const Transfer *transfer = g_ptr_array_index(engine->running, j);
            is_there = g_ptr_array_find(transfer->attempts, attempt, NULL);
        }
        if (!is_there)
            continue;
        attempt_abort(attempt, OUTCOME_CUT);
        round_attempt_ended(attempt);
    }
    return late->len > 0 ? 0 : next;
}

static void sooner(gint64 *timeout, gint64 candidate)
{
    if (candidate >= 0 && (*timeout < 0 || candidate < *timeout))
        *timeout = candidate;
}

static gint64 next_timeout(Engine *engine, gint64 patience, gint64 admission)
{
    gint64 timeout = -1;

    sooner(&timeout, patience);
    sooner(&timeout, admission);
    if (engine->pending_bytes < PENDING_BYTES_ALL) { /* else the answer to an offer wakes us */
        gint64 opens = rate_bucket_opens_in_ms(&engine->bucket);
        if (engine->curl_timer >= 0)
            sooner(&timeout, MAX(engine->curl_timer - engine_now(), opens));
        if (engine->ready.length > 0)
            sooner(&timeout, opens);
    }
    if (engine->running->len > 0)
        sooner(&timeout, PUBLISH_EACH_MS);
    return timeout;
}

static void wait_for_events(Engine *engine, gint64 timeout)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int count = epoll_wait(engine->epoll_fd, events, EVENTS_AT_ONCE,
                           timeout > G_MAXINT ? G_MAXINT : (int)timeout);

    for (int i = 0; i < count; i++)
        if (events[i].data.fd != task_queue_fd(engine->queue))
            queue_ready(engine, events[i].data.fd, events[i].events);
}

void engine_loop_run(Engine *engine)
{
    while (!engine->quits || g_hash_table_size(engine->alive) > 0) {
        int running = 0;
        task_queue_run(engine->queue, 0);
        serve_ready(engine);
        /* Behind its clock curl reads on where a hundred reads did not empty a socket. */
        if (engine->curl_timer >= 0 && engine->curl_timer <= engine_now() && gate_is_open(engine)) {
            engine->curl_timer = -1;
            curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        take_finished(engine);
        gint64 patience = check_patience(engine);
        gint64 admission = admission_run(engine);
        engine_publish(engine, FALSE);
        if (engine->quits && g_hash_table_size(engine->alive) == 0)
            break;
        wait_for_events(engine, next_timeout(engine, patience, admission));
    }
}
