#include "s3_login.h"

#include "error.h"
#include "i18n.h"
#include "s3_listing.h"
#include "source_facts.h"

#include <string.h>

static const char *const own_variables[] = {"AWS_ACCESS_KEY_ID",   "AWS_SECRET_ACCESS_KEY",
                                            "AWS_SESSION_TOKEN",   "AWS_REGION",
                                            "AWS_DEFAULT_REGION",  "AWS_SHARED_CREDENTIALS_FILE",
                                            "AWS_CONFIG_FILE",     "AWS_PROFILE",
                                            "AWS_DEFAULT_PROFILE", NULL};

/* Public buckets' hosts: one for all, and one for each region that AWS has opened to everybody. */
#define REGIONAL(region) "s3." region ".amazonaws.com"
const char *const s3_hosts[] = {"s3.amazonaws.com",         REGIONAL("us-east-1"),
                                REGIONAL("us-east-2"),      REGIONAL("us-west-1"),
                                REGIONAL("us-west-2"),      REGIONAL("af-south-1"),
                                REGIONAL("ap-east-1"),      REGIONAL("ap-south-1"),
                                REGIONAL("ap-south-2"),     REGIONAL("ap-southeast-1"),
                                REGIONAL("ap-southeast-2"), REGIONAL("ap-southeast-3"),
                                REGIONAL("ap-southeast-4"), REGIONAL("ap-southeast-5"),
                                REGIONAL("ap-southeast-7"), REGIONAL("ap-northeast-1"),
                                REGIONAL("ap-northeast-2"), REGIONAL("ap-northeast-3"),
                                REGIONAL("ca-central-1"),   REGIONAL("ca-west-1"),
                                REGIONAL("eu-central-1"),   REGIONAL("eu-central-2"),
                                REGIONAL("eu-west-1"),      REGIONAL("eu-west-2"),
                                REGIONAL("eu-west-3"),      REGIONAL("eu-south-1"),
                                REGIONAL("eu-south-2"),     REGIONAL("eu-north-1"),
                                REGIONAL("il-central-1"),   REGIONAL("me-south-1"),
                                REGIONAL("me-central-1"),   REGIONAL("mx-central-1"),
                                REGIONAL("sa-east-1"),      NULL};

static Credential *key_pair(const char *user, const char *secret, const char *session,
                            const char *region, const char *origin)
{
    Credential *credential = credential_new(CREDENTIAL_KEY_PAIR, user, secret, origin);
    credential->session = session && *session ? g_strdup(session) : NULL;
    credential->region = region && *region ? g_strdup(region) : NULL;
    return credential;
}

static Credential *s3_make(const char *user, const char *secret, const char *origin, GError **error)
{
    if (user)
        return key_pair(user, secret, NULL, NULL, origin);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("S3 takes a key pair: the access key id as the user, and the secret access key "
                  "as the password."));
    return NULL;
}

/* An INI file of Amazon's tools; NULL where there is none, or it is none. */
static GKeyFile *read_file(const LoginPlaces *places, const char *path)
{
    char *text = places->read(places, path, NULL);
    g_autoptr(GKeyFile) file = g_key_file_new();
    gboolean loaded =
        text && g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_NONE, NULL);
    credential_header_free(text);
    return loaded ? g_steal_pointer(&file) : NULL;
}

static char *path_of(const LoginPlaces *places, const char *variable, const char *usual)
{
    const char *named = places->variable(places, variable);
    return named ? g_strdup(named) : g_build_filename(places->home, ".aws", usual, NULL);
}

/* The profile's own group has another name in the configuration than in the credentials. */
static char *config_region(const LoginPlaces *places, const char *profile)
{
    g_autofree char *path = path_of(places, "AWS_CONFIG_FILE", "config");
    g_autoptr(GKeyFile) file = read_file(places, path);
    g_autofree char *group = strcmp(profile, "default") == 0
                                 ? g_strdup(profile)
                                 : g_strconcat("profile ", profile, NULL);
    return file ? g_key_file_get_string(file, group, "region", NULL) : NULL;
}

static const char *either(const LoginPlaces *places, const char *first, const char *second)
{
    const char *value = places->variable(places, first);
    return value ? value : places->variable(places, second);
}

/* In the order of Amazon's tools: variables, then the profile's credentials.
 * https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html */
static Credential *s3_find(const LoginPlaces *places, GError **error)
{
    const char *user = places->variable(places, "AWS_ACCESS_KEY_ID");
    const char *secret = places->variable(places, "AWS_SECRET_ACCESS_KEY");
    const char *named = either(places, "AWS_PROFILE", "AWS_DEFAULT_PROFILE");
    const char *profile = named ? named : "default";
    g_autofree char *configured = config_region(places, profile);
    const char *said = either(places, "AWS_REGION", "AWS_DEFAULT_REGION");
    const char *region = said ? said : configured;
    if (user && secret)
        return key_pair(user, secret, places->variable(places, "AWS_SESSION_TOKEN"), region,
                        "AWS_SECRET_ACCESS_KEY");
    g_autofree char *path = path_of(places, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    g_autoptr(GKeyFile) file = read_file(places, path);
    if (!file)
        return NULL;
    g_autofree char *id = g_key_file_get_string(file, profile, "aws_access_key_id", NULL);
    char *key = g_key_file_get_string(file, profile, "aws_secret_access_key", NULL);
    char *session = g_key_file_get_string(file, profile, "aws_session_token", NULL);
    Credential *found = id && key ? key_pair(id, key, session, region, path) : NULL;
    if (found)
        places->used(places, path);
    credential_header_free(key);
    credential_header_free(session);
    return found;
}

const SourceLogin s3_login = {
    .kind = CREDENTIAL_PASSWORD,
    .hosts = s3_hosts,
    .own_variables = own_variables,
    .find = s3_find,
    .make = s3_make,
    .where_refused = TRUE,
};

static gboolean is_unknown(const S3Page *page)
{
    static const char *const codes[] = {"InvalidAccessKeyId",   "SignatureDoesNotMatch",
                                        "InvalidToken",         "ExpiredToken",
                                        "TokenRefreshRequired", NULL};
    return page->error_code && g_strv_contains(codes, page->error_code);
}

/* The list of one's buckets: who may not ask for it is known all the same.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html */
gboolean s3_prove_login(const Fetcher *fetcher, const Credential *credential,
                        HostServices *services, char **said, GError **error)
{
    const char *base = source_base(services, &fetcher->row, 0);
    g_autofree char *url = g_strconcat(base, "/", NULL);
    g_autofree char *region = request_signer_region(url);
    g_autoptr(RequestSigner) signer = request_signer_new(credential, region);
    const DocumentRequest request = {
        .url = url, .any_refusal = TRUE, .keep_redirect = TRUE, .signer = signer};
    g_auto(S3Page) page = {0};
    g_autoptr(Document) document = signer ? services->get(services, &request, error) : NULL;
    if (!signer)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("“%s” is no region's name. Type: unset AWS_REGION"), credential->region);
    if (!document)
        return FALSE;
    if (document->fd >= 0)
        (void)s3_page_read(document->fd, &page, NULL, NULL, NULL);
    if (document->status == 401 || is_unknown(&page)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("S3 does not know the access key “%s” with this secret (%d%s%s, one "
                      "request). Nothing was stored. Type: medmirror login s3"),
                    credential->user, document->status, page.error_code ? " " : "",
                    page.error_code ? page.error_code : "");
        return FALSE;
    }
    if (document->status == 200 || document->status == 403) {
        *said = g_strdup_printf(_("S3 knows the access key “%s” with this secret: one request was "
                                  "answered %d. Which buckets it opens shows when they are asked "
                                  "for."),
                                credential->user, document->status);
        return TRUE;
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("%s answered %d%s%s to the list of buckets, which says nothing of the key; "
                  "nothing was stored."),
                base, document->status, page.error_code ? " " : "",
                page.error_code ? page.error_code : "");
    return FALSE;
}
