#include "engine_state.h"

#include <string.h>

static FileSpec *copy_file(const FileSpec *file)
{
    FileSpec *copy = file_spec_new(file->path);

    copy->size = file->size;
    copy->size_is_exact = file->size_is_exact;
    copy->size_is_rounded = file->size_is_rounded;
    copy->role = file->role;
    copy->declared = file->declared;
    copy->modified = g_strdup(file->modified);
    copy->part = g_strdup(file->part);
    copy->validators = validators_copy(file->validators);
    for (guint i = 0; file->addresses != NULL && i < file->addresses->len; i++)
        file_spec_add_address(copy, g_ptr_array_index(file->addresses, i));
    return copy;
}

static GPtrArray *copy_lines(const char *const *lines)
{
    GPtrArray *copy = g_ptr_array_new_with_free_func((GDestroyNotify)credential_header_free);

    for (gsize i = 0; lines[i] != NULL; i++)
        g_ptr_array_add(copy, g_strdup(lines[i]));
    return copy;
}

Transfer *transfer_new(const TransferSpec *spec)
{
    Transfer *transfer = g_new0(Transfer, 1);

    transfer->name = g_strdup(spec->name);
    transfer->fetcher = spec->fetcher;
    transfer->locator = spec->locator;
    transfer->manifest = spec->manifest;
    transfer->file = copy_file(spec->file);
    transfer->digest_covers_all = spec->digest_covers_all;
    transfer->max_bytes = spec->max_bytes == 0 ? SIZE_UNKNOWN : spec->max_bytes;
    transfer->headers = spec->headers != NULL ? copy_lines(spec->headers) : NULL;
    transfer->signer = request_signer_copy(spec->signer);
    transfer->is_document = spec->is_document;
    transfer->first_byte_ms = spec->first_byte_ms;
    transfer->most_attempts = spec->most_attempts;
    transfer->head_only = spec->head_only;
    transfer->any_status = spec->any_status;
    transfer->any_refusal = spec->any_refusal;
    transfer->post_body = g_strdup(spec->post_body);
    transfer->post_type = g_strdup(spec->post_type);
    transfer->keep_redirect = spec->keep_redirect;
    transfer->range = g_strdup(spec->range);
    transfer->sink = spec->sink;
    transfer->holds_nothing = spec->holds_nothing;
    transfer->home = spec->home;
    transfer->on_login = spec->by_login;
    transfer->done = spec->done;
    transfer->data = spec->data;
    transfer->attempts = g_ptr_array_new();
    transfer->todo = g_array_new(FALSE, FALSE, sizeof(Extent));
    transfer->answer_headers = g_ptr_array_new_with_free_func(g_free);
    transfer->total = SIZE_UNKNOWN;
    return transfer;
}

/* It may hold a secret. */
static void wipe(char *text)
{
    if (text != NULL)
        explicit_bzero(text, strlen(text));
    g_free(text);
}

void transfer_free(Transfer *transfer)
{
    if (transfer == NULL)
        return;
    transfer_clear_round(transfer);
    transfer_forget_prepared(transfer);
    g_ptr_array_unref(transfer->attempts);
    g_array_unref(transfer->todo);
    g_ptr_array_unref(transfer->answer_headers);
    g_clear_pointer(&transfer->headers, g_ptr_array_unref);
    request_signer_free(transfer->signer);
    file_spec_free(transfer->file);
    validators_free(transfer->validators);
    g_free(transfer->name);
    g_free(transfer->range);
    g_free(transfer->bytes_from);
    g_free(transfer->generation);
    g_free(transfer->address);
    g_free(transfer->final_address);
    wipe(transfer->location);
    wipe(transfer->post_body);
    g_free(transfer->post_type);
    g_free(transfer->content_type);
    g_free(transfer->certificate_issuer);
    g_free(transfer);
}

void transfer_forget_prepared(Transfer *transfer)
{
    wipe(g_steal_pointer(&transfer->prepared_address));
    g_clear_pointer(&transfer->prepared_for, g_free);
    g_clear_pointer(&transfer->request_headers, g_ptr_array_unref);
    g_clear_pointer(&transfer->request_signer, request_signer_free);
    transfer->prepared_stands = FALSE;
}

/* What the last round alone needed. */
void transfer_clear_round(Transfer *transfer)
{
    wipe(g_steal_pointer(&transfer->request_address));
    g_clear_pointer(&transfer->expected, validators_free);
    sink_offer_clear(&transfer->offer);
    outcome_clear(&transfer->round_outcome);
    g_array_set_size(transfer->todo, 0);
    transfer->accepted = transfer->resuming = transfer->ending = FALSE;
    transfer->round_received = 0;
    transfer->most_lanes = 1;
}

gpointer transfer_data(const Transfer *transfer)
{
    return transfer->data;
}

const char *transfer_name(const Transfer *transfer)
{
    return transfer->name;
}

const Validators *transfer_validators(const Transfer *transfer)
{
    return transfer->validators;
}

int transfer_status(const Transfer *transfer)
{
    return transfer->status;
}

const char *transfer_final_address(const Transfer *transfer)
{
    return transfer->final_address;
}

const char *transfer_location(const Transfer *transfer)
{
    return transfer->location;
}

const char *transfer_content_type(const Transfer *transfer)
{
    return transfer->content_type;
}

guint64 transfer_range_start(const Transfer *transfer)
{
    return transfer->range_start;
}

const char *transfer_header(const Transfer *transfer, const char *name)
{
    return headers_find(transfer->answer_headers, name);
}

gboolean transfer_came_by_login(const Transfer *transfer)
{
    return transfer->by_login;
}

const char *transfer_address(const Transfer *transfer)
{
    return transfer->bytes_from != NULL ? transfer->bytes_from : transfer->address;
}

const char *transfer_certificate_issuer(const Transfer *transfer)
{
    return transfer->certificate_issuer;
}

guint64 transfer_received(const Transfer *transfer)
{
    return transfer->received;
}
