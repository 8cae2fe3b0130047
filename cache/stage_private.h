/*
 * Between the files of the stage.
 */
#pragma once

#include "stage.h"

struct Stage {
    Mirror *mirror; /* borrowed */
    char *folder, *key;
    Spool *spool;
    int fd, tree_fd, archives_fd, partial_fd;
    Readers readers;
    gboolean gone; /* installed or discarded: nothing is left on disk */
};

/* When a stage was last worked on and what it says of itself. */
#define STAGE_NOTE "about.json"
/* What was asked for. */
#define STAGE_REQUEST "request.json"
