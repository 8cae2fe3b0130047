/*
 * Digests: an algorithm and a value, in every form that services use.
 */
#pragma once

#include <glib.h>

typedef enum {
    DIGEST_MD5,
    DIGEST_SHA1,
    DIGEST_SHA256,
    DIGEST_SHA512,
    DIGEST_CRC32C,   /* Castagnoli, as x-goog-hash has it; 4 bytes, big endian */
    DIGEST_GIT_BLOB, /* SHA-1 of "blob SIZE\0" and the bytes: needs the size beforehand */
    DIGEST_MD5_TREE, /* MD5 of the members' MD5s, as lower-case hex, sorted, joined: TCIA's hash of
                        a series. No stream computes it: of an archive's members, not of its bytes
                      */
} DigestAlgorithm;
#define DIGEST_ALGORITHMS 7
/* The bits of those that are of a file's bytes. */
#define DIGEST_STREAMED (((1u << DIGEST_ALGORITHMS) - 1) & ~(1u << DIGEST_MD5_TREE))
#define DIGEST_MAX_BYTES 64

typedef struct {
    DigestAlgorithm algorithm;
    guint8 bytes[DIGEST_MAX_BYTES];
} Digest;

/* "sha256", "md5", ...: the name in lock files and manifests. Static. */
const char *digest_algorithm_name(DigestAlgorithm algorithm);
/* Takes any usual spelling ("SHA-256", "sha256", "md5"); FALSE where it is none. */
gboolean digest_algorithm_parse(const char *text, DigestAlgorithm *algorithm);
/* Length of the value in bytes. */
gsize digest_length(DigestAlgorithm algorithm);

/* Hexadecimal text of exactly the right length, any case; FALSE (and DIGEST untouched) otherwise.
 */
gboolean digest_parse_hex(DigestAlgorithm algorithm, const char *hex, Digest *digest);
/* The same by the length alone: 32 MD5, 40 SHA-1, 64 SHA-256, 128 SHA-512. */
gboolean digest_parse_hex_any(const char *hex, Digest *digest);
/* Base64 (RFC 4648, padding optional), as Croissant, Content-MD5 and x-goog-hash write it. */
gboolean digest_parse_base64(DigestAlgorithm algorithm, const char *text, Digest *digest);
/* A strong ETag that looks like an MD5 ("\"9e107d9d372bb6826bd81d3542a419d6\"", also "md5:HEX"); a
 * hint, never more. */
gboolean digest_parse_etag(const char *etag, Digest *digest);
/* Lower-case hexadecimal text; free with g_free(). */
char *digest_to_hex(const Digest *digest);
gboolean digest_equal(const Digest *a, const Digest *b);

/* At most one digest of each algorithm. A zeroed one is empty; a plain value, nothing to free. */
typedef struct {
    guint present; /* bit 1 << algorithm */
    Digest of[DIGEST_ALGORITHMS];
} DigestSet;

void digest_set_add(DigestSet *set, const Digest *digest);
/* NULL where the set has none of that algorithm. Borrowed. */
const Digest *digest_set_get(const DigestSet *set, DigestAlgorithm algorithm);
gboolean digest_set_is_empty(const DigestSet *set);
/* The bits (1 << algorithm) in the set. */
guint digest_set_algorithms(const DigestSet *set);
/* What the two sets say of each other where both speak: TRUE in *agree / *differ when any algorithm
 * agrees / differs. */
void digest_set_compare(const DigestSet *a, const DigestSet *b, gboolean *agree, gboolean *differ);

/* Several digests computed in one pass, by OpenSSL's EVP. */
typedef struct DigestStream DigestStream;

/* ALGORITHMS: bits 1 << algorithm. SIZE is needed for DIGEST_GIT_BLOB only. Free with
 * digest_stream_free(). */
DigestStream *digest_stream_new(guint algorithms, guint64 size);
void digest_stream_update(DigestStream *stream, const void *bytes, gsize length);
/* Bytes taken so far. */
guint64 digest_stream_length(const DigestStream *stream);
/* Ends the pass; the stream can only be freed afterwards. */
void digest_stream_finish(DigestStream *stream, DigestSet *set);
void digest_stream_free(DigestStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DigestStream, digest_stream_free)
