/*
 * One series of DICOM images as NBIA's getSeries tells of it: its keys in all their spellings, its
 * licence, its place in the tree. All pure.
 */
#pragma once

#include "filespec.h"

/* Keys of the facts of a series, in the spelling of getSeries v4, and our own; NULL-terminated. */
extern const char *const tcia_where_keys[];

/* The facts of an element of getSeries v4 or v1 (or of the metadata calls, whose keys have blanks):
 * a flat object of strings by the keys of v4; whole numbers and truth values as text, dates as v4
 * writes them (MM-DD-YYYY). What is empty, null, no scalar or unknown is left out. Never NULL;
 * owned. */
json_t *tcia_series_facts(const json_t *element);

/* "YYYY-MM-DD" of a date in any of NBIA's forms: 2000-01-01 00:00:00.0, 01-31-2000, 2000-01-31,
 * milliseconds since 1970; NULL where it is none. Owned. */
char *tcia_date(const char *text);
/* The newest of the dates that tell of a change of the series; study dates are shifted and never
 * looked at. NULL where it has none. Owned. */
char *tcia_series_changed(const json_t *facts);

typedef enum {
    TCIA_OPEN,           /* Creative Commons */
    TCIA_NON_COMMERCIAL, /* Creative Commons, without commercial use */
    TCIA_CONTROLLED,     /* any other text */
    TCIA_UNLICENSED,     /* no text at all: counts as controlled until one is shown */
} TciaLicence;
/* By the words of a licence and its address; either may be NULL. */
TciaLicence tcia_licence_class(const char *name, const char *uri);

/* Digits and dots, at most 64 (DICOM PS3.5, section 9). */
gboolean tcia_is_uid(const char *text);
/* A truth value in any spelling: YES, Y, true, 1. */
gboolean tcia_is_yes(const char *text);

/* PATIENT/STUDYUID/SERIESUID.zip of a series with a valid SeriesInstanceUID, its parts safe and
 * bounded; what is absent is "unknown". Owned. */
char *tcia_series_path(const json_t *facts);
/* The series as a file to have: path, rule, facts (a reference is taken), date; without addresses.
 * Owned. */
FileSpec *tcia_series_spec(json_t *facts);
