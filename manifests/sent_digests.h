/*
 * Digests that a storage sends with the bytes, in a header of their answer.
 */
#pragma once

#include "digest.h"

/* Adds to SET what one x-goog-hash header line says: "crc32c=BASE64", "md5=BASE64", or both with a
 * comma, with or without a space behind it; a composite object has no md5, and what is neither says
 * nothing (cloud.google.com/storage/docs/xml-api/reference-headers). The first word on an algorithm
 * counts. */
void sent_digests_add_google(DigestSet *set, const char *value);
/* Do both speak of an algorithm, and differ? Either may be NULL. */
gboolean sent_digests_differ(const DigestSet *a, const DigestSet *b);
