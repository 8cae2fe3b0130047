/*
 * What the tests of the unpacker share: archives made by hand and by libarchive, and one way to
 * unpack them and look at what came of it.
 */
#pragma once

#include "error.h"
#include "unpacking.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A zip by hand, so that it can lie. */
typedef enum {
    ZIP_DEFLATE = 1 << 0,
    ZIP_DESCRIPTOR = 1 << 1,   /* with signature, 32 bit */
    ZIP_NO_SIGNATURE = 1 << 2, /* of the descriptor */
    ZIP_DESCRIPTOR64 = 1 << 3, /* as Java writes above 4 GiB */
    ZIP_NO_ROW = 1 << 4,       /* the directory does not name it */
    ZIP_ENCRYPT_FLAG = 1 << 5,
    ZIP_WRONG_CRC = 1 << 6,
    ZIP_UTF8_FLAG = 1 << 7,
} ZipHow;

typedef struct {
    GByteArray *bytes, *directory;
    guint rows;
} Zip;

static inline void put(GByteArray *to, guint64 value, guint width)
{
    for (guint i = 0; i < width; i++) {
        const guint8 byte = (guint8)(value >> (8 * i));
        g_byte_array_append(to, &byte, 1);
    }
}

static inline void put_text(GByteArray *to, const char *text)
{
    g_byte_array_append(to, (const guint8 *)text, (guint)strlen(text));
}

static inline Zip *zip_new(void)
{
    Zip *zip = g_new0(Zip, 1);
    zip->bytes = g_byte_array_new();
    zip->directory = g_byte_array_new();
    return zip;
}

static inline GByteArray *deflated(const void *data, gsize length)
{
    z_stream stream = {0};
    g_assert_cmpint(deflateInit2(&stream, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), ==, Z_OK);
    GByteArray *out = g_byte_array_new();
    g_byte_array_set_size(out, (guint)deflateBound(&stream, length));
    stream.next_in = (Bytef *)(gpointer)data;
    stream.avail_in = (uInt)length;
    stream.next_out = out->data;
    stream.avail_out = out->len;
    g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
    g_byte_array_set_size(out, (guint)stream.total_out);
    deflateEnd(&stream);
    return out;
}

/* A member as it is told of: the defaults of zip_part() are the truth. */
typedef struct {
    const char *name, *row_name; /* of the header, of the directory */
    const void *data;
    gsize length;
    const GByteArray *body; /* encoded; NULL: as METHOD has it */
    guint method;
    guint32 mode;
    gint64 offset; /* of the header, as the row has it; -1: where it is */
    guint how;
} ZipPart;

static inline ZipPart zip_part(const char *name, const char *text, guint how)
{
    return (ZipPart){.name = name,
                     .row_name = name,
                     .data = text,
                     .length = strlen(text),
                     .method = how & ZIP_DEFLATE ? 8 : 0,
                     .mode = 0100644,
                     .offset = -1,
                     .how = how};
}

static inline void zip_put_common(GByteArray *to, const ZipPart *part, const GByteArray *body,
                                  guint flags, gboolean sizes)
{
    guint32 crc = (guint32)crc32(0, part->data, (uInt)part->length);
    put(to, 20, 2);
    put(to, flags, 2);
    put(to, part->method, 2);
    put(to, 0x00210000, 4);
    put(to, sizes ? crc ^ (part->how & ZIP_WRONG_CRC ? 1 : 0) : 0, 4);
    put(to, sizes ? body->len : 0, 4);
    put(to, sizes ? part->length : 0, 4);
}

static inline void zip_put_descriptor(GByteArray *to, const ZipPart *part, guint body)
{
    const guint width = part->how & ZIP_DESCRIPTOR64 ? 8 : 4;
    if (!(part->how & ZIP_NO_SIGNATURE))
        put(to, 0x08074b50, 4);
    put(to, crc32(0, part->data, (uInt)part->length), 4);
    put(to, body, width);
    put(to, part->length, width);
}

static inline void zip_add_part(Zip *zip, const ZipPart *part)
{
    const guint how = part->how;
    const gint64 at = part->offset >= 0 ? part->offset : zip->bytes->len;
    g_autoptr(GByteArray) made = NULL;
    if (!part->body && part->method == 8) {
        made = deflated(part->data, part->length);
    } else if (!part->body) {
        made = g_byte_array_new();
        g_byte_array_append(made, part->data, (guint)part->length);
    }
    const GByteArray *body = part->body ? part->body : made;
    const gboolean descriptor = how & (ZIP_DESCRIPTOR | ZIP_DESCRIPTOR64);
    const guint flags = (descriptor ? 8u : 0) | (how & ZIP_ENCRYPT_FLAG ? 1u : 0) |
                        (how & ZIP_UTF8_FLAG ? 0x800u : 0);
    put(zip->bytes, 0x04034b50, 4);
    zip_put_common(zip->bytes, part, body, flags, !descriptor);
    put(zip->bytes, strlen(part->name), 2);
    put(zip->bytes, 0, 2);
    put_text(zip->bytes, part->name);
    g_byte_array_append(zip->bytes, body->data, body->len);
    if (descriptor)
        zip_put_descriptor(zip->bytes, part, body->len);
    if (how & ZIP_NO_ROW)
        return;
    put(zip->directory, 0x02014b50, 4);
    put(zip->directory, 3 << 8 | 20, 2);
    zip_put_common(zip->directory, part, body, flags, TRUE);
    put(zip->directory, strlen(part->row_name), 2);
    put(zip->directory, 0, 8);
    put(zip->directory, (guint64)part->mode << 16, 4);
    put(zip->directory, (guint64)at, 4);
    put_text(zip->directory, part->row_name);
    zip->rows++;
}

static inline void zip_add(Zip *zip, const char *name, const char *text, guint how)
{
    const ZipPart part = zip_part(name, text, how);
    zip_add_part(zip, &part);
}

/* Directory and end; takes the zip. */
static inline GByteArray *zip_finish(Zip *zip)
{
    const guint offset = zip->bytes->len;
    g_byte_array_append(zip->bytes, zip->directory->data, zip->directory->len);
    put(zip->bytes, 0x06054b50, 4);
    put(zip->bytes, 0, 4);
    put(zip->bytes, zip->rows, 2);
    put(zip->bytes, zip->rows, 2);
    put(zip->bytes, zip->directory->len, 4);
    put(zip->bytes, offset, 4);
    put(zip->bytes, 0, 2);
    GByteArray *bytes = zip->bytes;
    g_byte_array_unref(zip->directory);
    g_free(zip);
    return bytes;
}

/* Archives by libarchive's writer. */
typedef struct {
    struct archive *archive;
    GByteArray *bytes;
} Packing;

static inline la_ssize_t packing_write(struct archive *archive, void *data, const void *bytes,
                                       size_t length)
{
    g_byte_array_append(data, bytes, (guint)length);
    return (la_ssize_t)length;
}

static inline Packing packing_new(ArchiveContainer container, ArchiveFilter filter)
{
    Packing packing = {archive_write_new(), g_byte_array_new()};
    int code = ARCHIVE_OK;
    switch (filter) {
    case FILTER_NONE:
        break;
    case FILTER_GZIP:
        code = archive_write_add_filter_gzip(packing.archive);
        break;
    case FILTER_COMPRESS:
        code = archive_write_add_filter_compress(packing.archive);
        break;
    case FILTER_BZIP2:
        code = archive_write_add_filter_bzip2(packing.archive);
        break;
    case FILTER_XZ:
        code = archive_write_add_filter_xz(packing.archive);
        break;
    case FILTER_ZSTD:
        code = archive_write_add_filter_zstd(packing.archive);
        break;
    case FILTER_LZ4:
        code = archive_write_add_filter_lz4(packing.archive);
        break;
    }
    g_assert_cmpint(code, ==, ARCHIVE_OK);
    if (container == ARCHIVE_TAR)
        code = archive_write_set_format_pax_restricted(packing.archive);
    else if (container == ARCHIVE_7Z)
        code = archive_write_set_format_7zip(packing.archive);
    else if (container == ARCHIVE_ZIP)
        code = archive_write_set_format_zip(packing.archive);
    else
        code = archive_write_set_format_raw(packing.archive);
    g_assert_cmpint(code, ==, ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(packing.archive, 1);
    g_assert_cmpint(archive_write_open(packing.archive, packing.bytes, NULL, packing_write, NULL),
                    ==, ARCHIVE_OK);
    return packing;
}

static inline void packing_add(Packing *packing, const char *name, guint type, const char *link,
                               const void *data, gsize length)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type ? type : AE_IFREG);
    archive_entry_set_perm(entry, 06755);
    archive_entry_set_mtime(entry, 1000000000, 0);
    archive_entry_set_size(entry, (la_int64_t)length);
    if (link && type == AE_IFLNK)
        archive_entry_set_symlink(entry, link);
    else if (link)
        archive_entry_set_hardlink(entry, link);
    g_assert_cmpint(archive_write_header(packing->archive, entry), ==, ARCHIVE_OK);
    if (length)
        g_assert_cmpint(archive_write_data(packing->archive, data, length), ==, (gssize)length);
    archive_entry_free(entry);
}

static inline void packing_add_text(Packing *packing, const char *name, const char *text)
{
    packing_add(packing, name, 0, NULL, text, strlen(text));
}

static inline GByteArray *packing_finish(Packing *packing)
{
    g_assert_cmpint(archive_write_close(packing->archive), ==, ARCHIVE_OK);
    archive_write_free(packing->archive);
    return packing->bytes;
}

/* LENGTH bytes that do not compress, the same for the same SEED. */
static inline GByteArray *noise(guint32 seed, gsize length)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    GByteArray *bytes = g_byte_array_sized_new((guint)length);
    for (gsize i = 0; i < length; i += 4)
        put(bytes, g_rand_int(rand), (guint)MIN((gsize)4, length - i));
    return bytes;
}

/* One unpacking and what came of it. */
typedef struct {
    /* Set before. */
    const UnpackRule *rule;
    const char *name; /* NULL: "x" */
    const GByteArray *bytes;
    const int *volume_fds;
    gsize slow;       /* bytes at a time through a frontier; 0: whole */
    gsize fail_after; /* the frontier fails then; 0: never */
    UnpackLimits limits;
    gboolean test_only;
    gboolean cancel;
    const char *left_out; /* path that is not chosen */
    gboolean stands;      /* what lies there counts */
    const SeriesCount *series;
    /* Seen. */
    char *folder; /* kept between runs; where the archive lies beside the tree */
    GError *error;
    GPtrArray *warnings, *members; /* "PATH SIZE SHA256[ -> TARGET][ (MEMBER)][ skipped]" */
    gboolean done;
    guint64 written, entries;
    gboolean has_series;
    SeriesCount came;
    Digest digest; /* of the series */
} Try;

static inline gboolean try_takes(const char *path, gpointer data)
{
    const Try *try = data;
    return g_strcmp0(path, try->left_out) != 0;
}

static inline gboolean try_stands(const char *path, gpointer data)
{
    const Try *try = data;
    return try->stands;
}

static inline gboolean try_member(const LockFile *member, gboolean chosen, gpointer data,
                                  GError **error)
{
    Try *try = data;
    const Digest *sha256 = digest_set_get(&member->digests, DIGEST_SHA256);
    g_autofree char *hex = sha256 ? digest_to_hex(sha256) : NULL;
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_append_printf(line, "%s %" G_GUINT64_FORMAT " %.8s", member->path, member->size,
                           hex ? hex : "-");
    if (member->link_target)
        g_string_append_printf(line, " -> %s", member->link_target);
    if (member->member)
        g_string_append_printf(line, " (%s)", member->member);
    if (!chosen)
        g_string_append(line, " skipped");
    g_assert_cmpstr(member->archive, ==, try->name ? try->name : "x");
    g_ptr_array_add(try->members, g_strdup(line->str));
    return TRUE;
}

static inline void try_done(Unpacking *unpacking, const GError *error, const GPtrArray *warnings,
                            gpointer data)
{
    Try *try = data;
    g_assert_false(try->done);
    try->done = TRUE;
    try->error = error ? g_error_copy(error) : NULL;
    try->has_series = !error && unpacking_series(unpacking, &try->came, &try->digest);
    for (guint i = 0; warnings && i < warnings->len; i++)
        g_ptr_array_add(try->warnings, g_strdup(g_ptr_array_index(warnings, i)));
}

static inline void try_prepare(Try *try)
{
    g_clear_error(&try->error);
    g_clear_pointer(&try->warnings, g_ptr_array_unref);
    g_clear_pointer(&try->members, g_ptr_array_unref);
    try->warnings = g_ptr_array_new_with_free_func(g_free);
    try->members = g_ptr_array_new_with_free_func(g_free);
    try->done = FALSE;
    if (try->folder)
        return;
    g_autoptr(GError) error = NULL;
    try->folder = g_dir_make_tmp("unpacking-XXXXXX", &error);
    g_assert_no_error(error);
    g_autofree char *tree = g_build_filename(try->folder, "tree", NULL);
    g_assert_cmpint(g_mkdir(tree, 0700), ==, 0);
}

static inline void try_feed(const Try *try, int fd, Frontier *frontier)
{
    for (gsize at = 0; at < try->bytes->len;) {
        const gsize n = MIN(try->slow, try->bytes->len - at);
        g_assert_cmpint(pwrite(fd, try->bytes->data + at, n, (off_t)at), ==, (gssize)n);
        at += n;
        frontier_advance(frontier, at);
        if (try->fail_after && at >= try->fail_after) {
            frontier_fail(frontier);
            return;
        }
    }
    frontier_finish(frontier, try->bytes->len);
}

static inline void try_run(Try *try)
{
    try_prepare(try);
    g_autoptr(GError) error = NULL;
    g_autofree char *archive = g_build_filename(try->folder, "archive", NULL);
    g_autofree char *tree = g_build_filename(try->folder, "tree", NULL);
    int fd = open(archive, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int tree_fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(tree_fd, >=, 0);
    g_autoptr(TreeWriter) writer = tree_writer_new(tree_fd, 0444);
    g_autoptr(TaskQueue) queue = task_queue_new();
    g_autoptr(Frontier) frontier = try->slow ? frontier_new() : NULL;
    if (!frontier)
        g_assert_cmpint(write(fd, try->bytes->data, try->bytes->len), ==, (gssize)try->bytes->len);
    const UnpackSpec spec = {
        .rule = try->rule,
        .name = try->name ? try->name : "x",
        .fd = fd,
        .volume_fds = try->volume_fds,
        .frontier = frontier,
        .tree = try->test_only ? NULL : writer,
        .tree_fd = try->test_only ? -1 : tree_fd,
        .algorithms = 1u << DIGEST_MD5,
        .series = try->series,
        .limits = try->limits,
        .taker = {try_takes, try_stands, try_member, try},
        .home = queue,
        .done = try_done,
        .data = try,
    };
    Unpacking *unpacking = unpacking_start(&spec, &error);
    g_assert_no_error(error);
    close(fd);
    fd = open(archive, O_RDWR | O_CLOEXEC);
    if (try->cancel)
        unpacking_cancel(unpacking);
    else if (frontier)
        try_feed(try, fd, frontier);
    while (!try->done)
        g_assert_cmpuint(task_queue_run(queue, 60000), >, 0);
    unpacking_progress(unpacking, &try->written, &try->entries);
    unpacking_free(unpacking);
    close(fd);
    close(tree_fd);
}

static inline void try_clear(Try *try)
{
    if (try->folder) {
        int fd = open(try->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_true(tree_remove_all(fd, "tree", NULL));
        g_assert_true(tree_remove_all(fd, "archive", NULL));
        close(fd);
        g_assert_cmpint(g_rmdir(try->folder), ==, 0);
    }
    g_clear_error(&try->error);
    g_clear_pointer(&try->warnings, g_ptr_array_unref);
    g_clear_pointer(&try->members, g_ptr_array_unref);
    g_free(try->folder);
    *try = (Try){0};
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Try, try_clear)

static inline void try_assert_file(const Try *try, const char *path, const void *bytes,
                                   gsize length)
{
    g_autofree char *full = g_build_filename(try->folder, "tree", path, NULL);
    g_autofree char *found = NULL;
    gsize found_length = 0;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_get_contents(full, &found, &found_length, &error));
    g_assert_cmpmem(found, found_length, bytes, length);
    struct stat seen;
    g_assert_cmpint(lstat(full, &seen), ==, 0);
    g_assert_cmpuint(seen.st_mode, ==, S_IFREG | 0444);
}

static inline void try_assert_text(const Try *try, const char *path, const char *text)
{
    try_assert_file(try, path, text, strlen(text));
}

static inline void try_assert_absent(const Try *try, const char *path)
{
    g_autofree char *full = g_build_filename(try->folder, "tree", path, NULL);
    struct stat seen;
    g_assert_cmpint(lstat(full, &seen), !=, 0);
}

static inline void try_assert_ok(const Try *try)
{
    g_assert_no_error(try->error);
}

/* Failed with CODE and a message that says NEEDLE (may be NULL). */
static inline void try_assert_refused(const Try *try, int code, const char *needle)
{
    g_assert_error(try->error, MEDMIRROR_ERROR, code);
    if (needle && !strstr(try->error->message, needle))
        g_error("\"%s\" does not say \"%s\"", try->error->message, needle);
}

/* The child is this very program. */
static inline void fixture_main(int *argc, char ***argv)
{
    if (*argc > 1 && strcmp((*argv)[1], UNPACK_CHILD_VERB) == 0)
        _exit(unpack_child_main(*argc, *argv));
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_assert_nonnull(program);
    g_setenv("MEDMIRROR_PROGRAM", program, TRUE);
    g_test_init(argc, argv, NULL);
}
