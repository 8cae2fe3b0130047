/* The plain values that pass between the engine and the store: outcomes, offers, listing heads. */
#include "listing.h"
#include "outcome.h"
#include "sink.h"

#include <errno.h>
#include <string.h>

static void test_kind_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = OUTCOME_OK; i <= OUTCOME_UNSAFE; i++) {
        const char *name = outcome_kind_name((OutcomeKind)i);
        g_assert_nonnull(name);
        g_assert_true(g_hash_table_add(seen, (gpointer)name));
    }
    g_assert_cmpstr(outcome_kind_name(OUTCOME_OK), ==, "ok");
    g_assert_cmpstr(outcome_kind_name(OUTCOME_UNSAFE), ==, "unsafe");
}

static void test_copy_and_clear(void)
{
    g_auto(Outcome) first = {.kind = OUTCOME_BUSY, .status = 503, .retry_after_ms = 5};
    first.address = g_strdup("http://127.0.0.1/x");
    first.detail = g_strdup("HTTP 503");
    g_auto(Outcome) second = {.title = g_strdup("old")};
    outcome_copy(&second, &first);
    outcome_copy(&second, &second);
    g_assert_cmpint(second.kind, ==, OUTCOME_BUSY);
    g_assert_cmpint(second.status, ==, 503);
    g_assert_cmpstr(second.address, ==, first.address);
    g_assert_true(second.address != first.address);
    g_assert_null(second.title);
    outcome_clear(&first);
    g_assert_cmpint(first.kind, ==, OUTCOME_OK);
    g_assert_null(first.detail);
    g_assert_cmpstr(second.detail, ==, "HTTP 503");
}

static void test_storage(void)
{
    g_auto(Outcome) outcome = {.kind = OUTCOME_CUT, .detail = g_strdup("old")};
    outcome_set_storage(&outcome, ENOSPC, "cannot write %s", "a.dat");
    g_assert_cmpint(outcome.kind, ==, OUTCOME_STORAGE);
    g_assert_cmpint(outcome.error_number, ==, ENOSPC);
    g_assert_cmpint(outcome.retry_after_ms, ==, -1);
    g_assert_true(g_str_has_prefix(outcome.detail, "cannot write a.dat: "));
    g_assert_true(g_str_has_suffix(outcome.detail, g_strerror(ENOSPC)));
}

static void test_offer_clear(void)
{
    const Extent extent = {0, 10};
    g_auto(SinkOffer) offer = {.complete = TRUE};
    offer.held = g_array_new(FALSE, FALSE, sizeof(Extent));
    g_array_append_val(offer.held, extent);
    offer.validators = validators_new("\"x\"", NULL, 10);
    sink_offer_clear(&offer);
    g_assert_null(offer.held);
    g_assert_null(offer.validators);
    g_assert_false(offer.complete);
}

static void test_listing_head(void)
{
    g_autoptr(ListingHead) head = listing_head_new();
    g_assert_cmpuint(head->total_bytes, ==, SIZE_UNKNOWN);
    head->version = g_strdup("1.0.0");
    head->state_is_weak = TRUE;
    listing_head_add_note(head, "note %d", 1);
    listing_head_add_note(head, "note %d", 2);
    g_autoptr(ListingHead) copy = listing_head_copy(head);
    g_assert_cmpstr(copy->version, ==, "1.0.0");
    g_assert_true(copy->version != head->version);
    g_assert_true(copy->state_is_weak);
    g_assert_cmpuint(copy->notes->len, ==, 2);
    g_assert_cmpstr(g_ptr_array_index(copy->notes, 1), ==, "note 2");
    g_assert_true(g_ptr_array_index(copy->notes, 1) != g_ptr_array_index(head->notes, 1));
    g_assert_null(listing_head_copy(NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outcome/kind-names", test_kind_names);
    g_test_add_func("/outcome/copy-and-clear", test_copy_and_clear);
    g_test_add_func("/outcome/storage", test_storage);
    g_test_add_func("/sink/offer-clear", test_offer_clear);
    g_test_add_func("/listing/head", test_listing_head);
    return g_test_run();
}
