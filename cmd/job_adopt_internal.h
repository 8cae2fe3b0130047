/*
 * One adoption, between its files: job_adopt.c (the course of it), job_adopt_list.c (what the
 * dataset's files are and who says so), job_adopt_match.c (which of them are there) and
 * job_adopt_install.c (from there to the installed version).
 */
#pragma once

#include "adopt_survey.h"
#include "job_adopt.h"
#include "job_pull_internal.h"
#include "kagglehub_cache.h"

typedef struct {
    Job *job;
    const AdoptRequest *request;
    Reference *reference;
    AdoptResult *result;
    PullRequest as_pull;
    PullResult *pulled;
    Pull pull; /* what an adoption shares with a pull */
    LocalFiles files;
    LocalFiles given; /* with IS_UNPACKED: what FILES were before */
    Survey *survey;
    gboolean is_file;       /* one file was given, no folder */
    gboolean is_unpacked;   /* FILES are what an archive held */
    gboolean waits;         /* a dry run: what the archive holds is not known */
    gboolean can_clone;     /* into the mirror */
    gboolean keep_stage;    /* the same command goes on */
    gboolean stage_is_ours; /* nothing was begun in it before */
    char *not_asked;        /* why the source did not tell; NULL: it did */
    SpoolDownload *archive; /* which the files are unpacked from, by hand; NULL: none, or several */
    KagglehubCopy *hub;     /* FILES are what Kaggle's own module unpacked; NULL: they are not */
    Selection *chosen;      /* of series: those that are there; NULL: as asked for */
    char *list_folder;      /* ADOPT_LIST_BESIDE: of the lists, below FILES.fd */
    /* What was found of the files that are wanted: */
    guint64 there, there_bytes, archives;
} Adopt;

/* job_adopt_list.c */

/* The rows of the spool, and the version's name. */
gboolean adopt_list(Adopt *adopt, GError **error);
/* The tree itself is the list: each file that lies below FILES.root. */
gboolean adopt_list_tree(Adopt *adopt, GError **error);
/* The digests of a list that was given or lay there join those of the rows. */
gboolean adopt_add_digests(Adopt *adopt, GError **error);
/* What the manifest knows of the files in archives: path to ManifestFile*; owned. */
GHashTable *adopt_recorded_members(const Adopt *adopt);

/* job_adopt_match.c */

/* Finds where in the folder the tree begins, unpacks an archive that holds it, and sees that
 * what is wanted is there. */
gboolean adopt_match(Adopt *adopt, GError **error);
/* FILES and SURVEY become those of what the archive NAME of FILES holds. */
gboolean adopt_unpack(Adopt *adopt, const char *name, GError **error);
/* They become what they were; what was unpacked goes. */
gboolean adopt_pack(Adopt *adopt, GError **error);

/* An archive has to be unpacked, and in place nothing is written: always FALSE. */
gboolean adopt_refuse_in_place(const Adopt *adopt, const char *name, GError **error);

/* job_adopt_presence.c */

/* What is wanted is there, of the size that is listed; what may be missing is noted as failed. */
gboolean adopt_check_presence(Adopt *adopt, GError **error);

/* job_adopt_members.c */

/* Where the source tells what the archive holds that was unpacked by hand: each of it is there, of
 * the size that is listed. A source that does not answer says nothing. */
gboolean adopt_compare_members(Adopt *adopt, GError **error);

/* job_adopt_series.c */

/* The same where the dataset's files are images of DICOM series: FILES know them by what is in
 * them. */
gboolean adopt_match_series(Adopt *adopt, GError **error);

/* The line that fetches what the version lacks; NULL where no program can. Owned. */
char *adopt_completion(const Adopt *adopt);

/* job_adopt_install.c */
gboolean adopt_install(Adopt *adopt, GError **error);
/* The version of HEADER is what was to be adopted; nothing is taken. */
gboolean adopt_finish_up_to_date(Adopt *adopt, const LockHeader *header, GError **error);
