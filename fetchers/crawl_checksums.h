/*
 * Lists of digests that are found while listings are walked: SHA256SUMS and the like, and files
 * beside single files (x.sha256, x.md5).
 */
#pragma once

#include "host_services.h"

typedef struct CrawlChecksums CrawlChecksums;

/* All are borrowed. What could not be read becomes a note of HEAD. */
CrawlChecksums *crawl_checksums_new(HostServices *services, const ListingTaker *taker,
                                    ListingHead *head);
void crawl_checksums_free(CrawlChecksums *checksums);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CrawlChecksums, crawl_checksums_free)
/* FALSE where a link of a listing names no list of digests for sure; cheap. */
gboolean crawl_checksums_may_be_list(const char *href);
/* A file was seen at PATH below the start; remembered where its name is a list's. */
void crawl_checksums_found(CrawlChecksums *checksums, const char *path);
/* What was remembered since the last reading does not count. */
void crawl_checksums_forget(CrawlChecksums *checksums);
/* Fetches and reads what was remembered. START: the tree's address, with a slash at its end. A list
 * that is not there or no list is noted; another failure of the origin is an error, for a listing
 * without its digests would be another state of the source. */
gboolean crawl_checksums_read(CrawlChecksums *checksums, const char *start, GError **error);
void crawl_checksums_apply(CrawlChecksums *checksums, FileSpec *spec);
/* The last notes: what the lists name and no listing has. */
void crawl_checksums_finish(CrawlChecksums *checksums);
