/* Every fetcher names what any answer is. */
#include "fetcher.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 206, 202, 302, 400, 401, 403, 404, 407, 429, 451, 500, 503};
    static const char *const types[] = {NULL, "text/html; charset=utf-8", "application/json",
                                        "application/zip", ""};
    const uint8_t how = fuzz_byte(&data, &size), what = fuzz_byte(&data, &size);
    g_autofree char *header = fuzz_text(&data, &size);
    g_autofree char *final_address = fuzz_text(&data, &size);
    const char *const headers[] = {"Server: nginx", header, NULL};
    const AnswerHead head = {.status = statuses[how % G_N_ELEMENTS(statuses)],
                             .address = "https://physionet.org/files/mitdb/1.0.0/100.dat",
                             .final_address = final_address,
                             .content_type = types[what % G_N_ELEMENTS(types)],
                             .headers = headers,
                             .body = data,
                             .body_length = size,
                             .expects_html = (what & 0x80) != 0};
    for (gsize i = 0; fetchers[i]; i++) {
        if (fetchers[i]->classify) {
            const AnswerKind kind = fetchers[i]->classify(fetchers[i], &head);
            g_assert_cmpint(kind, <=, ANSWER_BY_STATUS);
            g_assert_false(kind == ANSWER_DATA && head.status >= 400);
        }
    }
    return 0;
}
