#include "external_program.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "medmirror-fetch-"
#define MOST_NAME 32

/* Folders of the mirror that are no source's, and names that would be taken for one. */
static const char *const reserved[] = {"local", "other", "https", "doi", NULL};

static gboolean name_is_valid(const char *name)
{
    gsize length = strlen(name);
    if (length == 0 || length > MOST_NAME || !g_ascii_islower(*name) || name[length - 1] == '-' ||
        strstr(name, "--"))
        return FALSE;
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

gboolean external_program_check_name(const char *name, const char *path, GError **error)
{
    g_autofree char *shown_name = relpath_display(name);
    g_autofree char *shown = relpath_display(path);
    if (!name_is_valid(name) || g_strv_contains(reserved, name)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("\"%s\" cannot be the name of a source: it has up to %d lower-case letters, "
                      "digits and single hyphens, begins with a letter, and is none of local, "
                      "other, https, doi."),
                    shown_name, MOST_NAME);
        return FALSE;
    }
    if (!g_path_is_absolute(path)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The program of source %s must be named by its absolute path, which \"%s\" "
                      "is not: else the folder in which medmirror is started would decide what "
                      "runs. Write: %s = /PATH/" PREFIX "%s"),
                    name, shown, name, name);
        return FALSE;
    }
    g_autofree char *base = g_path_get_basename(path);
    g_autofree char *wanted = g_strconcat(PREFIX, name, NULL);
    if (strcmp(base, wanted) != 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The program of source %s must be called %s, and %s is not. Rename it, or "
                      "make a link of that name."),
                    name, wanted, shown);
        return FALSE;
    }
    return TRUE;
}

/* What is wrong with the owner or the mode of a file or folder; NULL where nothing is. Owned. */
static char *find_fault(const char *path, const struct stat *info)
{
    g_autofree char *quoted = g_shell_quote(path);
    if (info->st_uid != 0 && info->st_uid != geteuid())
        return g_strdup_printf(_("%s belongs to another user (number %u), who could change what "
                                 "runs. Copy the program to a folder of your own."),
                               path, (guint)info->st_uid);
    gboolean is_sticky = S_ISDIR(info->st_mode) && (info->st_mode & S_ISVTX);
    if (!is_sticky && (info->st_mode & (S_IWGRP | S_IWOTH)))
        return g_strdup_printf(_("%s can be written by others, who could change what runs. Type: "
                                 "chmod go-w %s"),
                               path, quoted);
    return NULL;
}

static gboolean refuse(const char *path, const char *why, GError **error)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE, _("The program %s is not run: %s"),
                path, why);
    return FALSE;
}

static gboolean check_file(const char *path, GError **error)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return refuse(path, g_strerror(errno), error);
    if (!S_ISREG(info.st_mode))
        return refuse(path, _("it is no regular file."), error);
    g_autofree char *fault = find_fault(path, &info);
    if (fault)
        return refuse(path, fault, error);
    if (access(path, X_OK) != 0) {
        g_autofree char *quoted = g_shell_quote(path);
        g_autofree char *why =
            g_strdup_printf(_("it may not be executed. Type: chmod u+x %s"), quoted);
        return refuse(path, why, error);
    }
    return TRUE;
}

static gboolean check_folders(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    for (;;) {
        struct stat info;
        if (stat(folder, &info) != 0)
            return refuse(path, g_strerror(errno), error);
        g_autofree char *fault = find_fault(folder, &info);
        if (fault)
            return refuse(path, fault, error);
        if (strcmp(folder, "/") == 0)
            return TRUE;
        char *above = g_path_get_dirname(folder);
        g_free(folder);
        folder = above;
    }
}

/* Where PATH, or a folder of it, is a link: who may change it, or the folders it lies in, decides
 * what runs. The number of links was bounded by realpath(). */
static gboolean check_links(const char *path, GError **error)
{
    g_autofree char *at = g_canonicalize_filename(path, "/");
    for (;;) {
        struct stat info;
        if (lstat(at, &info) != 0)
            return refuse(path, g_strerror(errno), error);
        if (!check_folders(at, error))
            return FALSE;
        if (!S_ISLNK(info.st_mode))
            return TRUE;
        if (info.st_uid != 0 && info.st_uid != geteuid()) {
            g_autofree char *why = g_strdup_printf(
                _("the link %s belongs to another user (number %u), who could change what runs. "
                  "Copy the program to a folder of your own."),
                at, (guint)info.st_uid);
            return refuse(path, why, error);
        }
        g_autofree char *folder = g_path_get_dirname(at);
        g_autofree char *target = g_file_read_link(at, NULL);
        if (!target)
            return refuse(path, g_strerror(errno), error);
        g_free(at);
        at = g_canonicalize_filename(target, folder);
    }
}

char *external_program_check(const char *path, GError **error)
{
    char *resolved = realpath(path, NULL);
    if (!resolved) {
        g_autofree char *why = g_strdup_printf(
            _("%s. Mend its path below [fetchers] in medmirror.conf."), g_strerror(errno));
        refuse(path, why, error);
        return NULL;
    }
    if (!check_links(path, error)) {
        free(resolved);
        return NULL;
    }
    g_autofree char *file = g_strdup(resolved);
    free(resolved);
    return check_file(file, error) && check_folders(file, error) ? g_steal_pointer(&file) : NULL;
}
