#include "verdict.h"

#include <string.h>

static const char *const trust_names[] = {
    [TRUST_NONE] = "none", [TRUST_LOCKED] = "locked",       [TRUST_DECLARED] = "declared",
    [TRUST_HINT] = "hint", [TRUST_FIRST_USE] = "first use",
};

const char *trust_name(Trust trust)
{
    return trust_names[trust];
}

gboolean trust_parse(const char *name, Trust *trust)
{
    for (gsize i = 0; i < G_N_ELEMENTS(trust_names); i++) {
        if (g_strcmp0(name, trust_names[i]) == 0) {
            *trust = (Trust)i;
            return TRUE;
        }
    }
    return FALSE;
}

/* What one voice says of the bytes. */
typedef enum {
    VOICE_SILENT,
    VOICE_SIZE_AGREES, /* the size alone */
    VOICE_AGREES,      /* by digest */
    VOICE_DIFFERS,
} VoiceKind;

typedef struct {
    VoiceKind kind;
    DigestAlgorithm algorithm; /* of DIFFERS by digest */
    gboolean by_size;          /* of DIFFERS: the size does, too or alone */
} Voice;

/* The algorithm to name where several differ: the one that proves most. */
static DigestAlgorithm strongest_difference(const DigestSet *a, const DigestSet *b)
{
    static const DigestAlgorithm order[] = {DIGEST_SHA256,   DIGEST_SHA512, DIGEST_SHA1,
                                            DIGEST_GIT_BLOB, DIGEST_MD5,    DIGEST_CRC32C};
    for (gsize i = 0; i < G_N_ELEMENTS(order); i++) {
        const Digest *of_a = digest_set_get(a, order[i]);
        const Digest *of_b = digest_set_get(b, order[i]);
        if (of_a && of_b && !digest_equal(of_a, of_b))
            return order[i];
    }
    return DIGEST_SHA256;
}

/* A digest outweighs a size: where it agrees, whoever wrote the size was mistaken. */
static Voice voice_of(const DigestSet *wanted, guint64 wanted_size, const SeenBytes *seen)
{
    gboolean agree, differ;
    digest_set_compare(wanted, &seen->digests, &agree, &differ);
    gboolean both_sizes = wanted_size != SIZE_UNKNOWN && seen->size != SIZE_UNKNOWN;
    gboolean size_differs = both_sizes && wanted_size != seen->size;
    if (differ || (size_differs && !agree))
        return (Voice){.kind = VOICE_DIFFERS,
                       .algorithm = strongest_difference(wanted, &seen->digests),
                       .by_size = size_differs};
    if (agree)
        return (Voice){.kind = VOICE_AGREES};
    return (Voice){.kind = both_sizes ? VOICE_SIZE_AGREES : VOICE_SILENT};
}

static Verdict verified(Trust trust)
{
    return (Verdict){.kind = VERDICT_VERIFIED, .trust = trust};
}

static Verdict objection(VerdictKind kind, const Voice *voice)
{
    return (Verdict){.kind = kind, .algorithm = voice->algorithm, .by_size = voice->by_size};
}

Verdict verdict_of(const WantedBytes *wanted, const SeenBytes *seen)
{
    const Voice locked = voice_of(&wanted->locked, wanted->locked_size, seen);
    const Voice declared = voice_of(&wanted->declared, wanted->declared_size, seen);
    const Voice hinted = voice_of(&wanted->hinted, wanted->hinted_size, seen);

    if (locked.kind == VOICE_AGREES)
        return verified(TRUST_LOCKED);
    if (locked.kind == VOICE_DIFFERS) {
        gboolean source_declares = declared.kind == VOICE_AGREES;
        gboolean source_insists =
            seen->repeated && declared.kind != VOICE_DIFFERS && hinted.kind != VOICE_DIFFERS;
        return objection(source_declares || source_insists ? VERDICT_CHANGED : VERDICT_WRONG,
                         &locked);
    }
    if (declared.kind == VOICE_AGREES)
        return verified(TRUST_DECLARED);
    if (declared.kind == VOICE_DIFFERS)
        return objection(VERDICT_WRONG, &declared);
    if (hinted.kind == VOICE_DIFFERS) {
        if (!seen->repeated)
            return objection(VERDICT_FETCH_AGAIN, &hinted);
        return (Verdict){
            .kind = VERDICT_FIRST_USE, .trust = TRUST_FIRST_USE, .hint_disagreed = TRUE};
    }
    if (hinted.kind != VOICE_SILENT || declared.kind == VOICE_SIZE_AGREES ||
        locked.kind == VOICE_SIZE_AGREES)
        return verified(TRUST_HINT);
    return (Verdict){.kind = VERDICT_FIRST_USE, .trust = TRUST_FIRST_USE};
}

guint wanted_bytes_algorithms(const WantedBytes *wanted)
{
    return 1u << DIGEST_SHA256 | wanted->locked.present | wanted->declared.present |
           wanted->hinted.present;
}
