/* The key pair of S3, and how it is proven. */
#pragma once

#include "fetcher.h"

extern const char *const s3_hosts[];
extern const SourceLogin s3_login;

/* As Fetcher.prove_login. */
gboolean s3_prove_login(const Fetcher *fetcher, const Credential *credential,
                        HostServices *services, char **said, GError **error);
