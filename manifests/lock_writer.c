#include "lock_form.h"

#include "buffered_writer.h"
#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "json_text.h"
#include "relpath.h"

#include <string.h>

struct LockWriter {
    BufferedWriter *out;
    GString *line;
    GString *last; /* the path of the file line before */
    gboolean has_header;
    LockEnd written;
};

LockWriter *lock_writer_new(int fd)
{
    LockWriter *writer = g_new0(LockWriter, 1);
    writer->out = buffered_writer_new(fd);
    writer->line = g_string_new(NULL);
    writer->last = g_string_new(NULL);
    return writer;
}

void lock_writer_free(LockWriter *writer)
{
    if (!writer)
        return;
    buffered_writer_free(writer->out);
    g_string_free(writer->line, TRUE);
    g_string_free(writer->last, TRUE);
    g_free(writer);
}

static gboolean write_line(LockWriter *writer, GError **error)
{
    g_string_append(writer->line, "}\n");
    int failed = buffered_writer_add(writer->out, writer->line->str, writer->line->len);
    return !failed || error_set_storage(error, failed, _("cannot write the lock"));
}

/* What only a mistake of ours brings about. */
static gboolean misused(const char *path, const char *reason, GError **error)
{
    g_autofree char *shown = relpath_display(path);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                _("The lock cannot hold \"%s\": %s."), shown, reason);
    return FALSE;
}

static void append_texts(GString *line, const LockHeader *header, gsize from, gsize to)
{
    for (gsize i = from; i < to; i++) {
        const char *text = G_STRUCT_MEMBER(const char *, header, lock_texts[i].offset);
        json_text_append_member(line, lock_texts[i].key, text);
    }
}

static void append_counts(GString *line, const LockHeader *header)
{
    json_text_append_raw(line, "listed", "{");
    json_text_append_number(line, "downloads", header->listed_downloads);
    if (header->listed_bytes != SIZE_UNKNOWN)
        json_text_append_number(line, "bytes", header->listed_bytes);
    g_string_append_c(line, '}');
    json_text_append_raw(line, "held", "{");
    json_text_append_number(line, "files", header->held_files);
    json_text_append_number(line, "bytes", header->held_bytes);
    g_string_append_c(line, '}');
    json_text_append_number(line, "skipped", header->skipped);
    json_text_append_number(line, "absent", header->absent);
    json_text_append_number(line, "failed", header->failed);
    json_text_append_raw(line, "trust", "{");
    for (guint i = TRUST_LOCKED; i <= TRUST_FIRST_USE; i++)
        json_text_append_number(line, trust_name((Trust)i), header->trust_count[i]);
    g_string_append_c(line, '}');
}

typedef struct {
    LockWriter *writer;
    GError **error;
} ListWriting;

static gboolean write_list_line(const char *line, gpointer data)
{
    ListWriting *writing = data;
    gsize length = strlen(line);
    int failed = buffered_writer_add(writing->writer->out, line, length);
    if (!failed)
        failed = buffered_writer_add(writing->writer->out, "\n", 1);
    return !failed || error_set_storage(writing->error, failed, _("cannot write the lock"));
}

gboolean lock_writer_header(LockWriter *writer, const LockHeader *header, GError **error)
{
    if (writer->has_header)
        return misused(header->folder ? header->folder : "", _("it has a header already"), error);
    writer->has_header = TRUE;
    GString *line = writer->line;
    g_string_assign(line, "{");
    guint format = header->selection && selection_looks_at_facts(header->selection)
                       ? LOCK_FORMAT
                       : LOCK_MIN_READER;
    json_text_append_number(line, "lock", format);
    json_text_append_number(line, "min_reader", format);
    append_texts(line, header, 0, LOCK_TEXTS_BEFORE);
    if (header->state_is_weak)
        json_text_append_raw(line, "state_is_weak", "true");
    g_autofree char *selection =
        header->selection ? selection_to_json(header->selection) : g_strdup("\"all\"");
    json_text_append_raw(line, "selection", selection);
    append_counts(line, header);
    append_texts(line, header, LOCK_TEXTS_BEFORE, LOCK_TEXTS);
    ListWriting writing = {writer, error};
    return write_line(writer, error) &&
           (!header->selection ||
            selection_each_line(header->selection, write_list_line, &writing));
}

static void append_digests(GString *line, const DigestSet *set)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lock_digest_order); i++) {
        const Digest *digest = digest_set_get(set, lock_digest_order[i]);
        if (!digest)
            continue;
        g_autofree char *hex = digest_to_hex(digest);
        json_text_append_member(line, digest_algorithm_name(digest->algorithm), hex);
    }
}

static void append_digest_object(GString *line, const char *key, const DigestSet *set)
{
    if (digest_set_is_empty(set))
        return;
    json_text_append_raw(line, key, "{");
    append_digests(line, set);
    g_string_append_c(line, '}');
}

static void append_trust(GString *line, Trust trust)
{
    if (trust != TRUST_NONE)
        json_text_append_member(line, "trust", trust_name(trust));
}

gboolean lock_writer_download(LockWriter *writer, const LockDownload *download, GError **error)
{
    if (!writer->has_header || writer->written.files > 0)
        return misused(download->path, _("downloads stand between the header and the files"),
                       error);
    if (!relpath_check(download->path, error))
        return FALSE;
    GString *line = writer->line;
    g_string_assign(line, "{");
    json_text_append_member(line, "download", download->path);
    json_text_append_member(line, "state", lock_state_name(download->state));
    json_text_append_member(line, "role", file_role_name(download->role));
    if (download->size != SIZE_UNKNOWN)
        json_text_append_number(line, "size", download->size);
    append_trust(line, download->trust);
    append_digest_object(line, "declared", &download->declared);
    append_digest_object(line, "seen", &download->seen);
    if (download->addresses && download->addresses->len > 0) {
        json_text_append_raw(line, "addresses", "[");
        for (guint i = 0; i < download->addresses->len; i++) {
            if (i > 0)
                g_string_append_c(line, ',');
            json_text_append_string(line, g_ptr_array_index(download->addresses, i));
        }
        g_string_append_c(line, ']');
    }
    if (download->unpack) {
        g_autofree char *rule = unpack_rule_to_json(download->unpack);
        json_text_append_raw(line, "unpack", rule);
    }
    g_autofree char *facts = file_facts_to_json(download->facts);
    if (facts)
        json_text_append_raw(line, "facts", facts);
    writer->written.downloads++;
    return write_line(writer, error);
}

gboolean lock_writer_file(LockWriter *writer, const LockFile *file, GError **error)
{
    if (!writer->has_header)
        return misused(file->path, _("it has no header yet"), error);
    if (writer->written.files > 0 && strcmp(writer->last->str, file->path) >= 0)
        return misused(file->path, _("files stand in the byte order of their paths"), error);
    if (file->state == LOCK_STATE_HAVE && !file->link_target &&
        !digest_set_get(&file->digests, DIGEST_SHA256))
        return misused(file->path, _("a file that is held needs its SHA-256"), error);
    if (!relpath_check(file->path, error))
        return FALSE;
    GString *line = writer->line;
    g_string_assign(line, "{");
    json_text_append_member(line, "file", file->path);
    json_text_append_member(line, "state", lock_state_name(file->state));
    if (file->size != SIZE_UNKNOWN)
        json_text_append_number(line, "size", file->size);
    append_digests(line, &file->digests);
    append_trust(line, file->trust);
    json_text_append_member(line, "archive", file->archive);
    json_text_append_member(line, "member", file->member);
    json_text_append_member(line, "link", file->link_target);
    g_string_assign(writer->last, file->path);
    writer->written.files++;
    return write_line(writer, error);
}

gboolean lock_writer_finish(LockWriter *writer, GError **error)
{
    GString *line = writer->line;
    g_string_assign(line, "{");
    json_text_append_raw(line, "end", "{");
    json_text_append_number(line, "downloads", writer->written.downloads);
    json_text_append_number(line, "files", writer->written.files);
    g_string_append_c(line, '}');
    if (!write_line(writer, error))
        return FALSE;
    int failed = buffered_writer_flush(writer->out);
    return !failed || error_set_storage(error, failed, _("cannot write the lock"));
}
