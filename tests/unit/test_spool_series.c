/* Members of a series that come one by one. */
#include "spool_series.h"

#include <fcntl.h>
#include <string.h>

#include "scratch.h"

typedef struct {
    char *folder;
    Spool *spool;
    gint64 id;
} Rig;

static void set_up(Rig *rig, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    rig->folder = g_dir_make_tmp("series-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(rig->folder, "spool.db", NULL);
    rig->spool = spool_open(path, &error);
    g_assert_no_error(error);
    g_autoptr(Selection) all = selection_new_all();
    g_assert_true(spool_begin_listing(rig->spool, all, &error));
    g_autoptr(FileSpec) file = file_spec_new("P/1.2/1.2.3.zip");
    file->role = FILE_ROLE_ARCHIVE;
    file->unpack = unpack_rule_new(ARCHIVE_ZIP, FILTER_NONE);
    g_assert_true(spool_add(rig->spool, file, &error));
    g_assert_true(spool_end_listing(rig->spool, &error));
    g_autoptr(SpoolDownload) row = spool_find(rig->spool, file->path, &error);
    g_assert_no_error(error);
    rig->id = row->id;
    g_assert_true(spool_name_members(rig->spool, &error));
}

static void tear_down(Rig *rig, gconstpointer data)
{
    spool_close(rig->spool);
    scratch_remove(rig->folder);
}

static void digests_of(const char *content, guint algorithms, DigestSet *set)
{
    g_autoptr(DigestStream) stream = digest_stream_new(algorithms, 0);
    digest_stream_update(stream, content, strlen(content));
    memset(set, 0, sizeof *set);
    digest_stream_finish(stream, set);
}

static void add(Rig *rig, const char *name, const char *content, Trust trust, gboolean chosen)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_strdup_printf("P/1.2/1.2.3/%s.dcm", content);
    LockFile member = {.path = path, .size = strlen(content), .trust = trust};
    digests_of(content, 1U << DIGEST_SHA256 | 1U << DIGEST_MD5, &member.digests);
    g_assert_true(spool_add_member(rig->spool, rig->id, &member, chosen, &error));
    g_assert_true(spool_name_member(rig->spool, rig->id, name, path, &error));
    g_assert_no_error(error);
}

static void test_found_by_its_name(Rig *rig, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    gboolean is_installed = TRUE;
    add(rig, "a-uuid.dcm", "one", TRUST_HINT, TRUE);
    add(rig, "b-uuid.dcm", "two", TRUST_NONE, FALSE);
    g_auto(LockFile) found = {0};
    g_assert_true(
        spool_find_member(rig->spool, rig->id, "a-uuid.dcm", &found, &is_installed, &error));
    g_assert_cmpstr(found.path, ==, "P/1.2/1.2.3/one.dcm");
    g_assert_cmpuint(found.size, ==, 3);
    g_assert_cmpint(found.state, ==, LOCK_STATE_HAVE);
    g_assert_false(is_installed);
    g_auto(LockFile) skipped = {0};
    g_assert_true(
        spool_find_member(rig->spool, rig->id, "b-uuid.dcm", &skipped, &is_installed, &error));
    g_assert_cmpint(skipped.state, ==, LOCK_STATE_SKIPPED);
    g_auto(LockFile) none = {0};
    g_assert_false(
        spool_find_member(rig->spool, rig->id, "c-uuid.dcm", &none, &is_installed, &error));
    g_assert_false(
        spool_find_member(rig->spool, rig->id + 1, "a-uuid.dcm", &none, &is_installed, &error));
    g_assert_true(spool_forget_members(rig->spool, rig->id, &error));
    g_assert_false(
        spool_find_member(rig->spool, rig->id, "a-uuid.dcm", &none, &is_installed, &error));
    g_assert_no_error(error);
}

static void test_counted(Rig *rig, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    SpoolMembers members;
    g_assert_true(spool_count_members(rig->spool, rig->id, &members, &error));
    g_assert_cmpuint(members.count, ==, 0);
    add(rig, "a", "one", TRUST_HINT, TRUE);
    add(rig, "b", "three", TRUST_NONE, TRUE);
    add(rig, "c", "seven", TRUST_HINT, FALSE);
    g_assert_true(spool_count_members(rig->spool, rig->id, &members, &error));
    g_assert_cmpuint(members.count, ==, 3);
    g_assert_cmpuint(members.bytes, ==, 13);
    g_assert_cmpuint(members.unhinted, ==, 1);
    g_assert_true(spool_trust_members(rig->spool, rig->id, TRUST_DECLARED, &error));
    g_auto(LockFile) found = {0};
    g_assert_true(spool_find_file(rig->spool, "P/1.2/1.2.3/three.dcm", &found));
    g_assert_cmpint(found.trust, ==, TRUST_DECLARED);
    g_assert_no_error(error);
}

static gint compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The MD5s as text, sorted, without anything between them. */
static void test_hash_of_the_whole(Rig *rig, gconstpointer data)
{
    static const char *const contents[] = {"one", "three", "seven", "eleven"};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new_with_free_func(g_free);
    Digest tree;
    g_assert_false(spool_digest_members(rig->spool, rig->id, &tree, &error));
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(contents); i++) {
        add(rig, contents[i], contents[i], TRUST_NONE, i != 2);
        g_ptr_array_add(sorted, g_compute_checksum_for_string(G_CHECKSUM_MD5, contents[i], -1));
    }
    g_ptr_array_sort(sorted, compare_texts);
    g_ptr_array_add(sorted, NULL);
    g_autofree char *text = g_strjoinv("", (char **)sorted->pdata);
    g_autofree char *wanted = g_compute_checksum_for_string(G_CHECKSUM_MD5, text, -1);
    g_assert_true(spool_digest_members(rig->spool, rig->id, &tree, &error));
    g_assert_cmpint(tree.algorithm, ==, DIGEST_MD5_TREE);
    g_autofree char *seen = digest_to_hex(&tree);
    g_assert_cmpstr(seen, ==, wanted);

    LockFile without = {.path = (char *)"P/1.2/1.2.3/x.dcm", .size = 1};
    digests_of("x", 1U << DIGEST_SHA256, &without.digests);
    g_assert_true(spool_add_member(rig->spool, rig->id, &without, TRUE, &error));
    g_assert_false(spool_digest_members(rig->spool, rig->id, &tree, &error));
    g_assert_no_error(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/spool-series/found", Rig, NULL, set_up, test_found_by_its_name, tear_down);
    g_test_add("/spool-series/counted", Rig, NULL, set_up, test_counted, tear_down);
    g_test_add("/spool-series/hash", Rig, NULL, set_up, test_hash_of_the_whole, tear_down);
    return g_test_run();
}
