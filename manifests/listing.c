#include "listing.h"

ListingHead *listing_head_new(void)
{
    ListingHead *head = g_new0(ListingHead, 1);
    head->total_bytes = SIZE_UNKNOWN;
    return head;
}

static gpointer copy_text(gconstpointer text, gpointer data)
{
    return g_strdup(text);
}

ListingHead *listing_head_copy(const ListingHead *head)
{
    if (!head)
        return NULL;
    ListingHead *copy = listing_head_new();
    *copy = *head;
    copy->version = g_strdup(head->version);
    copy->newest_change = g_strdup(head->newest_change);
    copy->state_token = g_strdup(head->state_token);
    copy->title = g_strdup(head->title);
    copy->licence = g_strdup(head->licence);
    copy->citation = g_strdup(head->citation);
    copy->homepage = g_strdup(head->homepage);
    copy->access_note = g_strdup(head->access_note);
    copy->notes = NULL;
    if (head->notes) {
        copy->notes = g_ptr_array_copy(head->notes, copy_text, NULL);
        g_ptr_array_set_free_func(copy->notes, g_free);
    }
    return copy;
}

void listing_head_free(ListingHead *head)
{
    if (!head)
        return;
    g_free(head->version);
    g_free(head->newest_change);
    g_free(head->state_token);
    g_free(head->title);
    g_free(head->licence);
    g_free(head->citation);
    g_free(head->homepage);
    g_free(head->access_note);
    g_clear_pointer(&head->notes, g_ptr_array_unref);
    g_free(head);
}

void listing_head_add_note(ListingHead *head, const char *format, ...)
{
    if (!head->notes)
        head->notes = g_ptr_array_new_with_free_func(g_free);
    va_list args;
    va_start(args, format);
    g_ptr_array_add(head->notes, g_strdup_vprintf(format, args));
    va_end(args);
}
