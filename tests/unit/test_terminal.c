/* Texts in lines of a terminal. */
#include "progress.h"
#include "terminal.h"

#include <locale.h>

static const struct {
    const char *text;
    guint columns;
    const char *lines; /* with '|' between */
} wraps[] = {
    {"", 10, ""},
    {"one two three", 0, "one two three"},
    {"one two three", 7, "one two|three"},
    {"one two three", 5, "one|two|three"},
    {"one  two", 4, "one|two"},
    {"unbreakable", 4, "unbreakable"},
    {"a unbreakable b", 4, "a|unbreakable|b"},
    {"肺部图像数据库", 6, "肺部图|像数据|库"},
    {"肺部图，像", 6, "肺部|图，像"}, /* no line begins with a closing mark */
    {"脑部 MRI 数据", 8, "脑部 MRI|数据"},
    {"a\xff b", 3, "a\xef\xbf\xbd|b"},
};

static void test_wrap(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(wraps); i++) {
        g_autoptr(GPtrArray) lines = text_wrap(wraps[i].text, wraps[i].columns);
        g_ptr_array_add(lines, NULL);
        g_autofree char *joined = g_strjoinv("|", (char **)lines->pdata);
        g_assert_cmpstr(joined, ==, wraps[i].lines);
    }
}

/* Standard output of a test is no terminal. */
static void test_no_terminal(void)
{
    g_setenv("TERM", "dumb", TRUE);
    g_assert_cmpuint(terminal_columns(), ==, 0);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C.UTF-8");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/terminal/wrap", test_wrap);
    g_test_add_func("/terminal/no terminal", test_no_terminal);
    return g_test_run();
}
