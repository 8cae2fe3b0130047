/*
 * Downloads whose address is a bundle: fetched object by object, many side by side, into the tree
 * where the members of the archive would lie. Nothing is held of an object but while it is on its
 * way.
 *
 *     job_bundle.c         a bundle from its listing to the judgement on all of it
 *     job_bundle_lister.c  the thread that lists it, and asks what the publisher declares
 *     job_bundle_part.c    one object
 *     job_bundle_local.c   one that lies among files of the person's own
 *     job_look_again.c     what the source says of a download by now
 *     job_course.c         which of a download's addresses is asked
 */
#pragma once

#include "job_fetch_internal.h"

#define MOST_BUNDLES 12        /* running at once: each has a thread that lists */
#define MOST_PARTS_WAITING 256 /* listed and not begun, of one bundle */
#define MOST_PARTS 96          /* on their way, of all bundles together */
/* Failures in a row before another address is asked, where there is one. */
#define ATTEMPTS_BEFORE_NEXT 4

typedef struct Part Part;

struct Bundle {
    Fetch *fetch;
    Work *work;
    char *address;  /* of files of the person's own: their folder */
    Engine *engine; /* NULL: nobody can be asked */

    /* The lister's, until it has ended. */
    pthread_t thread;
    GError *list_error, *vouch_error;
    DigestSet declared;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    GQueue waiting;   /* Part*: listed; guarded */
    gboolean closing; /* guarded: no more is taken */

    /* The store's. */
    GHashTable *parts;    /* Part* on their way, a set */
    gboolean lists;       /* the thread runs */
    guint64 count;        /* of the objects that are listed */
    guint64 here;         /* bytes of those that are here, in the progress */
    guint64 fetched;      /* of them those that came in this run */
    guint most_attempts;  /* of an object; 0: as the engine's retries say */
    gboolean had_members; /* some were noted before */
    gboolean is_over;     /* it ends as END before all came */
    gboolean forgets;     /* what was noted of it does not count */
    gboolean begins_anew; /* it begins once more, without what stood ... */
    gboolean was_anew;    /* ... which it did already */
    LegEnd end;
    char *why;
};

/* job_bundle.c */
void bundle_start(Work *work, const char *address);
/* Starts what may start, and ends what is through. */
void bundles_run(Fetch *fetch);
/* The run stops: nothing more is listed or begun. */
void bundles_stop(Fetch *fetch);
/* It cannot be had from here: the first reason counts. */
void bundle_fail(Bundle *bundle, LegEnd end, const char *why, ...) G_GNUC_PRINTF(3, 4);
/* Likewise, and what was noted of it does not count. What an earlier run left may be of another
 * state of the series: without it, it begins once more. */
void bundle_doubt(Bundle *bundle, LegEnd end, const char *why);
/* The run ends with ERROR (taken). */
void bundle_stop_run(Bundle *bundle, GError *error);

/* job_bundle_lister.c */
gboolean bundle_list(Bundle *bundle);
/* The lister ends soon; what it listed is not taken. */
void bundle_close(Bundle *bundle);

/* job_bundle_part.c */
Part *part_new(Bundle *bundle, const BundlePart *listed);
/* Not where it is on its way. */
void part_free(Part *part);
/* It stands from an earlier run, or is on its way now. */
void part_start(Part *part);
void part_cancel(Part *part);

void part_stop_run(Part *part, GError *error);
/* Nothing of it is wanted, or it is over. */
void part_end(Part *part);
void part_fail(Part *part, LegEnd end, const char *why);
const char *part_name(const Part *part);
Bundle *part_bundle(const Part *part);
/* A DigestDone whose DATA is the part: all its bytes were read. */
void part_digested(const DigestSet *digests, guint64 size, int errno_value, gpointer data);

/* job_bundle_local.c */
typedef struct LocalPart LocalPart;
/* In place of a transfer: the file of PART's name, below the folder of the person's own, is read,
 * and gets a name among the partial files. */
LocalPart *part_local(const Part *part); /* job_bundle_part.c */
void local_part_start(Part *part, LocalPart **local);
/* What is wrong with it by now; owned; NULL: nothing. */
char *local_part_check(const Part *part, const LocalPart *local);
int local_part_fd(const LocalPart *local);
gboolean local_part_place(Part *part, LocalPart *local, const char *path, GError **error);
void local_part_cancel(Part *part, LocalPart *local);
void local_part_free(Part *part, LocalPart *local);
/* The files of a series, in place of a source's listing; on the lister's thread. */
gboolean local_parts_list(Bundle *bundle, const BundleTaker *taker, GError **error);

/* job_look_again.c */
/* TRUE where the source is asked; the leg ends later, or begins once more. */
gboolean work_look_again(Work *work, LegEnd end, const char *why);

/* job_course.c */
/* TRUE where the download goes by legs, and the first one was begun. */
gboolean work_begin_course(Work *work);
/* The leg that is asked is over; the next one is begun, or the work fails. */
void work_leg_over(Work *work, LegEnd end, const char *why);
/* The leg that is asked begins, the first time or once more. */
void work_begin_leg(Work *work);
/* Likewise for what a transfer ended in. */
void work_leg_failed(Work *work, const Outcome *outcome);
/* Is there room for the archive that waits? */
void works_waiting(Fetch *fetch);
