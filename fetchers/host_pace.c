#include "host_pace.h"

#include <string.h>

static const char *base_of(const FetcherRow *row, const Endpoints *endpoints, const char *name)
{
    for (guint i = 0; row->endpoints[i] != NULL; i += 2)
        if (strcmp(row->endpoints[i], name) == 0)
            return endpoints_base(endpoints, name, row->name, row->endpoints[i + 1]);
    return NULL;
}

const EndpointPace *host_pace_of(const FetcherRow *row, const Endpoints *endpoints,
                                 const char *address)
{
    for (const EndpointPace *pace = row->paces; pace != NULL && pace->endpoint != NULL; pace++) {
        const char *base = base_of(row, endpoints, pace->endpoint);
        gsize length = base != NULL ? strlen(base) : 0;
        if (base != NULL && strncmp(address, base, length) == 0 &&
            (address[length] == '/' || address[length] == '\0'))
            return pace;
    }
    return NULL;
}
