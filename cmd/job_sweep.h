/*
 * What lies in the stage's tree and is in no row is taken away: before an install (of an unpacking
 * that was broken off), and where the stage was begun for another state of the source.
 */
#pragma once

#include "stage.h"

/* MEDMIRROR_ERROR_STORAGE. */
gboolean job_sweep(Stage *stage, GError **error);
