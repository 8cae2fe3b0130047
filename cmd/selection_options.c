#include "selection_options.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static GPtrArray *read_paths(const char *name, GError **error)
{
    FILE *file = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
    if (!file) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("--files-from: %s cannot be read: %s"), name, g_strerror(errno));
        return NULL;
    }
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, file)) >= 0) {
        while (length && (line[length - 1] == '\n' || line[length - 1] == '\r')) {
            line[--length] = '\0';
        }
        if (length) {
            g_ptr_array_add(paths, g_strdup(line));
        }
    }
    gboolean failed = ferror(file) != 0;
    free(line);
    if (file != stdin) {
        fclose(file);
    }
    if (failed || paths->len == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    failed ? _("--files-from: %s cannot be read.")
                           : _("--files-from: %s names no file."),
                    name);
        return NULL;
    }
    g_ptr_array_add(paths, NULL);
    return g_steal_pointer(&paths);
}

Selection *selection_options_make(SelectionOptions *options, GError **error)
{
    if (options->files_from) {
        GPtrArray *paths = read_paths(options->files_from, error);
        if (!paths) {
            return NULL;
        }
        g_ptr_array_set_free_func(paths, NULL);
        options->paths = (char **)g_ptr_array_free(paths, FALSE);
    }
    g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func((GDestroyNotify)where_term_unref);
    for (char **where = options->wheres; where && *where; where++) {
        WhereTerm *term = where_term_parse(*where, error);
        if (!term) {
            return NULL;
        }
        g_ptr_array_add(terms, term);
    }
    g_autoptr(Selection) paths = !options->includes && !options->excludes && !options->paths
                                     ? selection_new_all()
                                     : selection_new((const char *const *)options->includes,
                                                     (const char *const *)options->excludes,
                                                     (const char *const *)options->paths);
    return selection_narrow(paths, terms);
}

gboolean selection_options_given(const SelectionOptions *options)
{
    return options->includes || options->excludes || options->files_from || options->wheres;
}

void selection_options_clear(SelectionOptions *options)
{
    g_strfreev(options->includes);
    g_strfreev(options->excludes);
    g_free(options->files_from);
    g_strfreev(options->wheres);
    g_strfreev(options->paths);
}
