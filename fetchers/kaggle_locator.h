/*
 * How people and pages write a dataset or a competition of Kaggle, and where its API has it. Pure.
 *
 * A locator is {"dataset": "OWNER/SLUG"} or {"competition": "SLUG"}.
 */
#pragma once

#include "fetcher.h"

#define KAGGLE_HOST "www.kaggle.com"
#define KAGGLE_SITE "https://" KAGGLE_HOST
#define KAGGLE_API_HOST "api.kaggle.com"
#define KAGGLE_API_SITE "https://" KAGGLE_API_HOST

/* What a locator says; strings are owned. */
typedef struct {
    char *owner; /* NULL: a competition */
    char *slug;
} KaggleName;
void kaggle_name_clear(KaggleName *name);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KaggleName, kaggle_name_clear)
/* Of a checked locator. */
KaggleName kaggle_name_of(const json_t *locator);
/* "OWNER/SLUG" or "c/SLUG". Owned. */
char *kaggle_name_text(const KaggleName *name);
/* The page in a browser. Owned. */
char *kaggle_name_page(const KaggleName *name);
/* A whole number from 1 on, without a sign or zeros in front. */
gboolean kaggle_version_is_valid(const char *text);

/* As in Fetcher. */
gboolean kaggle_check_locator(const Fetcher *fetcher, const json_t *locator, GError **error);
json_t *kaggle_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                                 GError **error);
json_t *kaggle_locator_from_address(const Fetcher *fetcher, const char *address, char **version);
char *kaggle_folder(const Fetcher *fetcher, const json_t *locator, const char *id);
char *kaggle_ref(const Fetcher *fetcher, const json_t *locator);
