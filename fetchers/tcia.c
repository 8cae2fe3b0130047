/* The Cancer Imaging Archive: collections of DICOM series, from the Imaging Data Commons' public
 * buckets or from NBIA's zips. */
#include "classify_answer.h"
#include "idc_buckets.h"
#include "sources.h"
#include "tcia_bundle.h"
#include "tcia_locate.h"
#include "tcia_names.h"
#include "tcia_places.h"
#include "tcia_resolve.h"
#include "tcia_series.h"
#include "tcia_words.h"

#include <string.h>

#define IDC_HOST "api.imaging.datacommons.cancer.gov"

static const char *const locator_keys[] = {"collection",      "patient", "series", "idc_collection",
                                           "analysis_result", "doi",     NULL};
static const char *const endpoints[] = {"tcia",      "https://" TCIA_MAIN_HOST,
                                        "tcia-nlst", "https://" TCIA_NLST_HOST,
                                        "tcia-www",  "https://" TCIA_WWW_HOST,
                                        "pathdb",    "https://" TCIA_PATHDB_HOST,
                                        "idc",       "https://" IDC_HOST "/v3",
                                        "idc-s3",    IDC_S3_BASE,
                                        "idc-gcs",   IDC_GCS_BASE,
                                        NULL};
static const char *const hosts[] = {TCIA_MAIN_HOST,
                                    TCIA_NLST_HOST,
                                    "services." TCIA_DOMAIN,
                                    "public." TCIA_DOMAIN,
                                    TCIA_WWW_HOST,
                                    "www." TCIA_DOMAIN,
                                    TCIA_PATHDB_HOST,
                                    IDC_HOST,
                                    "s3.us-east-1.amazonaws.com",
                                    "storage.googleapis.com",
                                    NULL};
static const char *const back_ends[] = {"idc", "nbia", NULL};

static GPtrArray *tcia_versions(const Fetcher *fetcher, const json_t *locator,
                                HostServices *services, GError **error)
{
    return g_ptr_array_new_with_free_func(g_free);
}

/* What the archive's own clients take of its servers (and how long they wait: 10 s and more after
 * trouble), and what public buckets bear. */
static const EndpointPace paces[] = {
    {"tcia", 3, 10}, {"tcia-nlst", 3, 10}, {"idc-s3", 24, 0}, {"idc-gcs", 24, 0}, {NULL, 0, 0}};

/* A zip with members, or the end of one that has none. */
static gboolean begins_like_zip(const AnswerHead *head)
{
    return head->body_length >= 4 && memcmp(head->body, "PK", 2) == 0 &&
           ((head->body[2] == 3 && head->body[3] == 4) ||
            (head->body[2] == 5 && head->body[3] == 6));
}

static gboolean is_zip_address(const char *address)
{
    return address && strstr(address, "/nbia-api/services/") && strstr(address, "/getImage");
}

/* NBIA's sentences on a series that is unknown there, hidden, closed, or another server's. */
static gboolean says_not_public(const char *text)
{
    return strstr(text, "is not in public domain") ||
           strstr(text, "has not been granted the access");
}

static AnswerKind classify_zip(const AnswerHead *head)
{
    AnswerKind common = fetcher_classify_common(head);
    if (common != ANSWER_DATA || !answer_starts_at_zero(head) || begins_like_zip(head))
        return common;
    if (head->body_length == 0)
        return ANSWER_NOTHING_THERE;
    g_autofree char *text = answer_text(head);
    return says_not_public(text) ? ANSWER_NOT_PUBLIC : ANSWER_NOTHING_THERE;
}

static AnswerKind tcia_classify(const Fetcher *fetcher, const AnswerHead *head)
{
    if (head->status >= 200 && head->status < 300)
        return is_zip_address(head->address) ? classify_zip(head) : fetcher_classify_common(head);
    g_autofree char *text = answer_text(head);
    if (says_not_public(text))
        return ANSWER_NOT_PUBLIC;
    /* A missing key of a bucket that may not be listed. */
    if (head->status == 403 && strstr(text, "<code>accessdenied"))
        return ANSWER_ABSENT;
    return fetcher_classify_common(head);
}

const Fetcher tcia_fetcher = {
    .row =
        {
            .name = "tcia",
            .title = "TCIA",
            .locator_keys = locator_keys,
            .endpoints = endpoints,
            .hosts = hosts,
            .connections = 8,
            .paces = paces,
            .version_help = "tcia/LIDC-IDRI@2026-11-23",
            .back_ends = back_ends,
            .sent_digests = 1u << DIGEST_MD5 | 1u << DIGEST_CRC32C,
            .where_keys = tcia_where_keys,
        },
    .check_locator = tcia_check_locator,
    .locator_from_name = tcia_locator_from_name,
    .locator_from_address = tcia_locator_from_address,
    .folder = tcia_folder,
    .ref = tcia_ref,
    .where = tcia_where,
    .complete_locator = tcia_complete_locator,
    .locator_is_complete = tcia_locator_is_complete,
    .locate = tcia_locate,
    .versions = tcia_versions,
    .resolve = tcia_resolve,
    .list_bundle = tcia_list_bundle,
    .vouch = tcia_vouch,
    .look_again = tcia_look_again,
    .classify = tcia_classify,
    .describe_access = tcia_describe_access,
};
