/*
 * The login that Kaggle's own tool made in a browser: its access token lasts some hours, and its
 * refresh token asks for the next one. See https://www.kaggle.com/docs/api and the official
 * client's AccountService.
 */
#pragma once

#include "kaggle_api.h"

/* Asks once in a run for a token in place of EXPIRED (taken), which has a renewal; the new one is
 * kept in memory alone. Where it is refused that is told, and the next place counts: what there is
 * then, or NULL. Blocks; any thread. Owned. */
Credential *kaggle_renew(KaggleDoor *door, Credential *expired, GError **error);
