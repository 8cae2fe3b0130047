/*
 * One download on its way through a pull: shared by job_fetch.c (the run), job_work.c (one file)
 * and job_unpack.c (its members).
 */
#pragma once

#include "copy_pool.h"
#include "course.h"
#include "index.h"
#include "job_fetch.h"
#include "partial_file.h"
#include "tree_writer.h"
#include "unpacking.h"

typedef struct {
    Job *job;
    const FetchSpec *spec;
    Spool *spool;
    Engine *engine;   /* NULL where the bytes are local */
    CopyPool *copies; /* NULL: none was needed yet */
    Index *index;     /* NULL where there is none */
    TreeWriter *tree;
    FetchReport *report;
    GHashTable *works; /* Work*, a set */
    GPtrArray *ready;  /* SpoolDownload* taken and not started */
    GPtrArray *joined; /* SpoolDownload* whose further volumes have to come first */
    gboolean drained;  /* the spool has no more */
    gboolean stopping;
    GError *fatal; /* ends the run */
    GError *worst; /* of the files that failed */
    gint64 next_look;
    guint notes; /* since the last flush */
    guint running_archives;
    GPtrArray *bundles;           /* Bundle* that run */
    gint vouch_failures;          /* atomic: in a row, of what declares the hash of a series */
    guint running_parts;          /* objects of theirs on their way */
    GQueue waiting;               /* Work* whose archive waits for a place */
    gboolean has_leftovers;       /* the stage's tree was not empty at the start */
    gboolean told_series;         /* that their zips are not kept */
    struct RangeFetch *by_ranges; /* members that come by themselves; NULL: none, or no more */
} Fetch;

typedef struct Members Members;
typedef struct Gather Gather;
typedef struct Bundle Bundle;
typedef struct Zipped Zipped;
typedef struct Singles Singles;

typedef struct {
    Fetch *fetch;
    SpoolDownload *row;
    PartialFile *partial;
    Transfer *transfer;
    Gather *gather;     /* of a file of the person's own; then there is neither of the two above */
    Members *members;   /* NULL: a plain file */
    Zipped *zipped;     /* it came so: its one member is the file; NULL: it did not */
    WantedBytes wanted; /* the row's, and what was sent with the bytes */
    DigestSet seen;
    guint64 size;
    Verdict verdict;
    gboolean arrived;   /* all bytes are in the partial file, digested and judged good */
    gboolean has_place; /* is one of the running archives */
    /* Of a download that some host has as single objects: */
    Course *course;       /* NULL: the engine alone chooses among its addresses */
    Bundle *bundle;       /* its objects are on their way */
    char *came_from;      /* where they came from; NULL: the transfer tells */
    guint64 member_bytes; /* of all of them */
    gboolean is_counted;  /* in the progress, one by one */
    gboolean leaves;      /* the leg is over once the unpacking has ended: END, WHY */
    LegEnd end;
    char *why;
    GError *error;       /* of a transfer that is the only leg */
    Singles *single;     /* it is a member that comes from its own address, and its row is none of
                            the spool's; NULL: it is a download */
    gboolean has_looked; /* the source was asked what it says of it now */
} Work;

/* job_work.c */
void work_start(Fetch *fetch, SpoolDownload *row); /* takes the row */
void work_free(Work *work);                        /* out of the set too */
/* The file has failed: noted, told, freed. Takes the error. */
void work_fail(Work *work, GError *error);
/* What arrived is wrong after all: the outcome goes through the engine's next step. */
void work_go_on(Work *work, OutcomeKind kind, const char *detail);
/* --no-unpack: the archive is tested, and stays as it is. */
gboolean work_keeps_archive(const Work *work);
/* Both halves of an archive, or the bytes of a file, are there. */
void work_settle(Work *work);
/* Over the network, or from where the files of one's own lie. */
void work_transfer(Work *work);
/* Is there room for one archive more? It takes its place among them. */
gboolean work_has_place(const Fetch *fetch);
void work_take_place(Work *work);
/* What the last transfer needed goes, also its place. */
void work_clear(Work *work);
/* The transfer's leg is over, at once or when its unpacking has ended (job_course.c). */
void work_close_leg(Work *work);
/* It is not there: noted, told, freed. WHERE: a clause or an address. */
void work_is_absent(Work *work, int status, const char *where);
/* What came only with a login is its puller's alone. FALSE: the run stops. */
gboolean work_make_private(Work *work);
/* What came is judged and lies in the stage: FALSE where it could not be written down; the work is
 * freed then. */
gboolean work_note_staged(Work *work);

/* job_work_judge.c */
/* A DigestDone whose DATA is the work: all bytes were read. */
void work_digested(const DigestSet *digests, guint64 size, int errno_value, gpointer data);
void work_differs(Work *work); /* as VERDICT says, which is no good one */
/* FALSE where --require asks for more trust than it has; the work is freed then. */
gboolean work_is_required(Work *work);
/* The wrong copy is kept aside; what arrived does not count any more. */
void work_drop_as_evidence(Work *work);

/* job_work_sent.c: digests that came with the bytes. */
void work_want(Work *work); /* sets WANTED */
/* What the listing declares and the bytes are not, though they are what was sent with them. */
void work_tell_sent(Work *work);

/* job_work_series.c: the zip of a series, which no digest but that of its members speaks for. */
gboolean work_is_series(const Work *work);
/* The images that came are not those that the lock knows. Owned. */
GError *work_series_changed(const Work *work);
/* Its members are there, whole and right; the work is freed. */
void work_settle_series(Work *work);

/* job_work_zipped.c: a single file that came zipped under its plain name */
gboolean work_came_zipped(const Work *work);
/* All of it came in an earlier run, from a storage that sends some so; where from is not known. */
gboolean work_may_be_zipped(const Work *work);
/* Does ADDRESS end in the last part of PATH and ".zip"? */
gboolean address_is_of_zipped(const char *address, const char *path);
void work_unzip(Work *work);        /* in place of placing it */
void zipped_cancel(Zipped *zipped); /* NULL: nothing */
void zipped_free(Zipped *zipped);
/* job_work.c: */
void work_place_file(Work *work); /* what came is the file */

/* job_work_here.c: what is here already. TRUE where the work is done, or is being looked at. */
gboolean work_find(Work *work);
gboolean work_share(Work *work);

/* job_ranges_fetch.c: members that are fetched by themselves, on a thread of their own beside all
 * other downloads, until Fetch.by_ranges is NULL. */
void ranges_start(Fetch *fetch);
/* Takes ROW where its members come so, or may. */
gboolean ranges_take(Fetch *fetch, SpoolDownload *row);
/* The run stops: it ends soon. */
void ranges_stop(Fetch *fetch);

/* job_singles.c: members that come each from its own address */
void singles_start(Fetch *fetch);
void single_ended(Singles *singles); /* one of them; the next one is begun */
guint single_attempts(void);
char *single_key(const Work *work); /* of its partial file; owned */
gboolean single_note(Work *work, GError **error);
void single_failed(Work *work, const char *why);
/* TRUE where there is nothing more to say of it: the archive comes whole. */
gboolean single_takes_outcome(Work *work, const Outcome *outcome);
/* job_work.c */
void work_start_single(Fetch *fetch, SpoolDownload *row, Singles *single); /* takes the row */

/* job_gather.c */
void work_gather(Work *work); /* in place of a transfer */
/* The verdict says that it is not the file that it must be. */
void gather_refuse(Work *work);
gboolean gather_place(Work *work, int folder_fd, TreeWriter *writer, GError **error);
int gather_fd(const Work *work); /* of an archive */
/* The copying threads, made when first asked for; NULL and errno. */
CopyPool *fetch_copies(Fetch *fetch);
/* The run stops: nothing more is read. */
void gather_stop(Fetch *fetch);
void gather_free(Work *work);

/* job_fetch.c */
void fetch_stop(Fetch *fetch, GError *error); /* takes it; the run ends */
void fetch_noted(Fetch *fetch);
/* A cancelled run ends its transfers before the store hears of it. */
gboolean fetch_is_stopping(const Fetch *fetch);

/* job_unpack.c */
Members *members_new(Work *work);
/* Ends an unpacking that runs; the work is freed once it has ended. TRUE where that is now. */
gboolean members_close(Members *members);
void members_free(Members *members);
void members_begin(Members *members, Frontier *frontier);
/* NULL while it runs or where it never began; else how it ended. */
gboolean members_are_done(const Members *members);
const GError *members_error(const Members *members);
gboolean members_are_closing(const Members *members);
void members_reset(Members *members);
guint64 members_behind(const Members *members);
/* After an unpacking of a series without an error: as unpacking_series(). */
gboolean members_series(const Members *members, SeriesCount *came, Digest *digest);
/* Unpacks once more, from the whole file, where it did not run to its end while the file arrived.
 */
void members_begin_whole(Members *members);
gboolean members_began(const Members *members);
