/* Which series a glob on images may mean. */
#include "uid_glob.h"

#include <fnmatch.h>

static void test_table(void)
{
    static const struct {
        const char *pattern;
        gboolean may;
    } rows[] = {
        {"*", TRUE},
        {"*.dcm", TRUE},
        {"*.png", FALSE},
        {"*P1*", TRUE},
        {"*P2*", FALSE},
        {"*P1/*", TRUE},
        {"*/1.2.7/*", TRUE},
        {"*/1.2.8/*", FALSE},
        {"*1.2.7*", TRUE},
        {"*1.2.8*", TRUE}, /* an image's UID may have it */
        {"*/9.9.dcm", TRUE},
        {"*/9.a.dcm", FALSE},
        {"9.9.dcm", TRUE},
        {"9.9.dc", FALSE},
        {"P1/3.4/1.2.7/*", TRUE},
        {"P1/3.4/1.2.7/?.dcm", TRUE},
        {"P1/3.4/1.2.7/.dcm", FALSE},
        {"P1/3.4/1.2.7", FALSE},
        {"P?/*", TRUE},
        {"?/*", FALSE},
        {"\\*", FALSE},
        {"P\\1/*", TRUE},
        {"[PQ]2/*", TRUE}, /* not looked into */
        {"*LICENSE", FALSE},
        {"", FALSE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (uid_glob_may_match(rows[i].pattern, "P1/3.4/1.2.7/") != rows[i].may)
            g_error("%s", rows[i].pattern);
    }
}

/* What fnmatch() takes may be taken. */
static void test_never_less_than_fnmatch(void)
{
    static const char letters[] = "*?/P1.dcm2\\[";
    guint taken = 0;
    for (guint number = 0; number < 200000; number++) {
        char pattern[9];
        guint rest = number * 2654435761u;
        for (guint i = 0; i < 8; i++, rest /= 12)
            pattern[i] = rest ? letters[rest % 12] : '*';
        pattern[8] = '\0';
        gboolean matches = fnmatch(pattern, "P1/1.2/12.dcm", 0) == 0 ||
                           (!g_strrstr(pattern, "/") && fnmatch(pattern, "12.dcm", 0) == 0);
        taken += matches;
        if (matches && !uid_glob_may_match(pattern, "P1/1.2/"))
            g_error("%s", pattern);
    }
    g_assert_cmpuint(taken, >, 10);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/uid-glob/table", test_table);
    g_test_add_func("/uid-glob/never-less-than-fnmatch", test_never_less_than_fnmatch);
    return g_test_run();
}
