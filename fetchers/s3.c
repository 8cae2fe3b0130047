/* Buckets of S3, and of what speaks like it (--endpoint s3=URL): the tree below a prefix. */
#include "answer_title.h"
#include "classify_answer.h"
#include "error.h"
#include "i18n.h"
#include "redact.h"
#include "relpath.h"
#include "s3_listing.h"
#include "s3_login.h"
#include "source_facts.h"
#include "sources.h"

#include <string.h>

#define SOURCE "s3"
#define SCHEME "s3://"
#define USUAL_BASE "https://s3.amazonaws.com"

static const char *const locator_keys[] = {"bucket", "prefix", NULL};
static const char *const endpoints[] = {SOURCE, USUAL_BASE, NULL};

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html; older buckets, and
 * other servers, know capitals and underscores too. */
static gboolean is_bucket(const char *name)
{
    gsize length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
    return length >= 3 && length <= 255 && name[length] == '\0' && g_ascii_isalnum(*name) &&
           !strstr(name, "..");
}

static const char *prefix_of(const json_t *locator)
{
    const char *prefix = locator_text(locator, "prefix");
    return prefix ? prefix : "";
}

static gboolean s3_check_locator(const Fetcher *fetcher, const json_t *locator, GError **error)
{
    const char *bucket = locator_text(locator, "bucket");
    gboolean is_empty = bucket && *bucket == '\0';
    if (!is_empty && !locator_check_keys(&fetcher->row, "ss", locator, error))
        return FALSE;
    if (!bucket || !is_bucket(bucket)) {
        g_autofree char *shown = relpath_display(bucket ? bucket : "");
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
            _("\"%s\" is no bucket's name: 3 to 63 letters, digits, dots and dashes, as in: "
              "medmirror pull s3://physionet-open/mitdb/1.0.0/"),
            shown);
        return FALSE;
    }
    g_autofree char *prefix = g_strdup(prefix_of(locator));
    if (g_str_has_suffix(prefix, "/"))
        prefix[strlen(prefix) - 1] = '\0';
    return *prefix == '\0' || relpath_check(prefix, error);
}

/* A key is written as it is, not encoded. */
static json_t *locator_of(const char *name)
{
    gsize length = strcspn(name, "/");
    g_autofree char *bucket = g_strndup(name, length);
    const char *prefix = name[length] ? name + length + 1 : "";
    return *prefix ? json_pack("{s:s, s:s}", "bucket", bucket, "prefix", prefix)
                   : json_pack("{s:s}", "bucket", bucket);
}

static gboolean has_scheme(const char *text)
{
    return g_ascii_strncasecmp(text, SCHEME, strlen(SCHEME)) == 0;
}

static json_t *s3_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                                    GError **error)
{
    *version = NULL;
    json_t *locator = locator_of(has_scheme(name) ? name + strlen(SCHEME) : name);
    if (locator && s3_check_locator(fetcher, locator, error))
        return locator;
    if (!locator)
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                            _("The name of a bucket and its prefix are UTF-8 text."));
    json_decref(locator);
    return NULL;
}

/* What is wrong with it is said by its check. */
static json_t *s3_locator_from_address(const Fetcher *fetcher, const char *address, char **version)
{
    *version = NULL;
    return has_scheme(address) ? locator_of(address + strlen(SCHEME)) : NULL;
}

static char *s3_folder(const Fetcher *fetcher, const json_t *locator, const char *id)
{
    GString *folder = g_string_new(SOURCE);
    g_auto(GStrv) parts = g_strsplit(prefix_of(locator), "/", -1);
    g_autofree char *bucket = relpath_encode_part(locator_text(locator, "bucket"));
    g_string_append_printf(folder, "/%s", bucket);
    for (guint i = 0; parts[i]; i++) {
        g_autofree char *part = *parts[i] ? relpath_encode_part(parts[i]) : NULL;
        if (part)
            g_string_append_printf(folder, "/%s", part);
    }
    return g_string_free(folder, FALSE);
}

static char *s3_ref(const Fetcher *fetcher, const json_t *locator)
{
    return g_strconcat(SCHEME, locator_text(locator, "bucket"), "/", prefix_of(locator), NULL);
}

static GPtrArray *s3_versions(const Fetcher *fetcher, const json_t *locator, HostServices *services,
                              GError **error)
{
    return g_ptr_array_new_with_free_func(g_free); /* a bucket has none */
}

typedef struct {
    const ListingTaker *taker;
    const char *base, *bucket;
    const char *wanted; /* the prefix as it was asked for */
    gsize below;        /* bytes of a key that are not part of the path */
    guint64 count;
    char *newest; /* date of the newest change */
} Bucket;

static FileSpec *file_of(const Bucket *bucket, const S3Object *object, const char *path)
{
    FileSpec *file = file_spec_new(path);
    g_autofree char *address = s3_object_address(bucket->base, bucket->bucket, object->key);
    Digest md5;
    file->size = object->size;
    file->size_is_exact = object->size != SIZE_UNKNOWN;
    file->role = file_role_from_name(path);
    file->validators = validators_new(object->etag, NULL, object->size);
    file->modified =
        object->modified ? g_strndup(object->modified, strcspn(object->modified, ".Z")) : NULL;
    /* That of several parts ends in "-N", and is the MD5 of nothing that is here. */
    if (object->etag && digest_parse_etag(object->etag, &md5))
        digest_set_add(&file->hinted, &md5);
    file_spec_add_address(file, address);
    return file;
}

/* "data" asks for the object of that name and for what lies below data/, not for data2. */
static const char *path_of(const Bucket *bucket, const char *key)
{
    gsize length = strlen(bucket->wanted);
    if (length == 0 || bucket->wanted[length - 1] == '/')
        return key + bucket->below;
    if (key[length] == '\0')
        return strrchr(key, '/') ? strrchr(key, '/') + 1 : key;
    return key[length] == '/' ? key + length + 1 : NULL;
}

static gboolean on_object(const S3Object *object, gpointer data, GError **error)
{
    Bucket *bucket = data;
    const char *path =
        g_str_has_prefix(object->key, bucket->wanted) ? path_of(bucket, object->key) : NULL;
    if (!path)
        return TRUE;
    g_autoptr(FileSpec) file = file_of(bucket, object, path);
    if (file->modified && (!bucket->newest || strcmp(file->modified, bucket->newest) > 0)) {
        g_free(bucket->newest);
        bucket->newest = g_strdup(file->modified);
    }
    bucket->count++;
    return bucket->taker->file(bucket->taker->data, file, error);
}

static RequestSigner *find_signer(HostServices *services, const char *address, GError **error)
{
    g_autoptr(Credential) credential = services->credential(services, SOURCE, address, error);
    g_autofree char *region = request_signer_region(address);
    return credential ? request_signer_new(credential, region) : NULL;
}

static gboolean list(Bucket *bucket, HostServices *services, const RequestSigner *signer,
                     char **region, GError **error)
{
    const S3Listing listing = {.services = services,
                               .base = bucket->base,
                               .bucket = bucket->bucket,
                               .prefix = bucket->wanted,
                               .signer = signer};
    g_clear_pointer(region, g_free);
    return s3_list(&listing, on_object, bucket, NULL, region, error);
}

/* Anonymously first: an expired key must not keep anybody from a public bucket. */
static gboolean list_or_sign(Bucket *bucket, HostServices *services, gboolean *is_signed,
                             char **region, GError **error)
{
    GError *why = NULL;
    *is_signed = FALSE;
    if (list(bucket, services, NULL, region, &why))
        return TRUE;
    g_autofree char *prefix = g_strdup_printf("%s/%s/", bucket->base, bucket->bucket);
    GError *unusable = NULL;
    g_autoptr(RequestSigner) signer = g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS)
                                          ? find_signer(services, prefix, &unusable)
                                          : NULL;
    if (unusable) {
        g_clear_error(&why);
        g_propagate_error(error, unusable);
        return FALSE;
    }
    if (!signer || bucket->count > 0) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_clear_error(&why);
    *is_signed = TRUE;
    if (!list(bucket, services, signer, region, error))
        return FALSE;
    services->guard(services, SOURCE, prefix);
    return TRUE;
}

/* What a key would open, or does not. */
static void explain(const Bucket *bucket, gboolean is_signed, const char *region, GError **error)
{
    if (region) {
        g_autofree char *said = g_strdup((*error)->message);
        g_clear_error(error);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("%s The bucket is in the region %s, for which the request was not signed. "
                      "Type: AWS_REGION=%s medmirror pull s3://%s/%s"),
                    said, region, region, bucket->bucket, bucket->wanted);
    }
    if (region || !g_error_matches(*error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS))
        return;
    g_autofree char *said = g_strdup((*error)->message);
    g_clear_error(error);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                is_signed ? _("%s It is closed to this key, or the secret is another one's: store "
                              "the right one with medmirror login s3, or ask the bucket's owner "
                              "for the right to list and to read it.")
                          : _("%s It is not public. With a key that may list and read it, type: "
                              "medmirror login s3"),
                said);
}

static ResolveResult s3_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                                HostServices *services, const ListingTaker *taker, GError **error)
{
    const char *base = source_base(services, &fetcher->row, 0);
    const char *wanted = prefix_of(request->locator);
    g_autofree char *region = NULL;
    g_autofree char *regional = NULL;
    g_autoptr(ListingHead) head = listing_head_new();
    gboolean is_signed = FALSE;
    GError *why = NULL;
    Bucket bucket = {.taker = taker,
                     .base = base,
                     .bucket = locator_text(request->locator, "bucket"),
                     .wanted = wanted,
                     .below = strlen(wanted)};
    if (request->manifest) {
        head->title = g_strdup(request->manifest->title_en);
        head->licence = g_strdup(request->manifest->licence);
        head->citation = g_strdup(request->manifest->citation);
    }
    if (!taker->head(taker->data, head, error))
        return RESOLVE_FAILED;
    gboolean listed = list_or_sign(&bucket, services, &is_signed, &region, &why);
    if (!listed && region && strcmp(base, USUAL_BASE) == 0 && bucket.count == 0) {
        g_clear_error(&why);
        regional = g_strdup_printf("https://s3.%s.amazonaws.com", region);
        bucket.base = regional;
        listed = list_or_sign(&bucket, services, &is_signed, &region, &why);
    }
    if (!listed) {
        explain(&bucket, is_signed, region, &why);
        g_propagate_error(error, why);
    } else if (bucket.count == 0) {
        listed = FALSE;
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("The bucket %s has nothing below \"%s\"."), bucket.bucket, wanted);
    } else {
        head->newest_change =
            bucket.newest ? g_strndup(bucket.newest, strcspn(bucket.newest, "T")) : NULL;
        head->is_restricted = is_signed;
        listed = taker->head(taker->data, head, error);
    }
    g_free(bucket.newest);
    return listed ? RESOLVE_LISTED : RESOLVE_FAILED;
}

static Prepared *s3_prepare(const Fetcher *fetcher, const json_t *locator, const FileSpec *file,
                            const char *address, HostServices *services, GError **error)
{
    g_autoptr(Prepared) prepared = g_new0(Prepared, 1);
    GError *why = NULL;
    prepared->signer = find_signer(services, address, &why);
    if (!prepared->signer && !why)
        g_set_error(&why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS,
                    _("This object is not public. With a key that may read it, type: medmirror "
                      "login s3"));
    if (why) {
        g_propagate_error(error, why);
        return NULL;
    }
    prepared->by_login = TRUE;
    return g_steal_pointer(&prepared);
}

/* https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
static AnswerKind s3_classify(const Fetcher *fetcher, const AnswerHead *head)
{
    if (head->status < 300)
        return fetcher_classify_common(head);
    g_autofree char *text = answer_text(head);
    gboolean is_own = strstr(text, "<error>") && strstr(text, "<code>");
    if (!is_own)
        return fetcher_classify_common(head);
    if (strstr(text, "<code>nosuchkey") || strstr(text, "<code>nosuchbucket"))
        return ANSWER_ABSENT;
    if (strstr(text, "<code>slowdown") || strstr(text, "<code>requesttimetooskewed"))
        return ANSWER_BY_STATUS;
    if (strstr(text, "<code>invalidobjectstate"))
        return ANSWER_NOT_PUBLIC; /* archived: its owner must restore it */
    return ANSWER_BY_STATUS;
}

static char *s3_describe_access(const Fetcher *fetcher, const json_t *locator,
                                const Manifest *manifest, int status)
{
    if (status == 401)
        return g_strdup(
            _("The bucket is not public. Its owner gives out keys (an access key id and "
              "a secret access key); store yours with: medmirror login s3"));
    if (status == 403)
        return g_strdup(_("The key is known, and may not read this. Ask the bucket's owner for the "
                          "right to list and to read it."));
    if (status != 0)
        return NULL;
    return g_strdup(_("Public buckets need nothing. For others, a key pair is taken from where "
                      "Amazon's own tools keep it, or stored with: medmirror login s3"));
}

const Fetcher s3_fetcher = {
    .row =
        {
            .name = SOURCE,
            .title = "S3",
            .locator_keys = locator_keys,
            .endpoints = endpoints,
            .hosts = s3_hosts,
            .connections = 16,
            .version_help = "s3://physionet-open/mitdb/1.0.0/",
            .login = &s3_login,
        },
    .check_locator = s3_check_locator,
    .locator_from_name = s3_locator_from_name,
    .locator_from_address = s3_locator_from_address,
    .folder = s3_folder,
    .ref = s3_ref,
    .versions = s3_versions,
    .resolve = s3_resolve,
    .prepare = s3_prepare,
    .classify = s3_classify,
    .describe_access = s3_describe_access,
    .prove_login = s3_prove_login,
};
