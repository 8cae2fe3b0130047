/*
 * What Kaggle tells of a dataset: by its Croissant document (version, MD5 of the archive, licence),
 * and by the API's view. Pure.
 */
#pragma once

#include "digest.h"

#include <jansson.h>

/* One of a view's versions. */
typedef struct {
    guint number;
    char *created; /* "YYYY-MM-DD"; NULL where not told */
    gboolean is_deleted;
} KaggleVersion;

/* Strings are owned; NULL where not told. */
typedef struct {
    char *version; /* the current one */
    char *title, *licence, *citation;
    char *changed;    /* "YYYY-MM-DD" */
    gboolean has_md5; /* of the archive of VERSION */
    Digest md5;
    guint64 archive_bytes; /* rounded, and no less than it is; SIZE_UNKNOWN */
    GArray *versions;      /* KaggleVersion, newest first; NULL where not told */
    gboolean is_private;
    gboolean is_closed; /* the view says 0 bytes: consent or a login is wanted */
} KaggleFacts;
void kaggle_facts_clear(KaggleFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KaggleFacts, kaggle_facts_clear)

/* Adds what the document says and FACTS lacks. Its MD5 counts only beside the version that it is of
 * (older documents have neither). FALSE where it is no Croissant document. */
gboolean kaggle_facts_add_croissant(KaggleFacts *facts, const json_t *document);
/* Likewise. A view of the years before and after optional fields were tripled. */
gboolean kaggle_facts_add_view(KaggleFacts *facts, const json_t *view);
/* NULL where the versions are not told, or it is none of them. Borrowed. */
const KaggleVersion *kaggle_facts_version(const KaggleFacts *facts, const char *version);

/* The date of "2026-03-27T15:16:05.7Z", owned; NULL where it is none. */
char *kaggle_date(const char *text);
/* "98.305 KB", by 1,024 and up: nobody knows the base; SIZE_UNKNOWN. */
guint64 kaggle_rounded_size(const char *text);
