/*
 * Listings of buckets: ListObjectsV2 of S3 and of what speaks like it, page by page, each read as a
 * stream.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
#pragma once

#include "host_services.h"

typedef struct {
    const char *key;
    guint64 size;         /* SIZE_UNKNOWN where the listing does not say */
    const char *etag;     /* as sent, with its quotes; NULL where none */
    const char *modified; /* "2024-01-02T03:04:05.000Z"; NULL where none */
} S3Object;
/* OBJECT is borrowed. FALSE with an error ends the listing. */
typedef gboolean (*S3ObjectFunc)(const S3Object *object, gpointer data, GError **error);

/* What one page says beside its objects. */
typedef struct {
    gboolean is_listing;   /* its root is ListBucketResult */
    gboolean is_truncated; /* there is a further page */
    char *token;           /* of the further page; NULL: none */
    char *error_code;      /* of an <Error>: "AccessDenied"; NULL: none */
    char *error_message;
    char *error_region; /* where the bucket is, as the error says; NULL: it does not */
} S3Page;
void s3_page_clear(S3Page *page);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(S3Page, s3_page_clear)

/* Reads FD from its offset to its end. _STORAGE; _ORIGIN where it is no XML, declares a document
 * type, or a text in it is longer than any key; FUNC's error. */
gboolean s3_page_read(int fd, S3Page *page, S3ObjectFunc func, gpointer data, GError **error);

typedef struct {
    HostServices *services;
    const char *base; /* path style: BASE/BUCKET/KEY; no slash at its end */
    const char *bucket;
    const char *prefix;          /* "" for all */
    const RequestSigner *signer; /* NULL: anonymous */
    guint most_attempts;         /* as DocumentRequest has it */
} S3Listing;

/* Every object, in the order of the bucket (by the bytes of the keys). Folder markers (no bytes,
 * and a slash at the end) are left out. *COUNT (may be a NULL pointer): objects handed on. *REGION
 * (owned, may be a NULL pointer): where the bucket is, when that is why it failed. _ABSENT where
 * there is no such bucket, _ACCESS where it is closed, _ORIGIN. */
gboolean s3_list(const S3Listing *listing, S3ObjectFunc func, gpointer data, guint64 *count,
                 char **region, GError **error);

/* The address of an object: every byte of KEY but slashes and what RFC 3986 calls unreserved is
 * encoded, as a signature wants it. Owned. */
char *s3_object_address(const char *base, const char *bucket, const char *key);
