/*
 * The host services of a run: documents over the engine, endpoints, the log. A HostServices of one
 * is for one thread at a time; make one for each resolver.
 */
#pragma once

#include "endpoints.h"
#include "engine.h"

/* ENGINE and ENDPOINTS are borrowed. CANCELLED (may be NULL) is polled. Owned: documents_free(). */
HostServices *documents_new(Engine *engine, const Endpoints *endpoints,
                            gboolean (*cancelled)(gpointer data), gpointer data);
void documents_free(HostServices *services);
