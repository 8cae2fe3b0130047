#include "host_limits.h"

void host_limits_init(HostLimits *limits, guint most)
{
    *limits = (HostLimits){.most = MAX(most, 1), .allowed = MAX(most, 1)};
    limits->halved_at = limits->pointed_at = G_MININT64 / 2;
}

void host_limits_raise(HostLimits *limits, guint most)
{
    if (most <= limits->most)
        return;
    limits->most = most;
    if (!limits->has_trouble)
        limits->allowed = most;
}

void host_limits_note_good(HostLimits *limits)
{
    if (limits->allowed >= limits->most)
        return;
    if (++limits->good < limits->allowed)
        return;
    limits->good = 0;
    limits->allowed++;
}

void host_limits_halve(HostLimits *limits, gint64 now, gint64 interval_ms)
{
    if (now - limits->halved_at < interval_ms)
        return;
    limits->halved_at = now;
    limits->allowed = MAX(limits->allowed / 2, 1);
    limits->good = 0;
    limits->has_trouble = TRUE;
}

void host_limits_add_point(HostLimits *limits, gint64 now, gint64 interval_ms)
{
    if (now - limits->pointed_at < interval_ms)
        return;
    limits->pointed_at = now;
    limits->points++;
}
