#include "validators.h"

#include "sent_digests.h"

#include <string.h>

Validators *validators_new(const char *etag, const char *last_modified, guint64 total)
{
    Validators *validators = g_new0(Validators, 1);
    validators->etag = g_strdup(etag);
    validators->last_modified = g_strdup(last_modified);
    validators->total = total;
    return validators;
}

Validators *validators_copy(const Validators *validators)
{
    if (!validators)
        return NULL;
    Validators *copy =
        validators_new(validators->etag, validators->last_modified, validators->total);
    if (validators->sent)
        validators_set_sent(copy, validators->sent);
    return copy;
}

void validators_set_sent(Validators *validators, const DigestSet *sent)
{
    g_free(validators->sent);
    validators->sent = digest_set_is_empty(sent) ? NULL : g_memdup2(sent, sizeof *sent);
}

void validators_free(Validators *validators)
{
    if (!validators)
        return;
    g_free(validators->etag);
    g_free(validators->last_modified);
    g_free(validators->sent);
    g_free(validators);
}

/* A quoted entity tag that is not weak and not empty. */
static gboolean etag_is_strong(const char *etag)
{
    if (!etag || etag[0] != '"')
        return FALSE;
    gsize length = strlen(etag);
    return length > 2 && etag[length - 1] == '"' && !memchr(etag + 1, '"', length - 2);
}

static gboolean has_date_and_total(const Validators *validators)
{
    return validators->last_modified && *validators->last_modified &&
           validators->total != SIZE_UNKNOWN;
}

gboolean validators_allow_resume(const Validators *validators)
{
    return validators && (etag_is_strong(validators->etag) || has_date_and_total(validators));
}

const char *validators_if_range(const Validators *validators)
{
    if (!validators_allow_resume(validators))
        return NULL;
    return etag_is_strong(validators->etag) ? validators->etag : validators->last_modified;
}

static const char *etag_without_weakness(const char *etag)
{
    return g_str_has_prefix(etag, "W/") ? etag + 2 : etag;
}

gboolean validators_same(const Validators *a, const Validators *b)
{
    if (!a || !b)
        return FALSE;
    gboolean both_etags = a->etag && b->etag;
    gboolean both_dates = a->last_modified && b->last_modified;
    gboolean both_totals = a->total != SIZE_UNKNOWN && b->total != SIZE_UNKNOWN;
    /* A gateway that compresses may weaken a tag on its way: that alone is no difference. */
    if (both_etags && strcmp(etag_without_weakness(a->etag), etag_without_weakness(b->etag)) != 0)
        return FALSE;
    if (both_dates && strcmp(a->last_modified, b->last_modified) != 0)
        return FALSE;
    if ((both_totals && a->total != b->total) || sent_digests_differ(a->sent, b->sent))
        return FALSE;
    if (both_etags && etag_is_strong(a->etag) && etag_is_strong(b->etag))
        return TRUE;
    return both_dates && both_totals && *a->last_modified;
}
