/* Whatever a fetcher's program writes: taken as it is meant, or refused with words; and what is
 * taken is safe to hand on. */
#include "external_hello.h"
#include "external_message.h"
#include "fuzz_input.h"
#include "relpath.h"

static void check_hello(const char *line, size_t length, const AnswerHead *head)
{
    GError *error = NULL;
    g_autoptr(ExternalHello) hello =
        external_hello_parse(line, length, "example", "the program", &error);
    if (!hello) {
        fuzz_assert_told(error);
        g_error_free(error);
        return;
    }
    g_assert_no_error(error);
    g_assert_cmpstr(hello->name, ==, "example");
    g_assert_cmpuint(hello->hosts->len, >, 0);
    g_assert_false(g_str_has_suffix(hello->base, "/"));
    g_autofree char *words = external_hello_access(hello, "heart", 403);
    const AnswerKind common = fetcher_classify_common(head);
    const AnswerKind kind = external_hello_classify(hello, head);
    g_assert_cmpint(kind, <=, ANSWER_BY_STATUS);
    g_assert_true(kind != ANSWER_DATA || common == ANSWER_DATA);
}

static void check_message(const char *line, size_t length)
{
    GError *error = NULL;
    g_autoptr(Message) message = message_parse(line, length, "the program", &error);
    if (!message) {
        fuzz_assert_told(error);
        g_error_free(error);
        return;
    }
    g_assert_no_error(error);
    g_assert_nonnull(message_kind_word(message->kind));
    for (guint i = 0; message->headers && i < message->headers->len; i++)
        g_assert_null(strpbrk(message->headers->pdata[i], "\r\n"));
    if (message->kind == MESSAGE_HEAD) {
        g_autoptr(ListingHead) head = message_listing_head(message);
        g_assert_cmpstr(head->version, ==, message->version);
    } else if (message->kind == MESSAGE_FILE) {
        g_assert_cmpuint(message->addresses->len, >, 0);
        g_autoptr(FileSpec) spec = message_file_spec(message, &error);
        if (spec)
            g_assert_true((spec->role == FILE_ROLE_ARCHIVE) == (spec->unpack != NULL));
        else
            fuzz_assert_told(error);
        g_clear_error(&error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *rest = memchr(data, '\n', size);
    const size_t length = rest ? (size_t)(rest - data) : size;
    const AnswerHead head = {.status = 403,
                             .content_type = "text/plain",
                             .body = rest,
                             .body_length = rest ? size - length : 0};
    g_autofree char *line = g_strndup((const char *)data, length);
    check_hello(line, length, &head);
    check_message(line, length);
    return 0;
}
