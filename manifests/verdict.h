/*
 * The verdict on the bytes of one file: one pure function, and nobody else compares digests.
 * Order of trust: the lock, then the publisher, then hints, then first use (DESIGN.md, "Verify").
 */
#pragma once

#include "digest.h"

#define SIZE_UNKNOWN G_MAXUINT64

/* What speaks for a file, kept in lock files. */
typedef enum {
    TRUST_NONE,      /* not looked at yet */
    TRUST_LOCKED,    /* equals the digest of a lock file */
    TRUST_DECLARED,  /* equals the digest that the publisher declares */
    TRUST_HINT,      /* agrees with a hint (an ETag like an MD5, a listing's size) */
    TRUST_FIRST_USE, /* nobody vouches: this is what came first */
} Trust;

const char *trust_name(Trust trust); /* "locked", "declared", "hint", "first use"; static */
gboolean trust_parse(const char *name, Trust *trust);

/* What the bytes must or should be. Sizes in bytes, SIZE_UNKNOWN where nobody says. */
typedef struct {
    DigestSet locked;
    guint64 locked_size;
    DigestSet declared;
    guint64 declared_size;
    DigestSet hinted;
    guint64 hinted_size;
} WantedBytes;
/* Nobody wants anything: what to begin with, for a zeroed size is a size. */
#define WANTED_BYTES_NONE                                                                          \
    ((WantedBytes){                                                                                \
        .locked_size = SIZE_UNKNOWN, .declared_size = SIZE_UNKNOWN, .hinted_size = SIZE_UNKNOWN})

/* What was seen. REPEATED: the very same bytes came in an earlier, independent transfer. */
typedef struct {
    DigestSet digests;
    guint64 size;
    gboolean repeated;
} SeenBytes;

typedef enum {
    VERDICT_VERIFIED,    /* trust says by whom */
    VERDICT_FIRST_USE,   /* nobody vouches */
    VERDICT_FETCH_AGAIN, /* a hint disagrees: fetch once more; the same bytes twice are first use */
    VERDICT_WRONG,       /* a digest or a size that counts differs */
    VERDICT_CHANGED, /* the publisher sent something else than the lock knows, and stands by it */
} VerdictKind;

typedef struct {
    VerdictKind kind;
    Trust trust;               /* of VERIFIED and FIRST_USE */
    gboolean hint_disagreed;   /* FIRST_USE after a hint that did not agree: say a word */
    DigestAlgorithm algorithm; /* of WRONG, CHANGED, FETCH_AGAIN by digest: which differed */
    gboolean by_size;          /* of WRONG, CHANGED, FETCH_AGAIN: the size differs (too) */
} Verdict;

/* Pure. A wanted set that is empty, or of algorithms that SEEN lacks, does not speak. Of one voice
 * a digest that differs outweighs all, one that agrees outweighs the size, and a size alone that
 * agrees is a hint. Bytes that differ from the lock are CHANGED where they equal what the publisher
 * declares, or where they came twice and nobody but the lock objects. */
Verdict verdict_of(const WantedBytes *wanted, const SeenBytes *seen);

/* The bits of algorithms that must be computed for WANTED to be judged; always holds SHA-256. */
guint wanted_bytes_algorithms(const WantedBytes *wanted);
