#include "unpack_gzip.h"

#include "error.h"
#include "i18n.h"

#include <zlib.h>

enum {
    IN_BYTES = 128 * 1024,
    OUT_BYTES = 256 * 1024,
    GZIP_WINDOW = 15 + 16, /* of inflateInit2: gzip alone */
    MAGIC_1 = 0x1f,
    MAGIC_2 = 0x8b,
};

struct GzipReader {
    UnpackSource *source;
    guint64 offset; /* of what is not read yet */
    z_stream stream;
    gboolean in_member, any_member, at_end;
    guint64 behind;
    guint8 in[IN_BYTES];
    guint8 out[OUT_BYTES];
};

GzipReader *gzip_reader_new(UnpackSource *source)
{
    GzipReader *reader = g_new0(GzipReader, 1);
    reader->source = source;
    if (inflateInit2(&reader->stream, GZIP_WINDOW) != Z_OK)
        g_error("zlib cannot be started");
    return reader;
}

void gzip_reader_free(GzipReader *reader)
{
    if (!reader)
        return;
    inflateEnd(&reader->stream);
    g_free(reader);
}

guint64 gzip_reader_behind(const GzipReader *reader)
{
    return reader->behind;
}

static gssize gzip_damaged(const char *why, GError **error)
{
    /* TRANSLATORS: a clause such as "it is cut short". */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED, _("The gzip file is damaged: %s."),
                why);
    return -1;
}

/* At least WANTED bytes of input, or all that is left. FALSE at an error. */
static gboolean gzip_fill(GzipReader *reader, guint wanted, GError **error)
{
    if (reader->stream.avail_in >= wanted)
        return TRUE;
    if (reader->stream.avail_in > 0)
        memmove(reader->in, reader->stream.next_in, reader->stream.avail_in);
    reader->stream.next_in = reader->in;
    while (reader->stream.avail_in < wanted) {
        gssize n =
            unpack_source_read(reader->source, reader->offset, reader->in + reader->stream.avail_in,
                               IN_BYTES - reader->stream.avail_in, error);
        if (n < 0)
            return FALSE;
        if (n == 0)
            break;
        reader->offset += (guint64)n;
        reader->stream.avail_in += (guint)n;
    }
    return TRUE;
}

static gboolean skip_behind(GzipReader *reader, GError **error)
{
    for (;;) {
        reader->behind += reader->stream.avail_in;
        reader->stream.avail_in = 0;
        if (!gzip_fill(reader, 1, error))
            return FALSE;
        if (reader->stream.avail_in == 0)
            return TRUE;
    }
}

/* Between members: 1: another one begins; 0: the end; -1: an error. */
static int gzip_begin_member(GzipReader *reader, GError **error)
{
    if (!gzip_fill(reader, 2, error))
        return -1;
    const guint8 *in = reader->stream.next_in;
    const guint there = reader->stream.avail_in;
    if (there >= 2 && in[0] == MAGIC_1 && in[1] == MAGIC_2) {
        inflateReset(&reader->stream);
        reader->in_member = reader->any_member = TRUE;
        return 1;
    }
    if (!reader->any_member) {
        gzip_damaged(there ? _("it does not begin as one") : _("it is empty"), error);
        return -1;
    }
    if (there == 1 && in[0] == MAGIC_1) {
        gzip_damaged(_("it is cut short"), error);
        return -1;
    }
    reader->at_end = TRUE;
    return skip_behind(reader, error) ? 0 : -1;
}

static const char *why_damaged(const GzipReader *reader)
{
    return reader->stream.msg ? reader->stream.msg : _("it cannot be decoded");
}

gssize gzip_reader_read(GzipReader *reader, const void **bytes, GError **error)
{
    z_stream *stream = &reader->stream;
    stream->next_out = reader->out;
    stream->avail_out = OUT_BYTES;
    while (stream->avail_out > 0 && !reader->at_end) {
        if (!reader->in_member) {
            if (gzip_begin_member(reader, error) < 0)
                return -1;
            continue;
        }
        if (!gzip_fill(reader, 1, error))
            return -1;
        if (stream->avail_in == 0)
            return gzip_damaged(_("it is cut short"), error);
        int code = inflate(stream, Z_NO_FLUSH);
        if (code == Z_STREAM_END)
            reader->in_member = FALSE;
        else if (code != Z_OK && code != Z_BUF_ERROR)
            return gzip_damaged(why_damaged(reader), error);
        /* What is there goes on before more is waited for. */
        if (stream->avail_in == 0 && stream->avail_out <= OUT_BYTES / 2)
            break;
    }
    *bytes = reader->out;
    return (gssize)(OUT_BYTES - stream->avail_out);
}
