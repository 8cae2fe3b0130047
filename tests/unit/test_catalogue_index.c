/* The catalogue's index against folders that change under it. */
#include "catalogue_search.h"
#include "own_folders.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char *root;
static GPtrArray *folders;
static guint places_asked; /* a manifest is read once, unless it changed */

static char *path_of(const char *folder, const char *name)
{
    return g_build_filename(root, folder, name, NULL);
}

static void write_text(const char *folder, const char *name, const char *text)
{
    g_autofree char *parent = g_build_filename(root, folder, NULL);
    g_autofree char *path = path_of(folder, name);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    FILE *file = g_fopen(path, "we"); /* in place, unlike g_file_set_contents() */
    g_assert_nonnull(file);
    g_assert_cmpuint(fwrite(text, 1, strlen(text), file), ==, strlen(text));
    g_assert_cmpint(fclose(file), ==, 0);
}

static void write_manifest(const char *folder, const char *id, const char *title, const char *more)
{
    g_autofree char *name = g_strconcat(id, ".json", NULL);
    g_autofree char *text = g_strdup_printf(
        "{\"id\": \"%s\", \"title\": {\"en\": \"%s\"}, \"access\": \"open\", \"source\": "
        "\"physionet\", \"locator\": {\"project\": \"p-%s\"}%s}\n",
        id, title, id, more);
    write_text(folder, name, text);
}

static void remove_file(const char *folder, const char *name)
{
    g_autofree char *path = path_of(folder, name);
    g_assert_cmpint(g_unlink(path), ==, 0);
}

static char *place(const char *source, const json_t *locator, gpointer data)
{
    const char *project = json_string_value(json_object_get(locator, "project"));
    places_asked++;
    return project ? g_strdup_printf("%s/%s", source, project) : NULL;
}

static CatalogueIndex *open_index(const char *cache)
{
    g_autofree char *folder = cache ? g_build_filename(root, cache, NULL) : NULL;
    CatalogueIndexSettings settings = {
        .folders = folders, .cache_folder = folder, .maker = "test", .place = place};
    g_autoptr(GError) error = NULL;
    places_asked = 0;
    CatalogueIndex *index = catalogue_index_open(&settings, &error);
    g_assert_no_error(error);
    return index;
}

static char *join(GPtrArray *texts)
{
    g_autoptr(GPtrArray) owned = texts;
    g_assert_nonnull(texts);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < texts->len; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "", (const char *)texts->pdata[i]);
    return g_string_free(text, FALSE);
}

static char *found(CatalogueIndex *index, const char *words, const CatalogueFilter *filter)
{
    const CatalogueFilter none = {0};
    const char *const typed[] = {words, NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(SearchQuery) query = search_query_new(typed, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) hits = catalogue_search(index, query, filter ? filter : &none, &error);
    g_assert_no_error(error);
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < hits->len; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "",
                               ((const CatalogueHit *)hits->pdata[i])->id);
    return g_string_free(text, FALSE);
}

#define assert_found(index, words, filter, expected)                                               \
    do {                                                                                           \
        g_autofree char *ids_ = found(index, words, filter);                                       \
        g_assert_cmpstr(ids_, ==, expected);                                                       \
    } while (0)

#define assert_at(index, where, expected)                                                          \
    do {                                                                                           \
        g_autofree char *ids_ = join(catalogue_index_by_place(index, "physionet", where, NULL));   \
        g_assert_cmpstr(ids_, ==, expected);                                                       \
    } while (0)

static guint count_files(const char *cache, const char *ending)
{
    g_autofree char *folder = g_build_filename(root, cache, NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    guint count = 0;
    for (const char *name; dir && (name = g_dir_read_name(dir));)
        count += g_str_has_suffix(name, ending);
    g_clear_pointer(&dir, g_dir_close);
    return count;
}

/* Young files are read again at each opening; what a test counts must be older than a tick. */
static void let_age(void)
{
    g_usleep(120 * 1000);
}

static void begin(void)
{
    static guint number;
    root = g_strdup_printf("%s/%u", g_getenv("TEST_TOP"), number++);
    folders = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(folders, path_of("own", NULL));
    g_ptr_array_add(folders, path_of("shipped", NULL));
    g_ptr_array_add(folders, path_of("none", NULL));
}

static void end(void)
{
    g_ptr_array_unref(folders);
    g_free(root);
}

static void test_follows_changes(void)
{
    begin();
    write_manifest("own", "alpha", "lung scans", ", \"citation\": \"10.1234/AbC\"");
    write_manifest("shipped", "beta", "heart beats", "");
    let_age();
    CatalogueIndex *index = open_index("cache");
    g_assert_cmpuint(places_asked, ==, 2);
    assert_at(index, "physionet/p-alpha", "alpha");
    assert_at(index, "physionet/p-none", "");
    g_autofree char *cited = join(catalogue_index_by_doi(index, "10.1234/aBc", NULL));
    g_assert_cmpstr(cited, ==, "alpha");
    catalogue_index_close(index);

    index = open_index("cache");
    g_assert_cmpuint(places_asked, ==, 0);
    assert_found(index, "lung", NULL, "alpha");
    catalogue_index_close(index);

    /* In place and as long as before: only the time tells. */
    write_manifest("own", "alpha", "eyes scans", ", \"citation\": \"10.1234/AbC\"");
    index = open_index("cache");
    g_assert_cmpuint(places_asked, ==, 1);
    assert_found(index, "lung", NULL, "");
    assert_found(index, "eyes", NULL, "alpha");
    catalogue_index_close(index);

    write_manifest("own", "gamma", "lung again", "");
    remove_file("shipped", "beta.json");
    index = open_index("cache");
    assert_found(index, "lung", NULL, "gamma");
    assert_found(index, "heart", NULL, "");
    assert_at(index, "physionet/p-beta", "");
    catalogue_index_close(index);
    g_assert_cmpuint(count_files("cache", ".db"), ==, 1);
    g_assert_cmpuint(count_files("cache", ".new"), ==, 0);
    end();
}

/* However quickly changes follow each other, none is missed. */
static void test_quick_changes(void)
{
    begin();
    for (guint i = 0; i < 50; i++) {
        g_autofree char *title =
            g_strdup_printf("word%c%c scans", 'a' + (int)i % 26, 'a' + (int)i / 26);
        g_autofree char *word = g_strndup(title, 6);
        write_manifest("own", "alpha", title, "");
        g_autoptr(CatalogueIndex) index = open_index("cache");
        assert_found(index, word, NULL, "alpha");
    }
    end();
}

static void test_wrong_ones(void)
{
    begin();
    write_manifest("own", "alpha", "lung scans", "");
    write_text("own", "broken.json", "{\"id\": \"broken\", \"titel\": {}}");
    write_text("own", "Upper Case.json", "{}");
    write_manifest("shipped", "broken", "lung shipped", "");
    write_manifest("shipped", "other", "lung shipped", "");
    g_autoptr(CatalogueIndex) index = open_index("cache");
    /* The person's own counts, wrong as it is. */
    assert_found(index, "lung", NULL, "alpha other");
    guint count = 0;
    g_autofree char *wrong = join(catalogue_index_wrong(index, 10, &count));
    g_assert_cmpuint(count, ==, 2);
    g_assert_nonnull(strstr(wrong, "/own/broken.json: /titel: the key \"titel\" is not known"));
    g_assert_nonnull(strstr(wrong, "/own/Upper Case.json is passed over"));
    end();
}

static void test_first_folder_wins(void)
{
    begin();
    write_manifest("own", "alpha", "lung mine", "");
    write_manifest("shipped", "alpha", "heart theirs", "");
    let_age();
    CatalogueIndex *index = open_index("cache");
    assert_found(index, "lung", NULL, "alpha");
    assert_found(index, "heart", NULL, "");
    catalogue_index_close(index);
    remove_file("own", "alpha.json");
    index = open_index("cache");
    g_assert_cmpuint(places_asked, ==, 0);
    assert_found(index, "heart", NULL, "alpha");
    catalogue_index_close(index);
    end();
}

static void test_rank(void)
{
    begin();
    write_manifest("own", "described", "Beats", ", \"description\": {\"en\": \"heart heart\"}");
    write_manifest("own", "titled", "Heart beats of many people", "");
    write_manifest("own", "heart", "Beats", "");
    write_manifest("own", "organ-only", "Beats", ", \"organ\": [\"heart\"]");
    write_manifest("own", "same-word", "Cardiac beats", "");
    g_autoptr(CatalogueIndex) index = open_index(NULL);
    g_autofree char *ids = found(index, "heart", NULL);
    g_assert_true(g_str_has_prefix(ids, "heart "));
    g_assert_true(g_str_has_suffix(ids, " same-word"));
    g_assert_cmpuint(strstr(ids, "titled") - ids, <, strstr(ids, "described") - ids);
    assert_found(index, "", NULL, "described heart organ-only same-word titled");
    g_assert_cmpint(catalogue_search_count(index, "beats", NULL), ==, 5);
    g_autofree char *near = join(catalogue_search_near(index, "hearrt", 3));
    g_assert_nonnull(strstr(near, "heart"));
    end();
}

static void test_filters(void)
{
    begin();
    write_manifest("own", "a", "Beats", ", \"modality\": [\"ecg\"], \"organ\": [\"heart\"]");
    write_manifest("own", "b", "Beats",
                   ", \"modality\": [\"eeg\", \"ecg\"], \"organ\": [\"brain\"]");
    write_manifest("own", "c", "Beats", ", \"modality\": [\"ct\"]");
    g_autoptr(CatalogueIndex) index = open_index("cache");
    const char *const ecg[] = {"ecg", NULL}, *const two[] = {"ct", "eeg", NULL};
    const char *const brain[] = {"brain", NULL}, *const uci[] = {"uci", NULL};
    const char *const open[] = {"open", NULL};
    const CatalogueFilter by_ecg = {.modality = ecg}, by_two = {.modality = two};
    const CatalogueFilter by_both = {.modality = ecg, .organ = brain, .access = open};
    const CatalogueFilter by_source = {.source = uci};
    assert_found(index, "", &by_ecg, "a b");
    assert_found(index, "", &by_two, "b c");
    assert_found(index, "beats", &by_both, "b");
    assert_found(index, "", &by_source, "");
    g_autofree char *organs = join(catalogue_search_words(index, "organ"));
    g_assert_cmpstr(organs, ==, "brain heart");
    end();
}

/* What stands in the cache is replaced where it is no index, half an index, or a folder in the way.
 */
static void test_damaged_cache(void)
{
    begin();
    write_manifest("own", "alpha", "lung scans", "");
    let_age();
    catalogue_index_close(open_index("cache"));
    g_autofree char *folder = g_build_filename(root, "cache", NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    g_autofree char *name = g_strdup(g_dir_read_name(dir));
    g_dir_close(dir);
    g_autofree char *path = path_of("cache", name);
    g_autofree char *whole = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(path, &whole, &length, NULL));
    const struct {
        const char *bytes;
        gsize length;
    } damaged[] = {{"", 0}, {"no database", 11}, {whole, length / 2}, {whole, 100}};
    for (gsize i = 0; i < G_N_ELEMENTS(damaged); i++) {
        g_assert_true(g_file_set_contents(path, damaged[i].bytes, (gssize)damaged[i].length, NULL));
        CatalogueIndex *index = open_index("cache");
        assert_found(index, "lung", NULL, "alpha");
        catalogue_index_close(index);
        index = open_index("cache");
        g_assert_cmpuint(places_asked, ==, 0);
        catalogue_index_close(index);
    }
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    CatalogueIndex *index = open_index("cache");
    assert_found(index, "lung", NULL, "alpha");
    catalogue_index_close(index);
    end();
}

/* A cache folder that cannot be made: the index is in memory. */
static void test_no_cache(void)
{
    begin();
    write_manifest("own", "alpha", "lung scans", "");
    write_text(".", "file", "in the way");
    g_autoptr(CatalogueIndex) index = open_index("file/cache");
    assert_found(index, "lung", NULL, "alpha");
    end();
}

/* Many make the index at once while manifests change; each sees what stood there when it looked. */
static void test_many_processes(void)
{
    begin();
    for (guint i = 0; i < 30; i++) {
        g_autofree char *id = g_strdup_printf("set-%02u", i);
        write_manifest("own", id, "lung scans", "");
    }
    pid_t children[6];
    for (gsize i = 0; i < G_N_ELEMENTS(children); i++) {
        children[i] = fork();
        g_assert_cmpint(children[i], >=, 0);
        if (children[i] > 0)
            continue;
        for (guint k = 0; k < 10; k++) {
            g_autofree char *id = g_strdup_printf("new-%zu-%u", i, k);
            write_manifest("own", id, "eyes of mine", "");
            g_autoptr(CatalogueIndex) index = open_index("cache");
            assert_found(index, id, NULL, id);
        }
        _exit(0);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(children); i++) {
        int status = 0;
        g_assert_cmpint(waitpid(children[i], &status, 0), ==, children[i]);
        g_assert_cmpint(status, ==, 0);
    }
    g_autoptr(CatalogueIndex) index = open_index("cache");
    g_assert_cmpint(catalogue_search_count(index, "eyes", NULL), ==, 60);
    g_assert_cmpuint(count_files("cache", ".new"), ==, 0);
    end();
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C");
    char *top = own_folders_begin();
    g_setenv("TEST_TOP", top, TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/catalogue-index/follows changes", test_follows_changes);
    g_test_add_func("/catalogue-index/quick changes", test_quick_changes);
    g_test_add_func("/catalogue-index/wrong ones", test_wrong_ones);
    g_test_add_func("/catalogue-index/first folder wins", test_first_folder_wins);
    g_test_add_func("/catalogue-index/rank", test_rank);
    g_test_add_func("/catalogue-index/filters", test_filters);
    g_test_add_func("/catalogue-index/damaged cache", test_damaged_cache);
    g_test_add_func("/catalogue-index/no cache", test_no_cache);
    g_test_add_func("/catalogue-index/many processes", test_many_processes);
    return own_folders_end(top, g_test_run());
}
