/*
 * What a person has for Kaggle, in every form and place of Kaggle's own tools: a user name with a
 * key (HTTP Basic), an API token, or the access token of a browser login (Bearer).
 */
#pragma once

#include "fetcher.h"

extern const SourceLogin kaggle_login;

/* As in SourceLogin. The order of kaggle-cli 2.x: token (file named by KAGGLE_API_V1_TOKEN;
 * KAGGLE_API_TOKEN, itself or a file; ~/.kaggle/access_token, access_token.txt); KAGGLE_USERNAME
 * and KAGGLE_KEY over kaggle.json; ~/.kaggle/credentials.json. */
Credential *kaggle_login_find(const LoginPlaces *places, GError **error);
/* SECRET: a key, where USER is given; a token; or the text of a kaggle.json. */
Credential *kaggle_login_make(const char *user, const char *secret, const char *origin,
                              GError **error);

/* As in Fetcher. */
gboolean kaggle_prove_login(const Fetcher *fetcher, const Credential *credential,
                            HostServices *services, char **said, GError **error);
