/*
 * Where Kaggle's bytes lie: a signed address of its storage, good for some days, for each download.
 */
#pragma once

#include "kaggle_api.h"

/* Asks CALL for its address and keeps it for the next kaggle_prepare() of the same download. As
 * kaggle_ask(). */
gboolean kaggle_fetch_ask(KaggleDoor *door, const KaggleCall *call, KaggleAnswer *answer,
                          GError **error);

/* As in Fetcher. */
Prepared *kaggle_prepare(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                         const char *address, HostServices *services, GError **error);
AnswerKind kaggle_classify(const Fetcher *fetcher, const AnswerHead *head);
char *kaggle_member_address(const Fetcher *fetcher, const json_t *locator, const FileSpec *archive,
                            const char *path);
