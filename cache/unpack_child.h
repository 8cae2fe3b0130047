/*
 * What the parent asks of the decoding child: in its argv, and by descriptors of fixed numbers.
 */
#pragma once

#include "filespec.h"

enum {
    UNPACK_FD_RESULT = 3,   /* the pipe */
    UNPACK_FD_FRONTIER = 4, /* where the archive still arrives */
    UNPACK_FD_SCRATCH = 5,  /* two files without names: what a zip's two passes note down */
    UNPACK_FD_SCRATCH_2 = 6,
    UNPACK_FD_ARCHIVE = 7, /* and the further volumes */
};
#define UNPACK_VOLUMES_MAX 10000

typedef struct {
    ArchiveContainer container;
    ArchiveFilter filter;
    gboolean arrives;    /* there is a frontier */
    gboolean head_start; /* a zip is read before its directory is there */
    guint volumes;       /* files that make the archive */
    guint64 memory;      /* bytes for the decoder */
    guint64 most_entries;
    gint64 parent;
} UnpackOrders;

/* The arguments behind UNPACK_CHILD_VERB, and back; FALSE where they are none. */
char **unpack_orders_to_argv(const UnpackOrders *orders,
                             const char *program); /* whole argv; owned */
gboolean unpack_orders_parse(int argc, char **argv, UnpackOrders *orders);

/* Instead of orders: tries what it must not be able to do, and tells the results on standard
 * output, a line each: "open: refused". */
#define UNPACK_CHILD_PROBE "probe"
