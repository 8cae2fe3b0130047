#include "login_places.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_FILE_BYTES (64 * 1024)

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

char *login_places_read(const char *path, gsize most, struct stat *status, GError **error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, status) != 0) {
        error_set_storage(error, errno, _("%s cannot be read"), path);
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    char *text = g_malloc(most + 1);
    gsize have = 0;
    ssize_t got = 1;
    while (have < most && got > 0) {
        got = TEMP_FAILURE_RETRY(read(fd, text + have, most - have));
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
