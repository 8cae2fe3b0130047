/* The configuration: what is wrong in it is said with file and line. */
#include "config.h"

#include "error.h"
#include "own_folders.h"
#include "verdict.h"

#include <glib/gstdio.h>
#include <string.h>

static char *write_config(const char *text)
{
    g_autofree char *folder = g_build_filename(g_get_user_config_dir(), "medmirror", NULL);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
    char *path = g_build_filename(folder, "medmirror.conf", NULL);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static void test_values(void)
{
    g_autofree char *path =
        write_config("[mirror]\ndir = /data/mirror\nmax-size = 1.5 TB\n\n[network]\nretries = 3\n"
                     "stall-timeout = 250\nca-file=/etc/ssl/lab.pem\npiece-size = 1MiB\n"
                     "[endpoints]\nuci = http://127.0.0.1:1\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = config_load(&error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->mirror, ==, "/data/mirror");
    g_assert_cmpuint(config->max_size, ==, G_GUINT64_CONSTANT(1500000000000));
    g_assert_cmpuint(config->max_files, ==, SIZE_UNKNOWN);
    g_assert_cmpuint(config->engine.retries, ==, 3);
    g_assert_cmpuint(config->engine.stall_ms, ==, 250);
    g_assert_cmpuint(config->engine.piece_bytes, ==, 1048576);
    g_assert_cmpstr(config->ca_file, ==, "/etc/ssl/lab.pem");
    g_assert_cmpuint(config->endpoints->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(config->endpoints, 0), ==, "uci=http://127.0.0.1:1");
    g_assert_cmpstr(g_ptr_array_index(config->files, 0), ==, path);
    g_unlink(path);
}

static void test_wrong(void)
{
    const struct {
        const char *text, *line, *says;
    } rows[] = {
        {"[network]\nretries = 3\nstall-timout = 5\n", ":3:", "The nearest one is 'stall-timeout'"},
        {"[mirror]\n# a comment\nmax-size = plenty\n",
         ":3:", "'plenty' is no value that 'max-size' can take"},
        {"[mirror]\n\n[netwrk]\nretries = 1\n", ":3:", "there is no group [netwrk]"},
        {"[network]\nretries = 0\n", ":2:", "'0' is no value"},
        {"[mirror]\nkeep-archives = maybe\n", ":2:", "'maybe' is no value"},
        {"retries = 1\n", "", "is wrong"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path = write_config(rows[i].text);
        g_autoptr(GError) error = NULL;
        g_autoptr(Config) config = config_load(&error);
        g_assert_null(config);
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        g_assert_nonnull(strstr(error->message, path));
        g_assert_nonnull(strstr(error->message, rows[i].line));
        g_assert_nonnull(strstr(error->message, rows[i].says));
        g_unlink(path);
    }
}

static void test_none(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = config_load(&error);
    g_assert_no_error(error);
    g_assert_null(config->mirror);
    g_assert_cmpuint(config->max_size, ==, SIZE_UNKNOWN);
}

static void test_bytes(void)
{
    const struct {
        const char *text;
        guint64 bytes;
        gboolean good;
    } rows[] = {{"0", 0, TRUE},
                {"4096", 4096, TRUE},
                {"10k", 10000, TRUE},
                {"10 KiB", 10240, TRUE},
                {"1.5G", 1500000000, TRUE},
                {"2TiB", 2199023255552, TRUE},
                {"-1", 0, FALSE},
                {"", 0, FALSE},
                {"ten", 0, FALSE},
                {"1X", 0, FALSE},
                {"1e30", 0, FALSE},
                {"nan", 0, FALSE}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        guint64 bytes = 7;
        g_assert_cmpint(bytes_parse(rows[i].text, &bytes), ==, rows[i].good);
        g_assert_cmpuint(bytes, ==, rows[i].good ? rows[i].bytes : 7);
    }
}

int main(int argc, char **argv)
{
    char *folders = own_folders_begin();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/config/none", test_none);
    g_test_add_func("/config/values", test_values);
    g_test_add_func("/config/wrong", test_wrong);
    g_test_add_func("/config/bytes", test_bytes);
    return own_folders_end(folders, g_test_run());
}
