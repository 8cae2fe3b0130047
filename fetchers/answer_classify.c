/* What an answer is, by its fetcher and by its source. */
#include "engine_state.h"
#include "i18n.h"

#include <string.h>

static gboolean name_is_html(const char *path)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);

    return g_str_has_suffix(lower, ".html") || g_str_has_suffix(lower, ".htm") ||
           g_str_has_suffix(lower, ".xhtml");
}

AnswerKind answer_kind(const Attempt *attempt, const GByteArray *body)
{
    const Transfer *transfer = attempt->transfer;
    g_autoptr(GPtrArray) headers = g_ptr_array_new();

    for (guint i = 0; i < attempt->headers->len; i++)
        g_ptr_array_add(headers, g_ptr_array_index(attempt->headers, i));
    g_ptr_array_add(headers, NULL);
    const AnswerHead head = {
        .status = attempt->status,
        .address = transfer->address,
        .final_address = attempt->address,
        .content_type = attempt_header(attempt, "Content-Type"),
        .headers = (const char *const *)headers->pdata,
        .body = body->data,
        .body_length = body->len,
        .expects_html = transfer->is_document || name_is_html(transfer->file->path),
    };
    return transfer->fetcher != NULL && transfer->fetcher->classify != NULL
               ? transfer->fetcher->classify(transfer->fetcher, &head)
               : fetcher_classify_common(&head);
}

gboolean answer_host_is_foreign(const Attempt *attempt)
{
    const Transfer *transfer = attempt->transfer;
    g_autoptr(GUri) asked = g_uri_parse(transfer->address, G_URI_FLAGS_ENCODED, NULL);
    g_autoptr(GUri) final = g_uri_parse(attempt->address, G_URI_FLAGS_ENCODED, NULL);

    if (asked == NULL || final == NULL || attempt->redirects == 0 ||
        g_ascii_strcasecmp(g_uri_get_host(asked), g_uri_get_host(final)) == 0)
        return FALSE;
    if (transfer->fetcher != NULL && transfer->fetcher->row.hosts != NULL)
        for (gsize i = 0; transfer->fetcher->row.hosts[i] != NULL; i++)
            if (g_ascii_strcasecmp(transfer->fetcher->row.hosts[i], g_uri_get_host(final)) == 0)
                return FALSE;
    return TRUE;
}

void answer_fail_with_title(Attempt *attempt, OutcomeKind kind, const GByteArray *body,
                            const char *detail)
{
    attempt_fail(attempt, kind, "%s", detail);
    if (attempt->outcome.title == NULL)
        attempt->outcome.title = answer_title(body->data, body->len);
}

/* TRUE where the classification alone decided. */
gboolean answer_fail_by_kind(Attempt *attempt, AnswerKind kind, const GByteArray *body)
{
    switch (kind) {
    case ANSWER_DATA:
    case ANSWER_BY_STATUS:
        return FALSE;
    case ANSWER_LOGIN_PAGE:
        answer_fail_with_title(
            attempt, answer_host_is_foreign(attempt) ? OUTCOME_FOREIGN_REFUSAL : OUTCOME_REFUSED,
            body, _("a login page came instead of the file"));
        break;
    case ANSWER_TERMS:
        answer_fail_with_title(attempt, OUTCOME_REFUSED, body,
                               _("a page of terms came instead of the file"));
        break;
    case ANSWER_QUOTA:
        answer_fail_with_title(attempt, OUTCOME_BUSY, body, _("a quota there is used up"));
        break;
    case ANSWER_NOT_READY:
        answer_fail_with_title(attempt, OUTCOME_NOT_READY, body, _("it is not ready yet"));
        break;
    case ANSWER_EXPIRED:
        answer_fail_with_title(attempt, OUTCOME_EXPIRED, body, _("its address has expired"));
        break;
    case ANSWER_NOTHING_THERE:
        answer_fail_with_title(attempt, OUTCOME_NOT_DATA, body,
                               _("there is nothing behind its address"));
        break;
    case ANSWER_ABSENT:
        answer_fail_with_title(attempt, OUTCOME_ABSENT, body, _("it is not there"));
        break;
    case ANSWER_NOT_PUBLIC:
        answer_fail_with_title(attempt, OUTCOME_ABSENT, body,
                               _("the source says that it is not public: it was withdrawn, hidden "
                                 "or put under controlled access"));
        break;
    case ANSWER_TRANSIENT:
        answer_fail_with_title(attempt, OUTCOME_BUSY, body, _("it has a trouble that passes"));
        break;
    case ANSWER_NOT_THE_SOURCES_OWN:
        answer_fail_with_title(attempt, OUTCOME_FOREIGN_REFUSAL, body,
                               _("a page of a proxy or a filter came instead"));
        break;
    case ANSWER_UNEXPECTED_HTML:
        answer_fail_with_title(
            attempt, answer_host_is_foreign(attempt) ? OUTCOME_FOREIGN_REFUSAL : OUTCOME_NOT_DATA,
            body, _("a web page came where data was expected"));
        break;
    }
    return TRUE;
}

gboolean answer_classify(Attempt *attempt)
{
    if (answer_is_wanted_refusal(attempt))
        return TRUE;
    return !answer_fail_by_kind(attempt, answer_kind(attempt, attempt->pending), attempt->pending);
}
