/*
 * The documents that an external fetcher's program asks for, handed to it piece by piece.
 */
#pragma once

#include "external_talk.h"

typedef struct {
    External *external;
    HostServices *services;
    Document *document; /* the last one; NULL where none, or all of it was told */
    guint64 told;
    guint count;
    GError *failure; /* why the last one did not come */
} ExternalDocuments;

void external_documents_clear(ExternalDocuments *documents);
/* Asks for it and answers with its beginning, or with why it did not come. Errors: those of writing
 * (external_process.h), of the disk, _INTERRUPTED, and _USAGE where there are too many. */
gboolean external_documents_get(ExternalDocuments *documents, const Message *message,
                                GError **error);
/* The next piece of the last one. _USAGE where there is none. */
gboolean external_documents_more(ExternalDocuments *documents, guint id, GError **error);
/* Tells the program WHY something did not come; takes it. */
gboolean external_documents_answer_failure(ExternalDocuments *documents, guint id, GError *why,
                                           GError **error);
