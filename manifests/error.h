/*
 * The one error domain of the program, and the one place where its codes become exit statuses.
 *
 * A message is a whole sentence for a person: what happened, on which file or address, why; where a
 * person can do something about it, it ends with the line to type next.
 */
#pragma once

#include <glib.h>

#define MEDMIRROR_ERROR (medmirror_error_quark())
GQuark medmirror_error_quark(void);

typedef enum {
    MEDMIRROR_ERROR_FAILED,      /* exit 1: failed otherwise */
    MEDMIRROR_ERROR_USAGE,       /* exit 2: wrong usage, wrong configuration, wrong manifest */
    MEDMIRROR_ERROR_DAMAGED,     /* exit 3: bytes here differ from what they must be */
    MEDMIRROR_ERROR_ACCESS,      /* exit 4: credentials, terms or an application are needed */
    MEDMIRROR_ERROR_ORIGIN,      /* exit 5: the origin or the network failed */
    MEDMIRROR_ERROR_STORAGE,     /* exit 6: local storage failed */
    MEDMIRROR_ERROR_ABSENT,      /* exit 7: not at the source, or changed there */
    MEDMIRROR_ERROR_BUSY,        /* exit 8: the mirror is busy */
    MEDMIRROR_ERROR_UNSAFE,      /* exit 9: refused as unsafe */
    MEDMIRROR_ERROR_INTERRUPTED, /* exit 130 */
    MEDMIRROR_ERROR_TERMINATED,  /* exit 143 */
} MedmirrorError;

/* The exit status of an error; 0 for NULL, 1 for an error of another domain (GOption's: 2). */
int error_exit_status(const GError *error);

/* Of two exit statuses the one that a run with both must end with
 * (130, 143, 6, 9, 3, 4, 5, 7, 8, 1, then 2, then 0). */
int exit_status_worst(int a, int b);

/* Sets *error to MEDMIRROR_ERROR_STORAGE with WHAT (a whole clause such as "cannot write FILE") and
 * the words of ERRNO_VALUE; always returns FALSE, so that a caller can return it. */
gboolean error_set_storage(GError **error, int errno_value, const char *what, ...)
    G_GNUC_PRINTF(3, 4);
