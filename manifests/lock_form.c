#include "lock_form.h"

const LockText lock_texts[LOCK_TEXTS] = {
    {"ref", offsetof(LockHeader, ref)},
    {"id", offsetof(LockHeader, id)},
    {"folder", offsetof(LockHeader, folder)},
    {"version", offsetof(LockHeader, version)},
    {"version_from", offsetof(LockHeader, version_from)},
    {"fingerprint", offsetof(LockHeader, fingerprint)},
    {"source_state", offsetof(LockHeader, source_state)},
    {"state_token", offsetof(LockHeader, state_token)},
    {"access", offsetof(LockHeader, access)},
    {"title", offsetof(LockHeader, title)},
    {"licence", offsetof(LockHeader, licence)},
    {"citation", offsetof(LockHeader, citation)},
    {"homepage", offsetof(LockHeader, homepage)},
    {"created", offsetof(LockHeader, created)},
    {"updated", offsetof(LockHeader, updated)},
    {"tool", offsetof(LockHeader, tool)},
    {"in_place", offsetof(LockHeader, in_place)},
};

const DigestAlgorithm lock_digest_order[DIGEST_ALGORITHMS] = {
    DIGEST_SHA256, DIGEST_SHA512,   DIGEST_SHA1,     DIGEST_MD5,
    DIGEST_CRC32C, DIGEST_GIT_BLOB, DIGEST_MD5_TREE,
};
