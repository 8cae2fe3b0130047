#include "unpack_child.h"
#include "unpacking.h"

#include <string.h>

enum {
    ARGUMENTS = 10
};

char **unpack_orders_to_argv(const UnpackOrders *orders, const char *program)
{
    g_autofree char *text = g_strdup_printf(
        "%d %d %d %d %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %" G_GINT64_FORMAT,
        (int)orders->container, (int)orders->filter, orders->arrives != FALSE,
        orders->head_start != FALSE, orders->volumes, orders->memory, orders->most_entries,
        orders->parent);
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    g_strv_builder_add_many(argv, program, UNPACK_CHILD_VERB, NULL);
    g_strv_builder_addv(argv, (const char **)words);
    return g_strv_builder_end(argv);
}

gboolean unpack_orders_parse(int argc, char **argv, UnpackOrders *orders)
{
    if (argc != ARGUMENTS)
        return FALSE;
    static const guint64 most[ARGUMENTS - 2] = {
        ARCHIVE_RAR, FILTER_LZ4, 1, 1, UNPACK_VOLUMES_MAX, G_MAXUINT64, G_MAXUINT64, G_MAXINT64,
    };
    guint64 values[ARGUMENTS - 2];
    for (int i = 0; i < ARGUMENTS - 2; i++) {
        if (!g_ascii_string_to_unsigned(argv[i + 2], 10, 0, most[i], &values[i], NULL))
            return FALSE;
    }
    *orders = (UnpackOrders){
        .container = (ArchiveContainer)values[0],
        .filter = (ArchiveFilter)values[1],
        .arrives = values[2] == 1,
        .head_start = values[3] == 1,
        .volumes = (guint)values[4],
        .memory = values[5],
        .most_entries = values[6],
        .parent = (gint64)values[7],
    };
    return orders->volumes > 0;
}
