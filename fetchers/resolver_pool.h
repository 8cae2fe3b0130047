/*
 * The threads on which a transfer's fetcher is asked to prepare or refresh: it may block there. One
 * source keeps to one thread, and there are four at most.
 */
#pragma once

#include "host_services.h"

typedef struct Engine Engine;
typedef struct Endpoints Endpoints;
typedef struct ResolverPool ResolverPool;
typedef void (*ResolverFunc)(HostServices *services, gpointer data);

/* ENGINE and ENDPOINTS are borrowed. Threads start when they are needed. Owned. */
ResolverPool *resolver_pool_new(Engine *engine, const Endpoints *endpoints);
/* Waits until what was pushed has run. Not on the engine's thread. */
void resolver_pool_free(ResolverPool *pool);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ResolverPool, resolver_pool_free)
/* One thread alone may push. SOURCE: any pointer that stands for a source. FALSE where no thread
 * can be had. */
gboolean resolver_pool_push(ResolverPool *pool, gconstpointer source, ResolverFunc func,
                            gpointer data);
