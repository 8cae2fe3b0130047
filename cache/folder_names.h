/*
 * The names of one folder in the byte order of the paths below it, in bounded memory: a folder with
 * more names than there is room for is read several times. Inside cache/'s walks alone.
 */
#pragma once

#include <dirent.h>
#include <glib.h>

/* A folder's name ends with '/', so that names sort as the paths below them do: "a-b/" before "a/",
 * though "a" is before "a-b". */
typedef struct {
    DIR *dir;
    GByteArray *arena; /* the names, NUL behind each */
    GArray *offsets;   /* guint32 into the arena, sorted by name */
    gsize most;        /* bytes for both */
    char *floor;       /* up to here all was walked; NULL: nothing yet */
    char *ceiling;     /* from here on names are left for a further reading; NULL: none */
} FolderNames;

/* How deep a walk goes, and what it may hold of names. */
#define FOLDER_DEPTH_MOST 256
#define FOLDER_NAMES_BYTES ((gsize)24 * 1024 * 1024)

/* Opens NAME below PARENT_FD; no link is followed. ROOM: bytes for its names and those of the
 * folders below it. FALSE with errno. */
gboolean folder_names_open(FolderNames *names, int parent_fd, const char *name, gsize room);
void folder_names_close(FolderNames *names);
/* Reads the names above the floor, as many of the least as there is room for. FALSE: the folder
 * cannot be read; errno. */
gboolean folder_names_read(FolderNames *names);
/* What was read is through. TRUE where there are more: to be read once more. */
gboolean folder_names_advance(FolderNames *names);
/* Bytes held. */
gsize folder_names_used(const FolderNames *names);

static inline const char *folder_names_at(const FolderNames *names, guint index)
{
    return (const char *)names->arena->data + g_array_index(names->offsets, guint32, index);
}
