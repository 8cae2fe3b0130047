/*
 * The words for each way in which Kaggle refuses: what is lacking, the page for it, the line to
 * type next. Pure.
 */
#pragma once

#include "kaggle_locator.h"
#include "kaggle_said.h"

typedef struct {
    const KaggleName *name;
    const char *ref;         /* what was asked for, as it is typed */
    const Credential *login; /* what went with the request; NULL: none */
} KaggleCase;

/* With the code of the error that it is: MEDMIRROR_ERROR_ACCESS where the person must act, _ABSENT,
 * _ORIGIN. */
void kaggle_set_error(const KaggleCase *of, const KaggleSaid *said, GError **error);
/* Beforehand; owned. */
char *kaggle_words_before(const KaggleCase *of);
/* As in Fetcher. */
char *kaggle_describe_access(const Fetcher *fetcher, const json_t *locator,
                             const Manifest *manifest, int status);
