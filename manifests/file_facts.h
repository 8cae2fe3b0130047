/*
 * What a source says of a file by its own keys (FileSpec.facts): a flat object of strings.
 */
#pragma once

#include <jansson.h>

#include <glib.h>

/* Some hundred bytes of a listing's row; what is longer is no fact. */
#define FILE_FACTS_MOST_BYTES (64 * 1024)

/* One line of JSON with sorted keys, for the spool and the lock: equal facts give equal text. NULL
 * where there are none. Owned. */
char *file_facts_to_json(const json_t *facts);
/* NULL with *REASON (owned) where JSON is no flat object of strings. NULL without one where JSON is
 * NULL. */
json_t *file_facts_from_json(const char *json, char **reason);
/* Is it an object whose values are strings? */
gboolean file_facts_are_flat(const json_t *facts);
/* The value of KEY, borrowed; NULL where it has none. */
const char *file_facts_get(const json_t *facts, const char *key);
/* The facts that tell of a file's content, as text to be compared; NULL where there are none.
 * Owned. A series of DICOM images has no size of its own at its source, but a count and a sum of
 * them and the time of the last submission into it (the fields by which TCIA's own clients see that
 * a series has changed). Names, descriptions, licences and where it lies at this moment are no
 * content: when they change, no byte does. */
char *file_facts_content(const json_t *facts);
