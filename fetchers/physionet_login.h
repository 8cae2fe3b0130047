/*
 * How PhysioNet's files are asked for where not everybody may have them: HTTP Basic, by a
 * User-Agent that it takes passwords from, for protected files alone. The first request that
 * carries the password goes alone, and what it was answered decides for the run.
 */
#pragma once

#include "fetcher.h"
#include "physionet_words.h"

typedef struct {
    HostServices *services;
    const char *base; /* of the site's endpoint */
    const char *slug, *version;
    const Manifest *manifest; /* may be NULL */
    gboolean is_one_file;     /* nothing more is asked to word a refusal */
    gboolean used_login;      /* set: what came was given with a login alone */
} PhysioNetDoor;

/* REQUEST is for an address below /files/SLUG/VERSION/. With the login at once where the catalogue
 * calls the project closed; else where it was refused without. From then on all that lies below is
 * asked for with it. NULL with _ACCESS and the words for the refusal, and as HostServices.get. */
Document *physionet_open(PhysioNetDoor *door, const DocumentRequest *request, GError **error);

/* As in Fetcher. */
Prepared *physionet_prepare(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                            const char *address, HostServices *services, GError **error);
gboolean physionet_prove_login(const Fetcher *fetcher, const Credential *credential,
                               HostServices *services, char **said, GError **error);
