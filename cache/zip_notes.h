/*
 * Notes of fixed size on many members, in a scratch file: no list of members is held in memory.
 */
#pragma once

#include "zip_directory.h"

typedef struct {
    guint64 header_offset; /* what notes are sorted by */
    guint64 end_offset;    /* of a member that was read: behind its data and descriptor */
    guint64 compressed, size;
    guint64 row_offset; /* of a row of the directory */
    guint32 row_length;
    guint32 crc;
    guint32 mode;
    guint16 method, flags;
    guint8 names[16]; /* a digest of the name and of the name in the header */
    gboolean is_folder;
    gboolean is_good; /* of a member that was read: nothing was wrong with it */
} ZipNote;

void zip_note_set_names(ZipNote *note, const ZipEntry *entry);

typedef struct ZipNotes ZipNotes;
ZipNotes *zip_notes_new(int fd); /* borrowed; empty; owned */
void zip_notes_free(ZipNotes *notes);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ZipNotes, zip_notes_free)
/* MEDMIRROR_ERROR_STORAGE */
gboolean zip_notes_add(ZipNotes *notes, const ZipNote *note, GError **error);
guint64 zip_notes_count(const ZipNotes *notes);
/* By offset; nothing is added afterwards. */
gboolean zip_notes_sort(ZipNotes *notes, GError **error);
/* The next one, from the first on; FALSE where there is none. */
gboolean zip_notes_next(ZipNotes *notes, ZipNote *note);
