#include <jansson.h>

#include "evidence.h"
#include "partial_rig.h"

#define MIB ((guint64)1024 * 1024)

static int make_file(Rig *rig, const char *name, guint64 length, guint version, mode_t mode)
{
    guint8 bytes[RIG_PIECE];
    int fd = openat(rig->folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);

    g_assert_cmpint(fd, >=, 0);
    for (guint64 at = 0; at < length; at += sizeof bytes) {
        gsize part = (gsize)MIN(length - at, sizeof bytes);
        rig_fill(bytes, at, part, version);
        g_assert_cmpint(pwrite(fd, bytes, part, (off_t)at), ==, (gssize)part);
    }
    g_assert_cmpint(unlinkat(rig->folder_fd, name, 0), ==, 0);
    return fd;
}

static json_t *read_note(const Rig *rig, const char *name)
{
    g_autofree char *path = g_build_filename(rig->path, name, NULL);
    json_error_t failure;
    json_t *note = json_load_file(path, JSON_REJECT_DUPLICATES, &failure);

    g_assert_nonnull(note);
    return note;
}

static void assert_file(const Rig *rig, const char *name, guint64 size, mode_t mode)
{
    struct stat st;

    g_assert_cmpint(fstatat(rig->folder_fd, name, &st, AT_SYMLINK_NOFOLLOW), ==, 0);
    g_assert_cmpint(st.st_size, ==, (goffset)size);
    g_assert_cmpuint(st.st_mode & 0777, ==, mode);
}

static void test_whole_then_parts(void)
{
    Rig rig;
    Digest seen;
    Digest wanted;
    DigestSet seen_set = {0};
    DigestSet wanted_set = {0};
    g_autoptr(GError) error = NULL;
    const guint64 large = EVIDENCE_WHOLE_BYTES + 10;

    rig_init(&rig);
    g_assert_true(digest_parse_hex_any("9e107d9d372bb6826bd81d3542a419d6", &seen));
    g_assert_true(digest_parse_hex_any("d41d8cd98f00b204e9800998ecf8427e", &wanted));
    digest_set_add(&seen_set, &seen);
    digest_set_add(&wanted_set, &wanted);
    EvidenceNote note = {
        .path = "a/b c.csv",
        .address = RIG_ADDRESS,
        .seen = &seen_set,
        .wanted = &wanted_set,
    };
    int fd = make_file(&rig, "x", 100000, 1, 0400);
    g_assert_true(evidence_keep(rig.folder_fd, "a/b c.csv", fd, &note, &error));
    g_assert_no_error(error);
    close(fd);
    assert_file(&rig, "a%2Fb%20c.csv", 100000, 0600); /* as private as what came */
    g_assert_true(rig_exists(&rig, "a%2Fb%20c.csv.json"));
    rig_clear(&rig);

    rig_init(&rig);
    fd = make_file(&rig, "x", EVIDENCE_WHOLE_BYTES, 1, 0444);
    g_assert_true(evidence_keep(rig.folder_fd, "name", fd, &note, &error));
    close(fd);
    assert_file(&rig, "name", EVIDENCE_WHOLE_BYTES, 0644);
    rig_assert_bytes(&rig, "name", 0, EVIDENCE_WHOLE_BYTES, 1);
    json_t *whole = read_note(&rig, "name.json");
    g_assert_cmpstr(json_string_value(json_object_get(whole, "path")), ==, "a/b c.csv");
    g_assert_cmpstr(json_string_value(json_object_get(whole, "address")), ==, RIG_ADDRESS);
    g_assert_cmpint(json_integer_value(json_object_get(whole, "size")), ==,
                    (json_int_t)EVIDENCE_WHOLE_BYTES);
    g_assert_cmpstr(json_string_value(json_object_get(whole, "copy")), ==, "whole");
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(whole, "seen"), "md5")), ==,
                    "9e107d9d372bb6826bd81d3542a419d6");
    g_assert_cmpstr(json_string_value(json_object_get(json_object_get(whole, "wanted"), "md5")), ==,
                    "d41d8cd98f00b204e9800998ecf8427e");
    json_decref(whole);

    /* The newest alone: the whole copy goes. */
    note.seen = NULL;
    note.address = NULL;
    fd = make_file(&rig, "x", large, 2, 0444);
    g_assert_true(evidence_keep(rig.folder_fd, "name", fd, &note, &error));
    g_assert_false(rig_exists(&rig, "name"));
    assert_file(&rig, "name.head", EVIDENCE_PART_BYTES, 0644);
    rig_assert_bytes(&rig, "name.head", 0, EVIDENCE_PART_BYTES, 2);
    assert_file(&rig, "name.tail", EVIDENCE_PART_BYTES, 0644);
    guint8 got[RIG_PIECE];
    guint8 want[RIG_PIECE];
    int tail = openat(rig.folder_fd, "name.tail", O_RDONLY | O_CLOEXEC);
    g_assert_cmpint(pread(tail, got, sizeof got, 0), ==, (gssize)sizeof got);
    rig_fill(want, large - EVIDENCE_PART_BYTES, sizeof want, 2);
    g_assert_cmpmem(got, sizeof got, want, sizeof want);
    close(tail);
    json_t *parts = read_note(&rig, "name.json");
    g_assert_true(json_is_null(json_object_get(parts, "address")));
    g_assert_cmpuint(json_object_size(json_object_get(parts, "seen")), ==, 0);
    json_decref(parts);

    /* And back. */
    g_assert_cmpint(ftruncate(fd, 3), ==, 0);
    g_assert_true(evidence_keep(rig.folder_fd, "name", fd, &note, &error));
    assert_file(&rig, "name", 3, 0644);
    g_assert_false(rig_exists(&rig, "name.head"));
    g_assert_false(rig_exists(&rig, "name.tail"));
    close(fd);
    rig_clear(&rig);
}

static void test_long_names(void)
{
    Rig rig;
    g_autoptr(GError) error = NULL;
    EvidenceNote note = {.path = "x"};
    guint count = 0;

    rig_init(&rig);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GString) name = g_string_new(NULL);
        for (guint part = 0; part < 40; part++)
            g_string_append_printf(name, "folder-%u/", part);
        g_string_append_printf(name, "%u", i);
        int fd = make_file(&rig, "x", 5, i, 0444);
        g_assert_true(evidence_keep(rig.folder_fd, name->str, fd, &note, &error));
        g_assert_no_error(error);
        close(fd);
    }
    g_autoptr(GDir) dir = g_dir_open(rig.path, 0, NULL);
    while (g_dir_read_name(dir))
        count++;
    g_assert_cmpuint(count, ==, 4); /* two copies, two notes */
    g_clear_pointer(&dir, g_dir_close);
    rig_clear(&rig);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    umask(022);
    g_test_add_func("/evidence/whole-then-parts", test_whole_then_parts);
    g_test_add_func("/evidence/long-names", test_long_names);
    return g_test_run();
}
