/* Kaggle: datasets in numbered versions and competitions, each an archive behind a signed address
 * of its storage. */
#include "kaggle_fetch.h"
#include "kaggle_login.h"
#include "kaggle_resolve.h"
#include "sources.h"

static const char *const locator_keys[] = {"dataset", "competition", NULL};
static const char *const endpoints[] = {"kaggle", KAGGLE_SITE, "kaggle-rpc", KAGGLE_API_SITE, NULL};
static const char *const hosts[] = {KAGGLE_HOST, "kaggle.com", KAGGLE_API_HOST, NULL};

ResolveResult kaggle_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                             HostServices *services, const ListingTaker *taker, GError **error)
{
    g_auto(KaggleDoor) door = {0};
    kaggle_door_open(&door, services, request->locator, request->manifest);
    return door.name.owner ? kaggle_resolve_dataset(&door, request, taker, error)
                           : kaggle_resolve_competition(&door, request, taker, error);
}

const Fetcher kaggle_fetcher = {
    .row =
        {
            .name = "kaggle",
            .title = "Kaggle",
            .locator_keys = locator_keys,
            .endpoints = endpoints,
            .hosts = hosts,
            .connections = 4,
            .version_help = "kaggle/kmader/skin-cancer-mnist-ham10000@2",
            .login = &kaggle_login,
            .sent_digests = 1u << DIGEST_MD5 | 1u << DIGEST_CRC32C,
            .sends_zipped = TRUE,
        },
    .check_locator = kaggle_check_locator,
    .locator_from_name = kaggle_locator_from_name,
    .locator_from_address = kaggle_locator_from_address,
    .folder = kaggle_folder,
    .ref = kaggle_ref,
    .versions = kaggle_versions,
    .resolve = kaggle_resolve,
    .prepare = kaggle_prepare,
    .member_address = kaggle_member_address,
    .classify = kaggle_classify,
    .describe_access = kaggle_describe_access,
    .prove_login = kaggle_prove_login,
};
