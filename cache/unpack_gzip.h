/*
 * gzip (RFC 1952) by zlib, which checks CRC and length; libarchive does not. Members one after
 * another are one file.
 */
#pragma once

#include "unpack_source.h"

typedef struct GzipReader GzipReader;
GzipReader *gzip_reader_new(UnpackSource *source); /* borrowed; owned */
void gzip_reader_free(GzipReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GzipReader, gzip_reader_free)
/* As unpack_filter_read(). */
gssize gzip_reader_read(GzipReader *reader, const void **bytes, GError **error);
/* After the end: bytes behind the last member. */
guint64 gzip_reader_behind(const GzipReader *reader);
