/*
 * Which of a download's addresses is asked next. Its addresses, best first, are legs: a bundle is
 * one by itself, neighbours that are no bundles are one together, for the engine goes among them by
 * its own rules.
 */
#pragma once

#include "fetcher.h"

typedef enum {
    LEG_UNASKED,
    LEG_FAILED,  /* it did not answer, or badly */
    LEG_EMPTY,   /* nothing is there */
    LEG_REFUSED, /* it may not be had */
    LEG_WRONG,   /* what is there is not what it must be */
} LegEnd;

typedef struct {
    guint first, count; /* its addresses */
    gboolean is_bundle;
    guint content; /* bundles of one number are the same folder at several hosts */
    guint asked;
    LegEnd last;
    char *host; /* of its first address, for people; owned */
    char *why;  /* of the last end; owned, NULL where it was not asked */
} Leg;

typedef struct {
    GArray *legs; /* Leg */
    guint now;    /* the one that is asked; COURSE_END: none is left */
    guint asked;  /* legs that were begun */
} Course;
#define COURSE_END G_MAXUINT

/* Of ADDRESSES (char*); BUNDLES FALSE: they are passed over. Owned. */
Course *course_new(const GPtrArray *addresses, gboolean bundles);
void course_free(Course *course);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Course, course_free)

/* Pure. Each leg is asked once in their order, and those that failed once more; what was empty,
 * refused or wrong is not asked again, nor is the same folder of another host where it was wrong.
 */
guint course_next(const GArray *legs);
/* The leg that is asked is over: the next one, which is begun; NULL where none is left. WHY: a
 * clause for people. */
const Leg *course_advance(Course *course, LegEnd end, const char *why);
/* The leg that is asked. */
const Leg *course_leg(const Course *course);
/* Will another one be asked, should this one end as FAILED? */
gboolean course_has_more(const Course *course);
/* Every leg that was asked said that nothing is there. */
gboolean course_is_empty(const Course *course);
/* WHY without the full stop that a whole sentence has; owned. */
char *course_clause(const char *why);
/* "HOST: what it said; HOST: ...": owned. */
char *course_words(const Course *course);
