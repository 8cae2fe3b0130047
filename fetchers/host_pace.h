/*
 * How gently a source's hosts are to be treated, each by itself: some of them bear thirty-two
 * connections, others three.
 */
#pragma once

#include "endpoints.h"

/* No host is given more connections than these, whatever its row says. */
#define HOST_PACE_MOST 32

/* Pure. The pace of the endpoint below whose base ADDRESS lies; NULL where ROW has none for it. */
const EndpointPace *host_pace_of(const FetcherRow *row, const Endpoints *endpoints,
                                 const char *address);
