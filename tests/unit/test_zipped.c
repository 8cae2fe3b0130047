/* Which final addresses tell of a file that its storage keeps zipped. */
#include "job_fetch_internal.h"

int main(int argc, char **argv)
{
    static const struct {
        const char *address, *path;
        gboolean zipped;
    } rows[] = {
        {"https://s/b/1/2/compressed/diamonds.csv.zip?X-Goog-Signature=1", "diamonds.csv", TRUE},
        {"https://s/b/x.csv.zip", "deep/folder/x.csv", TRUE},
        {"https://s/b/a%20b.csv.zip#x", "a b.csv", TRUE},
        {"https://s:443/b%2Fcompressed%2Fx.csv.zip?a=b/y.csv.zip", "x.csv", TRUE},
        {"https://s/b/x.csv?file=x.csv.zip", "x.csv", FALSE},
        {"https://s/b/archive.zip", "archive.zip", FALSE},
        {"https://s/b/x.csv.zip", "y.csv", FALSE},
        {"https://s/b/X.csv.zip", "x.csv", FALSE},
        {"https://s/b/4711", "x.csv", FALSE},
        {"", "x.csv", FALSE},
        {NULL, "x.csv", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(address_is_of_zipped(rows[i].address, rows[i].path), ==, rows[i].zipped);
    return 0;
}
