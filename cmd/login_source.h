/*
 * The sources that have a login.
 */
#pragma once

#include "fetcher.h"

/* NULL with MEDMIRROR_ERROR_USAGE: no such source, or one that gives all it has to everybody. */
const Fetcher *login_source_find(const char *name, GError **error);
