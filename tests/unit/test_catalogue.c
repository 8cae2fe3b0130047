#include "catalogue.h"
#include "error.h"
#include "relpath.h"

#include <glib/gstdio.h>
#include <string.h>

#define CATALOGUE SOURCE_DIR "/manifests/catalog"

static char *root; /* scratch; emptied and removed at the end */

static void write_file(const char *folder, const char *name, const char *text)
{
    g_autofree char *parent = g_build_filename(root, folder, NULL);
    g_autofree char *path = g_build_filename(parent, name, NULL);
    g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void write_manifest(const char *folder, const char *id, const char *title)
{
    g_autofree char *name = g_strconcat(id, ".json", NULL);
    g_autofree char *text =
        g_strdup_printf("{\"id\": \"%s\", \"title\": {\"en\": \"%s\"}, \"access\": \"open\",\n"
                        " \"source\": \"physionet\", \"locator\": {\"project\": \"p-%s\"}}\n",
                        id, title, id);
    write_file(folder, name, text);
}

static void remove_tree(const char *path)
{
    GDir *dir = g_dir_open(path, 0, NULL);
    for (const char *name; dir && (name = g_dir_read_name(dir));) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_clear_pointer(&dir, g_dir_close);
    g_assert_cmpint(g_remove(path), ==, 0);
}

/* A catalogue of two folders and one that is not there. */
static Catalogue *open_two(void)
{
    g_autofree char *none = g_build_filename(root, "none", NULL);
    g_autofree char *own = g_build_filename(root, "own", NULL);
    g_autofree char *shipped = g_build_filename(root, "shipped", NULL);
    const char *const folders[] = {none, own, shipped, NULL};
    return catalogue_open(folders);
}

static void test_first_wins(void)
{
    write_manifest("own", "alpha", "mine");
    write_manifest("shipped", "alpha", "shipped");
    write_manifest("shipped", "beta-set", "shipped");
    g_autoptr(Catalogue) catalogue = open_two();
    g_autoptr(GError) error = NULL;
    const Manifest *alpha = catalogue_find(catalogue, "alpha", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(alpha->title_en, ==, "mine");
    g_assert_true(alpha == catalogue_find(catalogue, "alpha", NULL));
    g_assert_cmpstr(catalogue_find(catalogue, "beta-set", NULL)->title_en, ==, "shipped");
}

static void test_absent(void)
{
    static const struct {
        const char *id, *message;
    } wrong[] = {
        {"alpah",
         "The catalogue has no dataset \"alpah\". Did you mean alpha? Type: medmirror show "
         "alpha"},
        {"set", "The catalogue has no dataset \"set\". Did you mean beta-set? Type: medmirror show "
                "beta-set"},
        {"zzzzzz", "The catalogue has no dataset \"zzzzzz\". What is not in it is named by its "
                   "source (physionet/NAME, uci/NUMBER) or by its address, as in: medmirror pull "
                   "physionet/mitdb"},
        {"../own/alpha",
         "The catalogue has no dataset \"../own/alpha\". What is not in it is named "
         "by its source (physionet/NAME, uci/NUMBER) or by its address, as in: medmirror pull "
         "physionet/mitdb"},
        {"", "The catalogue has no dataset \"\". What is not in it is named by its source "
             "(physionet/NAME, uci/NUMBER) or by its address, as in: medmirror pull "
             "physionet/mitdb"},
        {"Alpha",
         "The catalogue has no dataset \"Alpha\". Did you mean alpha? Type: medmirror show "
         "alpha"},
    };
    write_manifest("shipped", "alpha", "shipped");
    write_manifest("shipped", "beta-set", "shipped");
    g_autoptr(Catalogue) catalogue = open_two();
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(catalogue_find(catalogue, wrong[i].id, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
        g_assert_cmpstr(error->message, ==, wrong[i].message);
    }
}

/* Then it is not the id that is wrong. */
static void test_no_catalogue(void)
{
    const char *const nowhere[] = {"/nonexistent/catalog", NULL};
    g_autoptr(Catalogue) catalogue = catalogue_open(nowhere);
    g_autoptr(GError) error = NULL;
    g_assert_null(catalogue_find(catalogue, "alpha", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT);
    g_assert_nonnull(strstr(error->message, "No catalogue was found"));
}

static gboolean has_project(const json_t *locator, gpointer project)
{
    return g_strcmp0(json_string_value(json_object_get(locator, "project")), project) == 0;
}

static void test_wrong_manifests(void)
{
    write_manifest("own", "alpha", "mine");
    write_manifest("shipped", "beta-set", "shipped");
    write_file("own", "broken.json", "{\"id\": \"broken\", \"titel\": {}}");
    write_file("own", "called-else.json",
               "{\"id\": \"alpha\", \"title\": {\"en\": \"X\"}, \"access\": \"open\"}");
    write_file("own", "Upper Case.json", "{}");
    write_file("own", "note.txt", "not a manifest");
    g_autoptr(Catalogue) catalogue = open_two();
    g_autoptr(GError) error = NULL;
    g_assert_null(catalogue_find(catalogue, "broken", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_autofree char *broken = g_strdup_printf(
        "%s/own/broken.json: /titel: the key \"titel\" is not known; did you mean \"title\"?",
        root);
    g_assert_cmpstr(error->message, ==, broken);
    g_clear_error(&error);
    g_assert_null(catalogue_find(catalogue, "called-else", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_autofree char *called = g_strdup_printf("%s/own/called-else.json: /id: \"alpha\" is not the "
                                              "name of this file; call the file alpha.json.",
                                              root);
    g_assert_cmpstr(error->message, ==, called);

    char project[] = "p-beta-set", none[] = "p-none";
    for (guint twice = 0; twice < 2; twice++) {
        const Manifest *beta =
            catalogue_find_by_source(catalogue, "physionet", "physionet/x", has_project, project);
        g_assert_nonnull(beta);
        g_assert_cmpstr(beta->id, ==, "beta-set");
    }
    g_assert_null(
        catalogue_find_by_source(catalogue, "physionet", "physionet/x", has_project, none));
    g_assert_null(catalogue_find_by_source(catalogue, "uci", "uci/1", has_project, project));

    g_autoptr(GPtrArray) ids = catalogue_ids(catalogue);
    static const char *const expected[] = {"alpha", "beta-set", "broken", "called-else"};
    g_assert_cmpuint(ids->len, ==, G_N_ELEMENTS(expected));
    for (guint i = 0; i < ids->len; i++)
        g_assert_cmpstr(ids->pdata[i], ==, expected[i]);
}

/* The places without any argument: the person's, beside the program, the program's prefix. */
static void test_places(void)
{
    write_file("build", "medmirror", "");
    write_file("prefix/bin", "medmirror", "");
    write_manifest("config/medmirror/manifests", "own-set", "of the person");
    write_manifest("build/catalog", "built-set", "beside the program");
    write_manifest("prefix/share/medmirror/catalog", "installed-set", "installed");
    static const struct {
        const char *program, *found, *not_found;
    } places[] = {
        {"build/medmirror", "built-set", "installed-set"},
        {"prefix/bin/medmirror", "installed-set", "built-set"},
    };
    g_autofree char *before = g_strdup(g_getenv("MEDMIRROR_PROGRAM"));
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *program = g_build_filename(root, places[i].program, NULL);
        g_assert_true(g_setenv("MEDMIRROR_PROGRAM", program, TRUE));
        g_autoptr(Catalogue) catalogue = catalogue_open(NULL);
        g_assert_nonnull(catalogue_find(catalogue, "own-set", NULL));
        g_assert_nonnull(catalogue_find(catalogue, places[i].found, NULL));
        g_assert_null(catalogue_find(catalogue, places[i].not_found, NULL));
    }
    if (before)
        g_setenv("MEDMIRROR_PROGRAM", before, TRUE);
    else
        g_unsetenv("MEDMIRROR_PROGRAM");
}

static Catalogue *open_shipped(void)
{
    const char *const folders[] = {CATALOGUE, NULL};
    return catalogue_open(folders);
}

static void check_ids(Catalogue *catalogue, const Manifest *manifest, const GPtrArray *ids)
{
    for (guint i = 0; i < ids->len; i++) {
        g_assert_cmpstr(ids->pdata[i], !=, manifest->id);
        g_assert_nonnull(catalogue_find(catalogue, ids->pdata[i], NULL));
    }
}

static void test_shipped(void)
{
    g_autoptr(Catalogue) catalogue = open_shipped();
    g_autoptr(GPtrArray) ids = catalogue_ids(catalogue);
    guint of_uci = 0, of_physionet = 0, closed = 0;
    for (guint i = 0; i < ids->len; i++) {
        g_autoptr(GError) error = NULL;
        const Manifest *m = catalogue_find(catalogue, ids->pdata[i], &error);
        g_assert_no_error(error);
        g_assert_cmpstr(m->id, ==, ids->pdata[i]);
        g_assert_nonnull(m->title_en);
        g_assert_nonnull(m->title_zh);
        g_assert_nonnull(m->description_en);
        g_assert_nonnull(m->description_zh);
        g_assert_cmpint(m->notes_en == NULL, ==, m->notes_zh == NULL);
        g_assert_cmpuint(m->steps_en->len, ==, m->steps_zh->len);
        g_assert_nonnull(m->homepage);
        g_assert_cmpuint(m->modality->len, >, 0);
        if (m->access != ACCESS_OPEN) { /* who may have it, and how it is had */
            closed++;
            g_assert_cmpint(m->access, ==, ACCESS_APPLICATION);
            g_assert_cmpuint(m->needs->len, >, 0);
            g_assert_cmpuint(m->steps_en->len, >, 0);
            g_assert_nonnull(m->access_page);
            g_assert_nonnull(m->terms);
            g_assert_nonnull(m->terms_page);
            g_assert_cmpstr(m->sharing, ==, "none");
        }
        check_ids(catalogue, m, m->related);
        check_ids(catalogue, m, m->below);
        of_uci += g_strcmp0(m->source, "uci") == 0;
        of_physionet += g_strcmp0(m->source, "physionet") == 0;
    }
    g_assert_cmpuint(of_uci, ==, 9);
    g_assert_cmpuint(of_physionet, ==, 17);
    g_assert_cmpuint(closed, ==, 3);
    g_assert_cmpuint(ids->len, ==, of_uci + of_physionet);
}

static gboolean has_id(const json_t *locator, gpointer id)
{
    return json_integer_value(json_object_get(locator, "id")) == *(const int *)id;
}

/* The zip and its members by the digests that public code has recorded. */
static void test_shipped_uci(void)
{
    static const struct {
        int number;
        const char *id, *slug, *zip;
        guint members;
    } sets[] = {
        {60, "uci-liver-disorders", "liver+disorders", NULL, 0},
        {102, "uci-thyroid-disease", "thyroid+disease",
         "a0982569a7442c03a20815db58f271245e7a111b10ac46f6c6b5fa6feee4c1f4", 15},
        {14, "uci-breast-cancer", "breast+cancer", NULL, 1},
        {45, "uci-heart-disease", "heart+disease",
         "b17cd273da9ce1caa4710fce80227ea454d4dbf9fcbc8e6a9121672751563adc", 15},
        {63, "uci-lymphography", "lymphography", NULL, 1},
        {174, "uci-parkinsons", "parkinsons", NULL, 2},
        {189, "uci-parkinsons-telemonitoring", "parkinsons+telemonitoring",
         "2f82bb0ef96fa7d8d7edf4d97b89173e07c2cca7723440a64bc38918a83345df", 1},
        {301, "uci-parkinson-speech",
         "parkinson+speech+dataset+with+multiple+types+of+sound+recordings", NULL, 0},
        {470, "uci-parkinsons-disease-classification", "parkinson+s+disease+classification", NULL,
         0},
    };
    g_autoptr(Catalogue) catalogue = open_shipped();
    for (gsize i = 0; i < G_N_ELEMENTS(sets); i++) {
        int number = sets[i].number;
        const Manifest *m = catalogue_find_by_source(catalogue, "uci", "uci/1", has_id, &number);
        g_assert_nonnull(m);
        g_assert_cmpstr(m->id, ==, sets[i].id);
        g_assert_cmpstr(json_string_value(json_object_get(m->locator, "slug")), ==, sets[i].slug);
        g_autofree char *zip = g_strconcat(sets[i].slug, ".zip", NULL);
        const ManifestFile *file = manifest_find_file(m, zip, NULL);
        g_assert_cmpint(file != NULL, ==, sets[i].zip != NULL);
        if (file) {
            g_autofree char *hex = digest_to_hex(digest_set_get(&file->digests, DIGEST_SHA256));
            g_assert_cmpstr(hex, ==, sets[i].zip);
        }
        guint members = 0;
        for (guint j = 0; j < m->files->len; j++) {
            const ManifestFile *member = m->files->pdata[j];
            if (!member->member_of)
                continue;
            g_assert_cmpstr(member->member_of, ==, zip);
            g_assert_nonnull(digest_set_get(&member->digests, DIGEST_SHA256));
            g_assert_true(relpath_check(member->path, NULL));
            members++;
        }
        g_assert_cmpuint(members, ==, sets[i].members);
        g_assert_cmpint(m->unpack->container, ==, ARCHIVE_ZIP);
        const gboolean has_rar = number == 301 || number == 470;
        g_assert_cmpuint(m->unpack->nested ? m->unpack->nested->len : 0, ==, has_rar ? 1 : 0);
        if (has_rar) {
            const UnpackRule *nested = m->unpack->nested->pdata[0];
            g_assert_cmpint(nested->container, ==, ARCHIVE_RAR);
            g_assert_cmpstr(nested->member, ==, "*.rar");
        }
    }
}

static void test_nearest_words(void)
{
    static const char *const words[] = {"pull",      "verify",    "list",     "status", "path",
                                        "show",      "files",     "versions", "unpack", "doctor",
                                        "--include", "--exclude", "北京-数据"};
    static const struct {
        const char *word, *near; /* separated by blanks */
    } cases[] = {
        {"pul", "pull"},
        {"plul", "pull"}, /* an exchange is one step */
        {"veryfi", "verify"},
        {"VERIFY", "verify"},
        {"file", "files"},
        {"--inlcude", "--include"},
        {"--clude", "--exclude --include"},
        {"include", "--include"},
        {"statsu", "status"},
        {"doc", "doctor"},
        {"北京-数居", "北京-数据"},
        {"xyzzy", ""},
        {"l", ""},
        {"", ""},
        {"\xff", ""},
    };
    g_autoptr(GPtrArray) candidates = g_ptr_array_new();
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        g_ptr_array_add(candidates, (gpointer)words[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GPtrArray) near = nearest_words(cases[i].word, candidates, 2);
        g_ptr_array_add(near, NULL);
        g_autofree char *joined = g_strjoinv(" ", (char **)near->pdata);
        g_assert_cmpstr(joined, ==, cases[i].near);
    }
    g_autoptr(GPtrArray) one = nearest_words("--clude", candidates, 1);
    g_assert_cmpuint(one->len, ==, 1);
    g_autofree char *long_word = g_strnfill(1 << 20, 'a');
    g_autoptr(GPtrArray) none = nearest_words(long_word, candidates, 9);
    g_assert_cmpuint(none->len, ==, 0);
}

static void set_up(gconstpointer data)
{
    g_assert_cmpint(g_mkdir(root, 0700), ==, 0);
    void (*test)(void) = (void (*)(void))(gsize)GPOINTER_TO_SIZE(data);
    test();
    remove_tree(root);
}

#define ADD(path, test) g_test_add_data_func(path, GSIZE_TO_POINTER((gsize)(test)), set_up)

int main(int argc, char **argv)
{
    g_autofree char *scratch = g_dir_make_tmp("medmirror-XXXXXX", NULL);
    root = g_build_filename(scratch, "root", NULL);
    /* Before GLib reads it for the first time. */
    g_autofree char *config = g_build_filename(root, "config", NULL);
    g_setenv("XDG_CONFIG_HOME", config, TRUE);
    g_test_init(&argc, &argv, NULL);
    ADD("/catalogue/first wins", test_first_wins);
    ADD("/catalogue/absent", test_absent);
    ADD("/catalogue/none", test_no_catalogue);
    ADD("/catalogue/wrong manifests", test_wrong_manifests);
    ADD("/catalogue/places", test_places);
    ADD("/catalogue/shipped", test_shipped);
    ADD("/catalogue/shipped of UCI", test_shipped_uci);
    g_test_add_func("/nearest words", test_nearest_words);
    const int status = g_test_run();
    g_assert_cmpint(g_rmdir(scratch), ==, 0);
    g_free(root);
    return status;
}
