/* One key of the configuration is changed, and all else of the file stays. */
#include "config_edit.h"

#include "config_keys.h"
#include "duration.h"
#include "error.h"
#include "own_folders.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void write_own(const char *text)
{
    g_autofree char *path = config_own_path();
    g_autofree char *folder = g_path_get_dirname(path);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static char *read_own(void)
{
    g_autofree char *path = config_own_path();
    char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void remove_own(void)
{
    g_autofree char *path = config_own_path();
    g_unlink(path);
}

static gboolean edit(const char *group, const char *key, const char *value, GError **error)
{
    gboolean changed = FALSE;
    return config_edit(group, key, value, NULL, &changed, error);
}

static void test_made(void)
{
    g_autoptr(GError) error = NULL;
    gboolean changed = FALSE;
    g_autofree char *path = NULL;
    g_autofree char *own = config_own_path();
    remove_own();
    g_assert_true(config_edit("mirror", "dir", "/data/a b", &path, &changed, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(path, ==, own);
    g_assert_true(changed);
    g_autoptr(Config) config = config_load(&error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->mirror, ==, "/data/a b");
    g_assert_cmpstr(g_hash_table_lookup(config->origins, "mirror.dir"), ==, own);
    g_assert_true(edit("mirror", "dir", NULL, &error));
    g_autofree char *text = read_own();
    g_assert_null(strstr(text, "[mirror]"));
}

static void test_comments_stay(void)
{
    g_autoptr(GError) error = NULL;
    gboolean changed = TRUE;
    write_own("# of the lab\n[mirror]\n# the big disk\ndir = /data\n\n[network]\n# slow "
              "line\nretries = 3\n");
    g_assert_true(edit("network", "retries", "9", &error));
    g_assert_true(edit("mirror", "max-size", "2 TB", &error));
    g_assert_no_error(error);
    g_autofree char *text = read_own();
    g_assert_nonnull(strstr(text, "# of the lab\n"));
    g_assert_nonnull(strstr(text, "# the big disk\n"));
    g_assert_nonnull(strstr(text, "# slow line\nretries=9\n"));
    g_autoptr(Config) config = config_load(&error);
    g_assert_cmpuint(config->engine.retries, ==, 9);
    g_assert_cmpuint(config->max_size, ==, G_GUINT64_CONSTANT(2000000000000));
    g_assert_true(config_edit("network", "retries", "9", NULL, &changed, &error));
    g_assert_false(changed);
}

/* What would be wrong is not written. */
static void test_wrong(void)
{
    g_autoptr(GError) error = NULL;
    write_own("[network]\nretrys = 3\n");
    g_assert_false(edit("mirror", "dir", "/data", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_nonnull(strstr(error->message, "'retrys'"));
    g_clear_error(&error);
    g_autofree char *text = read_own();
    g_assert_cmpstr(text, ==, "[network]\nretrys = 3\n");
    g_assert_true(edit("network", "retrys", NULL, &error));
    g_assert_true(edit("mirror", "dir", "/data", &error));
    g_assert_no_error(error);
}

static void test_cannot_be_written(void)
{
    static const struct {
        const char *group, *key, *value;
    } wrong[] = {{"dataset x]y", "group", "root"},
                 {"dataset x\n[mirror", "group", "root"},
                 {"endpoints", "a=b", "http://127.0.0.1"},
                 {"endpoints", "a\nb", "http://127.0.0.1"},
                 {"mirror", "dir", "/\xff"}};
    g_autoptr(GError) error = NULL;
    write_own("[mirror]\ndir=/data\n");
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_false(edit(wrong[i].group, wrong[i].key, wrong[i].value, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        g_assert_nonnull(strstr(error->message, "medmirror config"));
        g_clear_error(&error);
    }
    g_autofree char *text = read_own();
    g_assert_cmpstr(text, ==, "[mirror]\ndir=/data\n");
}

/* People keep it elsewhere, and link to it. */
static void test_link(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *own = config_own_path();
    g_autofree char *real = g_build_filename(g_get_home_dir(), "dotfiles", "mm.conf", NULL);
    g_autofree char *folder = g_path_get_dirname(real);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    g_assert_true(g_file_set_contents(real, "[mirror]\ndir=/a\n", -1, NULL));
    g_assert_cmpint(g_chmod(real, 0640), ==, 0);
    remove_own();
    g_assert_cmpint(symlink(real, own), ==, 0);
    g_assert_true(edit("mirror", "dir", "/b", &error));
    g_assert_no_error(error);
    struct stat now;
    g_assert_true(g_file_test(own, G_FILE_TEST_IS_SYMLINK));
    g_assert_cmpint(stat(real, &now), ==, 0);
    g_assert_cmpuint(now.st_mode & 0777, ==, 0640);
    g_autofree char *text = read_own();
    g_assert_nonnull(strstr(text, "dir=/b"));
    remove_own();
}

/* Several at once: none is lost. */
static void test_at_once(void)
{
    static const char *const keys[] = {"retries", "delay-min", "delay-max", "connect-timeout",
                                       "stall-timeout"};
    pid_t children[G_N_ELEMENTS(keys)];
    remove_own();
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        children[i] = fork();
        g_assert_cmpint(children[i], >=, 0);
        if (children[i] == 0) {
            _exit(!edit("network", keys[i], "7", NULL));
        }
    }
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        int status = -1;
        g_assert_cmpint(TEMP_FAILURE_RETRY(waitpid(children[i], &status, 0)), ==, children[i]);
        g_assert_cmpint(status, ==, 0);
    }
    g_autofree char *text = read_own();
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *line = g_strdup_printf("%s=7\n", keys[i]);
        g_assert_nonnull(strstr(text, line));
    }
}

static void test_keys(void)
{
    const struct {
        const char *name, *group, *key;
    } rows[] = {{"mirror", "mirror", "dir"},
                {"mirror.dir", "mirror", "dir"},
                {"max-size", "mirror", "max-size"},
                {"network.retries", "network", "retries"},
                {"retries", "network", "retries"},
                {"endpoints.uci-cdn", "endpoints", "uci-cdn"},
                {"fetchers.lab", "fetchers", "lab"},
                {"source.physionet.user-agent", "source physionet", "user-agent"},
                {"dataset.mimic-iii.group", "dataset mimic-iii", "group"},
                {"access.credentialed.group", "access credentialed", "group"},
                {"retrys", NULL, NULL},
                {"network.", NULL, NULL},
                {"", NULL, NULL},
                {"endpoints.", NULL, NULL},
                {"nonsense.retries", NULL, NULL}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *group = NULL;
        g_autofree char *key = NULL;
        gboolean known = config_key_parse(rows[i].name, &group, &key, &error);
        g_assert_cmpint(known, ==, rows[i].group != NULL);
        g_assert_cmpstr(group, ==, rows[i].group);
        g_assert_cmpstr(key, ==, rows[i].key);
        if (!known) {
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        }
    }
}

static void test_values(void)
{
    const struct {
        const char *group, *key, *value;
        gboolean right;
    } rows[] = {{"mirror", "dir", "/data", TRUE},
                {"mirror", "dir", "data", FALSE},
                {"mirror", "dir", "", FALSE},
                {"mirror", "max-size", "18T", TRUE},
                {"mirror", "max-size", "plenty", FALSE},
                {"mirror", "keep-archives", "yes", TRUE},
                {"mirror", "keep-archives", "1", FALSE},
                {"network", "retries", "0", FALSE},
                {"network", "proxy", "http://proxy:3128", TRUE},
                {"endpoints", "uci", "http://127.0.0.1:1", TRUE},
                {"endpoints", "uci", "ftp://x", FALSE},
                {"endpoints", "nobody", "http://127.0.0.1:1", FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        gboolean right = config_value_check(rows[i].group, rows[i].key, rows[i].value, &error);
        g_assert_cmpint(right, ==, rows[i].right);
        g_assert_cmpint(error == NULL, ==, right);
    }
}

/* Every default that is shown is one that could be typed. */
static void test_defaults(void)
{
    guint count = 0;
    const ConfigKey *rows = config_keys(&count);
    g_assert_cmpuint(count, >, 20);
    for (guint i = 0; i < count; i++) {
        g_assert_true(config_key_find(rows[i].group, rows[i].key) == &rows[i]);
        if (rows[i].otherwise && strcmp(rows[i].otherwise, "none") != 0) {
            g_assert_true(config_value_check(rows[i].group, rows[i].key, rows[i].otherwise, NULL));
        }
    }
}

static void test_durations(void)
{
    const struct {
        const char *text;
        gint64 seconds; /* -1: none */
    } rows[] = {{"30d", 2592000}, {"0d", 0},           {"12h", 43200}, {"90m", 5400},
                {"45s", 45},      {"2w", 1209600},     {"30", -1},     {"d", -1},
                {"", -1},         {"-1d", -1},         {"1.5h", -1},   {"1y", -1},
                {"1d ", -1},      {"99999999999d", -1}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint64 seconds = 0;
        g_assert_cmpint(duration_parse(rows[i].text, &seconds), ==, rows[i].seconds >= 0);
        if (rows[i].seconds >= 0) {
            g_assert_cmpuint(seconds, ==, (guint64)rows[i].seconds);
        }
    }
}

int main(int argc, char **argv)
{
    char *top = own_folders_begin();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config-edit/made", test_made);
    g_test_add_func("/config-edit/comments-stay", test_comments_stay);
    g_test_add_func("/config-edit/wrong", test_wrong);
    g_test_add_func("/config-edit/cannot-be-written", test_cannot_be_written);
    g_test_add_func("/config-edit/link", test_link);
    g_test_add_func("/config-edit/at-once", test_at_once);
    g_test_add_func("/config-edit/keys", test_keys);
    g_test_add_func("/config-edit/values", test_values);
    g_test_add_func("/config-edit/defaults", test_defaults);
    g_test_add_func("/config-edit/durations", test_durations);
    return own_folders_end(top, g_test_run());
}
