/*
 * How the requests for an address are signed: by AWS Signature Version 4, as S3 and what speaks
 * like it ask for. libcurl signs; what it does not do by itself (7.88) is asked of whoever makes
 * the address: a query whose names are sorted and whose values are encoded. The content hash is
 * here. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
#pragma once

#include "credential.h"

typedef struct {
    char *scope; /* as CURLOPT_AWS_SIGV4 takes it: "aws:amz:us-east-1:s3" */
    char *user;  /* access key id */
    char *secret;
    GPtrArray *headers; /* char* "Name: value", signed with the rest: content hash, session */
} RequestSigner;

/* For requests without a body, with CREDENTIAL as a key pair. REGION: NULL takes the credential's,
 * else us-east-1. NULL where REGION is no region's name, or the key
 * pair is none that a header could hold. Owned. */
RequestSigner *request_signer_new(const Credential *credential, const char *region);
/* The region that ADDRESS names ("s3.eu-west-1.amazonaws.com"); NULL: it names none. Owned. */
char *request_signer_region(const char *address);
/* Letters, digits and dashes: fit for an address and a line to type. */
gboolean request_signer_is_region(const char *name);
RequestSigner *request_signer_copy(const RequestSigner *signer); /* NULL gives NULL */
/* Wipes what it held. */
void request_signer_free(RequestSigner *signer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RequestSigner, request_signer_free)
