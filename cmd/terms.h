/*
 * What a person has agreed to: a line for each time in $XDG_CONFIG_HOME/medmirror/terms.jsonl, with
 * the digest of the text that was shown.
 */
#pragma once

#include "reference.h"

/* What is known of a dataset's licence and terms, as lines that are the same in every language:
 * what is shown, digested and agreed to. NULL where nothing is known. Owned. */
char *terms_text(const Reference *reference);
/* SHA-256 of such a text, 64 hexadecimal digits. Owned. */
char *terms_digest(const char *text);
/* When the person has agreed to the text of this digest for the dataset: UTC, ISO 8601. NULL
 * without an error: not yet. _STORAGE. Owned. */
char *terms_accepted(const char *ref, const char *digest, GError **error);
/* _STORAGE. */
gboolean terms_accept(const Reference *reference, const char *text, const char *digest,
                      GError **error);
