/*
 * What is unfinished in a mirror, as `status` tells it.
 */
#pragma once

#include "invocation.h"
#include "room.h"
#include "stage.h"

/* Answers and JSON events "unfinished" for each pull that nobody works on. ROOM: what there is;
 * WORDS: as of JobSettings.mirror_words. */
gboolean status_tell_unfinished(Console *console, Mirror *mirror, const Room *room,
                                const char *words, GError **error);
