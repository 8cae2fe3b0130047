#include "sink.h"

void sink_offer_clear(SinkOffer *offer)
{
    g_clear_pointer(&offer->held, g_array_unref);
    g_clear_pointer(&offer->validators, validators_free);
    offer->complete = FALSE;
}
