/*
 * A reference: what a person types for a dataset (CLI.md, "References"). Never decided by what else
 * lies in the working folder, but that a manifest file's name must exist.
 */
#pragma once

#include "catalogue.h"
#include "fetcher.h"
#include "selection.h"

typedef struct {
    char *text;               /* as typed */
    const Fetcher *fetcher;   /* NULL where no fetcher can bring it */
    json_t *locator;          /* owned; NULL where fetcher is NULL */
    const Manifest *manifest; /* the catalogue's, or own_manifest; NULL where unknown */
    Manifest *own_manifest;   /* a manifest file of one's own */
    char *id;                 /* catalogue id; NULL where unknown */
    char *ref;                /* "physionet/mitdb": what to type */
    char *folder;             /* below the mirror */
    char *version;            /* wanted; NULL: the newest */
    GPtrArray *where;   /* WhereTerm*: what was typed is this part of the dataset (a patient, a
                           series); NULL: all of it */
    SeriesIndex *index; /* borrowed: where the person's list says that its series lie; NULL: it
                           says nothing */
    gboolean is_folder; /* a folder of the mirror was typed (http/HOST/PATH): what is here alone */
    gboolean latest;    /* "@latest" was typed */
    Catalogue *catalogue; /* borrowed */
} Reference;

/* MEDMIRROR_ERROR_ABSENT (the nearest ids are named), _USAGE. Borrows from CATALOGUE. Owned. */
Reference *reference_parse(const char *text, Catalogue *catalogue, GError **error);
/* FALSE with what the person must do instead where no fetcher can bring it: _ACCESS (steps, page),
 * _ABSENT (gone: the alternatives), _USAGE (a series or collection: what is below it). */
gboolean reference_can_be_fetched(const Reference *reference, GError **error);
/* FALSE where the name alone does not tell which dataset it is (a UCI slug): then ask. */
gboolean reference_is_complete(const Reference *reference);
/* Asks the source; no-op where nothing is open. The error is the source's. */
gboolean reference_ask(Reference *reference, Catalogue *catalogue, HostServices *services,
                       GError **error);
/* SELECTION as far as it is of REFERENCE's part, with keys that its files can have (_USAGE). Owned.
 */
Selection *reference_narrow(const Reference *reference, const Selection *selection, GError **error);
void reference_free(Reference *reference);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reference, reference_free)
