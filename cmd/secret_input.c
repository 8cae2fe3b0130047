#include "secret_input.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define MOST_BYTES 4096

static volatile sig_atomic_t signal_seen;

static void on_signal(int number)
{
    signal_seen = number;
}

static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

/* A terminal must not be left without echo: a signal ends the reading, and nothing stops it. */
static void catch_signals(struct sigaction *before)
{
    signal_seen = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct sigaction action = {.sa_handler = numbers[i] == SIGTSTP ? SIG_IGN : on_signal};
        sigaction(numbers[i], &action, &before[i]);
    }
}

static void release_signals(const struct sigaction *before)
{
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        sigaction(numbers[i], &before[i], NULL);
    }
}

/* Bytes up to the end of the line or of the input; -1: a signal, or errno. */
static gssize read_line(char *line)
{
    gsize length = 0;
    while (length < MOST_BYTES) {
        ssize_t got = read(STDIN_FILENO, line + length, 1);
        if (got < 0 && errno == EINTR && !signal_seen) {
            continue;
        }
        if (got < 0) {
            return -1;
        }
        if (got == 0 || line[length] == '\n') {
            break;
        }
        length++;
    }
    while (length > 0 && line[length - 1] == '\r') {
        length--;
    }
    return (gssize)length;
}

static char *read_shown(const char *prompt, gboolean shown, GError **error)
{
    struct termios usual, hidden;
    struct sigaction before[G_N_ELEMENTS(numbers)];
    gboolean is_terminal = tcgetattr(STDIN_FILENO, &usual) == 0;
    char line[MOST_BYTES + 1] = {0};
    if (is_terminal && prompt) {
        fprintf(stderr, "%s", prompt);
        fflush(stderr);
    }
    catch_signals(before);
    if (is_terminal && !shown) {
        hidden = usual;
        hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    gssize length = read_line(line);
    int why = errno;
    if (is_terminal && !shown) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &usual);
        if (prompt) {
            fputc('\n', stderr);
        }
    }
    release_signals(before);
    char *copy = length >= 0 ? g_strndup(line, (gsize)length) : NULL;
    if (length >= MOST_BYTES) {
        secret_input_free(copy);
        copy = NULL;
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("What was typed is longer than %d bytes."), MOST_BYTES);
    } else if (length < 0 && signal_seen) {
        gboolean is_interrupt = signal_seen == SIGINT || signal_seen == SIGQUIT;
        g_set_error(error, MEDMIRROR_ERROR,
                    is_interrupt ? MEDMIRROR_ERROR_INTERRUPTED : MEDMIRROR_ERROR_TERMINATED,
                    _("Interrupted; nothing was stored."));
    } else if (length < 0) {
        error_set_storage(error, why, _("standard input cannot be read"));
    }
    explicit_bzero(line, sizeof line);
    return copy;
}

char *secret_input_read(const char *prompt, GError **error)
{
    char *secret = read_shown(prompt, FALSE, error);
    gboolean is_text = !secret || g_utf8_validate(secret, -1, NULL);
    if (secret && (!*secret || !is_text)) {
        secret_input_free(secret);
        secret = NULL;
    }
    if (!is_text) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("What was typed is no UTF-8 text."));
    }
    return secret;
}

void secret_input_free(char *secret)
{
    if (secret) {
        explicit_bzero(secret, strlen(secret));
        g_free(secret);
    }
}

char *line_input_read(const char *prompt, GError **error)
{
    if (!isatty(STDIN_FILENO)) {
        return NULL;
    }
    char *line = read_shown(prompt, TRUE, error);
    if (line && !*g_strstrip(line)) {
        g_clear_pointer(&line, g_free);
    }
    return line;
}
