/*
 * The words for each way in which PhysioNet keeps a file to itself: what is lacking, the page for
 * it, the line to type next. Pure.
 */
#pragma once

#include "manifest.h"

typedef enum {
    POLICY_UNKNOWN,
    POLICY_OPEN,
    POLICY_RESTRICTED,   /* who logs in and has signed the agreement of this version */
    POLICY_CREDENTIALED, /* and is credentialed, with the training that the project asks for */
    POLICY_REVIEW,       /* and whose request was accepted */
    POLICY_CLOSED,       /* one of the last three */
} PhysioNetPolicy;

/* Of the API's access_policy (NULL: not told) and of the catalogue (NULL: not in it). */
PhysioNetPolicy physionet_policy(const char *access, const Manifest *manifest);

typedef struct {
    const char *slug;
    const char *version; /* NULL: any */
    const char *ref;     /* what was asked for, as it is typed: "mimic-iii" */
    PhysioNetPolicy policy;
    const Manifest *manifest; /* may be NULL */
} PhysioNetCase;

/* No login is here, and the file was refused without. Owned, as are the next. */
char *physionet_words_no_login(const PhysioNetCase *of);
/* PhysioNet does not know the login of USER, which came from ORIGIN (401). */
char *physionet_words_wrong_login(const PhysioNetCase *of, const char *user, const char *origin);
/* PhysioNet knows who asks, and refuses (403). */
char *physionet_words_no_right(const PhysioNetCase *of);
/* Beforehand; NULL where nothing has to be done. */
char *physionet_words_before(const PhysioNetCase *of);
