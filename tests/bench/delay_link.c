/*
 * A link of a certain round trip on the loopback device: takes connections and passes bytes on to a
 * server, each half a round trip later. A new connection costs a round trip more, as its handshake
 * would. Bandwidth is not limited.
 *
 *   delay_link PORT MICROSECONDS      listens on a port that the system picks, prints it, and ends
 * at the end of its input
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 64 * 1024,
    MOST_ON_THE_WAY = 4 * 1024 * 1024, /* as a send buffer on a long line has it */
    MOST_EVENTS = 256,
};

typedef struct Piece {
    struct Piece *next;
    int64_t due;
    size_t length, sent; /* LENGTH 0: the end */
    char bytes[];
} Piece;

typedef struct Pair Pair;

/* One direction of a connection. */
typedef struct {
    Pair *pair;
    int from, to;
    Piece *first, **last;
    size_t on_the_way;
    int ended, blocked;
} Way;

struct Pair {
    Pair *next;
    Way way[2]; /* client to server, server to client */
    int64_t opened;
    int dead;
};

static Pair *pairs;
static int poll_fd;
static int64_t one_way;

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void be_quick(int fd)
{
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void take_connection(int listener, uint16_t port)
{
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);
    if (client < 0 || server < 0 ||
        connect(server, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect");
    fcntl(server, F_SETFL, O_NONBLOCK);
    be_quick(client);
    be_quick(server);
    Pair *pair = calloc(1, sizeof *pair);
    pair->next = pairs;
    pairs = pair;
    pair->opened = now();
    for (int i = 0; i < 2; i++) {
        pair->way[i] = (Way){.pair = pair, .from = i ? server : client, .to = i ? client : server};
        pair->way[i].last = &pair->way[i].first;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.ptr = &pair->way[i]};
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, pair->way[i].from, &event);
    }
}

static void read_way(Way *way)
{
    Pair *pair = way->pair;
    while (!way->ended && !pair->dead && way->on_the_way < MOST_ON_THE_WAY) {
        Piece *piece = malloc(sizeof *piece + PIECE_BYTES);
        ssize_t got = read(way->from, piece->bytes, PIECE_BYTES);
        if (got < 0) {
            free(piece);
            pair->dead = errno != EAGAIN && errno != EINTR;
            return;
        }
        piece = realloc(piece, sizeof *piece + (size_t)got);
        int64_t begin = now();
        /* Behind the handshake, which took a round trip. */
        if (way == &pair->way[0] && begin < pair->opened + 2 * one_way)
            begin = pair->opened + 2 * one_way;
        *piece = (Piece){.due = begin + one_way, .length = (size_t)got};
        *way->last = piece;
        way->last = &piece->next;
        way->on_the_way += (size_t)got;
        way->ended = got == 0;
    }
}

/* Sends what is due; returns when the next is, or INT64_MAX. */
static int64_t write_way(Way *way, int64_t time)
{
    while (way->first && way->first->due <= time && !way->blocked && !way->pair->dead) {
        Piece *piece = way->first;
        if (piece->length > 0) {
            ssize_t sent = send(way->to, piece->bytes + piece->sent, piece->length - piece->sent,
                                MSG_NOSIGNAL);
            way->blocked = sent < 0 && errno == EAGAIN;
            way->pair->dead = sent < 0 && errno != EAGAIN && errno != EINTR;
            if (sent < 0)
                continue;
            piece->sent += (size_t)sent;
            way->on_the_way -= (size_t)sent;
        } else {
            shutdown(way->to, SHUT_WR);
        }
        if (piece->sent == piece->length) {
            way->first = piece->next;
            if (!way->first)
                way->last = &way->first;
            free(piece);
        }
    }
    read_way(way); /* there may be room again */
    return way->first && !way->blocked ? way->first->due : INT64_MAX;
}

static void free_pair(Pair *pair)
{
    for (int i = 0; i < 2; i++) {
        while (pair->way[i].first) {
            Piece *piece = pair->way[i].first;
            pair->way[i].first = piece->next;
            free(piece);
        }
        close(pair->way[i].from);
    }
    free(pair);
}

static int64_t run_pairs(void)
{
    int64_t next = INT64_MAX, time = now();
    for (Pair **link = &pairs; *link;) {
        Pair *pair = *link;
        for (int i = 0; i < 2; i++) {
            int64_t due = write_way(&pair->way[i], time);
            next = due < next ? due : next;
        }
        int over =
            pair->way[0].ended && pair->way[1].ended && !pair->way[0].first && !pair->way[1].first;
        if (over || pair->dead) {
            *link = pair->next;
            free_pair(pair);
        } else {
            link = &pair->next;
        }
    }
    return next;
}

static void wait_and_note(int listener, uint16_t port, int64_t until)
{
    struct epoll_event events[MOST_EVENTS];
    int64_t left = until == INT64_MAX ? 3600000000 : until - now();
    struct timespec time = {.tv_sec = left > 0 ? left / 1000000 : 0,
                            .tv_nsec = left > 0 ? left % 1000000 * 1000 : 0};
    int count = epoll_pwait2(poll_fd, events, MOST_EVENTS, &time, NULL);
    for (int i = 0; i < count; i++) {
        Way *way = events[i].data.ptr;
        if (!way) {
            char byte;
            if (read(STDIN_FILENO, &byte, 1) == 0)
                exit(0);
        } else if ((void *)way == &pairs) {
            take_connection(listener, port);
        } else {
            if (events[i].events & EPOLLOUT)
                way->pair->way[way == &way->pair->way[0]].blocked = 0;
            read_way(way);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    uint16_t port = (uint16_t)atoi(argv[1]);
    one_way = atoll(argv[2]) / 2;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        fail("listen");
    struct epoll_event on_client = {.events = EPOLLIN, .data.ptr = &pairs},
                       on_input = {.events = EPOLLIN};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &on_client);
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &on_input);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;)
        wait_and_note(listener, port, run_pairs());
}
