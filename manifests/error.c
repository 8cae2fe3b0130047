#include "error.h"

#include "i18n.h"

#include <errno.h>

GQuark medmirror_error_quark(void)
{
    return g_quark_from_static_string("medmirror-error-quark");
}

int error_exit_status(const GError *error)
{
    if (!error)
        return 0;
    if (error->domain == G_OPTION_ERROR)
        return 2;
    if (error->domain != MEDMIRROR_ERROR)
        return 1;
    switch ((MedmirrorError)error->code) {
    case MEDMIRROR_ERROR_FAILED:
        return 1;
    case MEDMIRROR_ERROR_USAGE:
        return 2;
    case MEDMIRROR_ERROR_DAMAGED:
        return 3;
    case MEDMIRROR_ERROR_ACCESS:
        return 4;
    case MEDMIRROR_ERROR_ORIGIN:
        return 5;
    case MEDMIRROR_ERROR_STORAGE:
        return 6;
    case MEDMIRROR_ERROR_ABSENT:
        return 7;
    case MEDMIRROR_ERROR_BUSY:
        return 8;
    case MEDMIRROR_ERROR_UNSAFE:
        return 9;
    case MEDMIRROR_ERROR_INTERRUPTED:
        return 130;
    case MEDMIRROR_ERROR_TERMINATED:
        return 143;
    }
    return 1;
}

static gsize exit_status_rank(int status)
{
    static const int order[] = {130, 143, 6, 9, 3, 4, 5, 7, 8, 1, 2, 0};
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        if (order[i] == status)
            return i;
    }
    /* A status of nobody's counts as "failed otherwise". */
    return exit_status_rank(1);
}

int exit_status_worst(int a, int b)
{
    return exit_status_rank(a) <= exit_status_rank(b) ? a : b;
}

gboolean error_set_storage(GError **error, int errno_value, const char *what, ...)
{
    va_list args;
    va_start(args, what);
    g_autofree char *clause = g_strdup_vprintf(what, args);
    va_end(args);
    clause[0] = g_ascii_toupper(clause[0]);
    /* TRANSLATORS: a clause such as "Cannot write FILE", and the system's reason. */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE, _("%s: %s."), clause,
                g_strerror(errno_value));
    return FALSE;
}
