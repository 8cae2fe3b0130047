/*
 * Before an install: what lies in the stage's tree and is in no row (of an unpacking that was
 * broken off) is taken away.
 */
#pragma once

#include "stage.h"

/* MEDMIRROR_ERROR_STORAGE. */
gboolean job_sweep(Stage *stage, GError **error);
