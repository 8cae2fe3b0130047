#include "credential_file.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME "credentials"
#define NEW_NAME "credentials.new"
#define MOST_BYTES (1024 * 1024)
#define USUAL_BYTES 65536

static char *folder_path(void)
{
    return g_build_filename(g_get_user_config_dir(), "medmirror", NULL);
}

char *credential_file_path(void)
{
    return g_build_filename(g_get_user_config_dir(), "medmirror", FILE_NAME, NULL);
}

static void wipe_bytes(GByteArray *bytes)
{
    explicit_bzero(bytes->data, bytes->len);
    g_byte_array_unref(bytes);
}

/* What others could have read is not trusted to be a secret any more. */
static gboolean is_private(int fd, const char *path, GError **error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set_storage(error, errno, _("%s cannot be looked at"), path);
    gboolean is_own = status.st_uid == geteuid() || geteuid() == 0;
    if ((status.st_mode & 077) == 0 && is_own)
        return TRUE;
    g_autofree char *quoted = g_shell_quote(path);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                is_own
                    ? _("%s can be read by others, so what is stored in it is not used. If nobody "
                        "has read it, type: chmod 600 %s; else change the passwords first.")
                    : _("%s belongs to another user, so what is stored in it is not used. To have "
                        "one of your own, move it away, and log in again: mv %s %s.theirs"),
                path, quoted, quoted);
    return FALSE;
}

static GByteArray *read_all(int fd, const char *path, GError **error)
{
    GByteArray *bytes = g_byte_array_sized_new(USUAL_BYTES); /* what grows leaves copies behind */
    for (;;) {
        guint8 part[4096];
        ssize_t got = TEMP_FAILURE_RETRY(read(fd, part, sizeof part));
        if (got > 0)
            g_byte_array_append(bytes, part, (guint)got);
        explicit_bzero(part, sizeof part);
        if (got == 0)
            return bytes;
        if (got < 0 || bytes->len > MOST_BYTES) {
            error_set_storage(error, got < 0 ? errno : EFBIG, _("%s cannot be read"), path);
            wipe_bytes(bytes);
            return NULL;
        }
    }
}

/* Empty where there is no file. */
static GKeyFile *load(GError **error)
{
    g_autofree char *path = credential_file_path();
    g_autoptr(GKeyFile) file = g_key_file_new();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return g_steal_pointer(&file);
    if (fd < 0) {
        error_set_storage(error, errno, _("%s cannot be opened"), path);
        return NULL;
    }
    GByteArray *bytes = is_private(fd, path, error) ? read_all(fd, path, error) : NULL;
    close(fd);
    if (!bytes)
        return NULL;
    g_autoptr(GError) why = NULL;
    gboolean good =
        bytes->len == 0 || g_key_file_load_from_data(file, (const char *)bytes->data, bytes->len,
                                                     G_KEY_FILE_KEEP_COMMENTS, &why);
    wipe_bytes(bytes);
    if (good)
        return g_steal_pointer(&file);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                /* GKeyFile's own words quote the line, which may hold a password. */
                _("%s is not a file that medmirror login writes: a line of it is no [HOST] and no "
                  "KEY=VALUE. Mend it, or take it away and log in again."),
                path);
    return NULL;
}

/* A group's name has no brackets: those of an IPv6 address are round in it. */
static char *group_of(const char *host)
{
    char *group = g_strdup(host);
    g_strdelimit(group, "[", '(');
    return g_strdelimit(group, "]", ')');
}

static char *host_of(const char *group)
{
    char *host = g_strdup(group);
    g_strdelimit(host, "(", '[');
    return g_strdelimit(host, ")", ']');
}

Credential *credential_file_find(const char *source, const char *of_host, GError **error)
{
    g_autofree char *host = group_of(of_host);
    g_autoptr(GKeyFile) file = load(error);
    if (!file)
        return NULL;
    g_autofree char *whose = g_key_file_get_string(file, host, "source", NULL);
    if (g_strcmp0(whose, source) != 0)
        return NULL;
    g_autofree char *path = credential_file_path();
    g_autofree char *origin = g_strdup_printf("medmirror login (%s)", path);
    g_autofree char *user = g_key_file_get_string(file, host, "user", NULL);
    char *password = g_key_file_get_string(file, host, "password", NULL);
    char *token = g_key_file_get_string(file, host, "token", NULL);
    Credential *found = token ? credential_new(CREDENTIAL_TOKEN, NULL, token, origin)
                        : user && password
                            ? credential_new(CREDENTIAL_PASSWORD, user, password, origin)
                            : NULL;
    credential_header_free(password);
    credential_header_free(token);
    return found;
}

static gboolean write_all(int fd, const char *text, gsize length)
{
    while (length > 0) {
        ssize_t written = TEMP_FAILURE_RETRY(write(fd, text, length));
        if (written <= 0)
            return FALSE;
        text += written;
        length -= (gsize)written;
    }
    return fsync(fd) == 0;
}

/* What a login that was killed had begun to write holds a password, too. */
static gboolean remove_unfinished(int folder, GError **error)
{
    g_autofree char *path = credential_file_path();
    return unlinkat(folder, NEW_NAME, 0) == 0 || errno == ENOENT ||
           error_set_storage(error, errno, _("%s.new cannot be taken away"), path);
}

static gboolean replace(int folder, GKeyFile *file, GError **error)
{
    g_autofree char *path = credential_file_path();
    gsize length = 0;
    char *text = g_key_file_to_data(file, &length, NULL);
    if (!remove_unfinished(folder, error)) {
        credential_header_free(text);
        return FALSE;
    }
    int fd = openat(folder, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    gboolean good = fd >= 0 && fchmod(fd, 0600) == 0 && write_all(fd, text, length);
    int why = errno;
    credential_header_free(text);
    if (fd >= 0)
        close(fd);
    if (good && renameat(folder, NEW_NAME, folder, FILE_NAME) == 0 && fsync(folder) == 0)
        return TRUE;
    if (good)
        why = errno;
    unlinkat(folder, NEW_NAME, 0);
    return error_set_storage(error, why, _("%s cannot be written"), path);
}

/* Locked while it is open, so that of two logins at once both are kept. */
static int open_folder(GError **error)
{
    g_autofree char *path = folder_path();
    int fd =
        g_mkdir_with_parents(path, 0700) == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        error_set_storage(error, errno, _("the folder %s cannot be used"), path);
    else
        (void)TEMP_FAILURE_RETRY(flock(fd, LOCK_EX)); /* file systems without locks: as it comes */
    return fd;
}

gboolean credential_file_store(const char *source, const char *of_host,
                               const Credential *credential, GError **error)
{
    g_autofree char *host = group_of(of_host);
    int folder = open_folder(error);
    if (folder < 0)
        return FALSE;
    g_autoptr(GKeyFile) file = load(error);
    gboolean good = file != NULL;
    if (good) {
        g_key_file_remove_group(file, host, NULL);
        g_key_file_set_string(file, host, "source", source);
        if (credential->user)
            g_key_file_set_string(file, host, "user", credential->user);
        g_key_file_set_string(file, host,
                              credential->kind == CREDENTIAL_TOKEN ? "token" : "password",
                              credential->secret);
        good = replace(folder, file, error);
    }
    close(folder);
    return good;
}

static GPtrArray *hosts_of(GKeyFile *file, const char *source)
{
    GPtrArray *hosts = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    for (guint i = 0; groups[i]; i++) {
        g_autofree char *whose = g_key_file_get_string(file, groups[i], "source", NULL);
        if (g_strcmp0(whose, source) == 0)
            g_ptr_array_add(hosts, host_of(groups[i]));
    }
    return hosts;
}

GPtrArray *credential_file_remove(const char *source, GError **error)
{
    g_autofree char *path = folder_path();
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return g_ptr_array_new_with_free_func(g_free);
    int folder = open_folder(error);
    if (folder < 0)
        return NULL;
    g_autoptr(GKeyFile) file = remove_unfinished(folder, error) ? load(error) : NULL;
    g_autoptr(GPtrArray) hosts = file ? hosts_of(file, source) : NULL;
    gboolean good = hosts != NULL;
    for (guint i = 0; hosts && i < hosts->len; i++) {
        g_autofree char *group = group_of(g_ptr_array_index(hosts, i));
        g_key_file_remove_group(file, group, NULL);
    }
    if (good && hosts->len)
        good = replace(folder, file, error);
    close(folder);
    return good ? g_steal_pointer(&hosts) : NULL;
}
