#include "login_places.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_FILE_BYTES (64 * 1024)
#define PIPE_WAIT_MS 5000

typedef struct {
    GHashTable *variables; /* may be NULL */
    void (*used)(gpointer data, const char *path, const struct stat *status);
    gpointer data;
} Looker;

static void wipe(gpointer text)
{
    credential_header_free(text);
}

char *login_places_take(const char *name)
{
    char *value = name ? getenv(name) : NULL;
    if (!value || !*value)
        return NULL;
    char *copy = g_strdup(value);
    explicit_bzero(value, strlen(value));
    return copy;
}

GHashTable *login_places_take_all(const char *const *names)
{
    GHashTable *taken = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, wipe);
    for (guint i = 0; names && names[i]; i++) {
        char *value = login_places_take(names[i]);
        if (value)
            g_hash_table_insert(taken, (gpointer)names[i], value);
    }
    return taken;
}

/* TRUE where bytes can be read now, or the end. A pipe's writer gets a moment: a shell's <(...) is
 * one, whose program may have to ask for the token itself. */
static gboolean wait_readable(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int ready = TEMP_FAILURE_RETRY(poll(&one, 1, PIPE_WAIT_MS));
    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0;
}

/* Never waits for somebody to open the other end, and reads no device, which may have no end. */
static int open_place(const char *path, struct stat *status)
{
    *status = (struct stat){0};
    int fd = TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (fd < 0)
        return -1;
    if (fstat(fd, status) == 0 && (S_ISREG(status->st_mode) || S_ISFIFO(status->st_mode)))
        return fd;
    close(fd);
    errno = S_ISDIR(status->st_mode) ? EISDIR : EINVAL;
    return -1;
}

char *login_places_read(const char *path, gsize most, struct stat *status, GError **error)
{
    int fd = open_place(path, status);
    if (fd < 0) {
        error_set_storage(error, errno, _("%s cannot be read"), path);
        return NULL;
    }
    char *text = g_malloc(most + 1);
    gsize have = 0;
    ssize_t got = 1;
    while (have < most && got > 0) {
        got = S_ISFIFO(status->st_mode) && !wait_readable(fd)
                  ? -1
                  : TEMP_FAILURE_RETRY(read(fd, text + have, most - have));
        have += got > 0 ? (gsize)got : 0;
    }
    text[have] = '\0';
    if (got < 0) {
        error_set_storage(error, errno, _("%s cannot be read"), path);
        g_clear_pointer(&text, wipe);
    }
    close(fd);
    return text;
}

static const char *variable(const LoginPlaces *places, const char *name)
{
    const Looker *looker = places->host;
    return looker->variables ? g_hash_table_lookup(looker->variables, name) : NULL;
}

static char *read_place(const LoginPlaces *places, const char *path, GError **error)
{
    struct stat status;
    if (stat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG))
        return NULL;
    return login_places_read(path, MOST_FILE_BYTES, &status, error);
}

static void used(const LoginPlaces *places, const char *path)
{
    const Looker *looker = places->host;
    struct stat status;
    if (looker->used && stat(path, &status) == 0)
        looker->used(looker->data, path, &status);
}

Credential *login_places_find(const SourceLogin *login, GHashTable *variables,
                              void (*on_used)(gpointer data, const char *path,
                                              const struct stat *status),
                              gpointer data, GError **error)
{
    Looker looker = {.variables = variables, .used = on_used, .data = data};
    const LoginPlaces places = {.host = &looker,
                                .home = g_get_home_dir(),
                                .config_home = g_get_user_config_dir(),
                                .variable = variable,
                                .read = read_place,
                                .used = used};
    return login->find(&places, error);
}
