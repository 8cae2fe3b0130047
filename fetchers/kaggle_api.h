/*
 * Kaggle's API: one question, asked by GET at the site (/api/v1/...) and, where that face of it is
 * gone, by POST at api.kaggle.com; without a login where Kaggle allows it, else with it. See
 * https://www.kaggle.com/docs/api; each path has its twin in the official client's generated code.
 */
#pragma once

#include "kaggle_locator.h"
#include "kaggle_words.h"

#define KAGGLE_PAGE_SIZE 200 /* the largest that is known to be taken */

/* A question in both faces. */
typedef struct {
    char *path;             /* below /api/v1, with its query, percent-encoded */
    const char *method;     /* "datasets.DatasetApiService/GetDataset" */
    json_t *message;        /* of the POST */
    gboolean always_posts;  /* also at the site */
    gboolean wants_address; /* the answer is a redirect to where the bytes lie */
} KaggleCall;
void kaggle_call_clear(KaggleCall *call);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KaggleCall, kaggle_call_clear)

KaggleCall kaggle_call_view(const KaggleName *name);
/* Of the flat listing; VERSION NULL: the current one, and of competitions always. TOKEN NULL: the
 * first page. */
KaggleCall kaggle_call_files(const KaggleName *name, const char *version, const char *token);
/* Of the listing by directory: what lies in FOLDER ("": the top) alone. */
KaggleCall kaggle_call_tree(const KaggleName *name, const char *version, const char *folder,
                            const char *token);
KaggleCall kaggle_call_summary(const KaggleName *name, const char *version);
/* The whole archive, or one file of it. */
KaggleCall kaggle_call_download(const KaggleName *name, const char *version, const char *file);
/* What only who is logged in may ask, whoever he is. */
KaggleCall kaggle_call_probe(void);
/* The download that ADDRESS (below BASE/api/v1) is; FALSE where it is none. */
gboolean kaggle_call_of_address(const char *base, const char *address, KaggleName *name,
                                KaggleCall *call);
/* Where the call's GET goes. Owned. */
char *kaggle_call_address(const KaggleCall *call, const char *base);
/* The number in a query's "datasetVersionNumber=N", in either spelling; owned, NULL: none. */
char *kaggle_version_of_query(const char *query);

/* Who asks. */
typedef struct {
    HostServices *services;
    const char *base;    /* of the site's endpoint */
    const char *rpc;     /* of the other face's; NULL: it is not to be asked */
    KaggleName name;     /* owned */
    char *ref;           /* as it is typed; owned */
    gboolean with_login; /* from the first question on, where there is one */
    gboolean used_login; /* set: something was given to a login alone */
} KaggleDoor;
void kaggle_door_open(KaggleDoor *door, HostServices *services, const json_t *locator,
                      const Manifest *manifest);
void kaggle_door_clear(KaggleDoor *door);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KaggleDoor, kaggle_door_clear)

typedef struct {
    json_t *json;       /* of a question for JSON */
    char *location;     /* of one for an address: a secret; NULL: the bytes lie at the question's
                           own address */
    GPtrArray *headers; /* that went with it, where LOCATION is NULL */
} KaggleAnswer;
void kaggle_answer_clear(KaggleAnswer *answer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KaggleAnswer, kaggle_answer_clear)

/* FALSE with the words for what Kaggle said (kaggle_set_error), or with what kept it from
 * answering. OPTIONAL: asked once, for a short time. */
gboolean kaggle_ask(KaggleDoor *door, const KaggleCall *call, gboolean optional,
                    KaggleAnswer *answer, GError **error);
/* Once, with CREDENTIAL. FALSE with *SAID set, or with an error. */
gboolean kaggle_ask_as(KaggleDoor *door, const KaggleCall *call, const Credential *credential,
                       KaggleAnswer *answer, KaggleSaid *said, GError **error);
