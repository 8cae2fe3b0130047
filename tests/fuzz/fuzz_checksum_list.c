/* A list of digests: every line is one, or is refused with its number, and the end is reached. */
#include "checksum_list.h"
#include "error.h"
#include "fuzz_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"SHA256SUMS.txt", "MD5SUMS", "a.dat.sha256"};
    const char *name = names[fuzz_byte(&data, &size) % G_N_ELEMENTS(names)];
    const int fd = fuzz_file(data, size);
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(fd, name);
    size_t calls = 0;
    int got = 1;
    while (got != 0) {
        g_auto(ChecksumLine) line = {0};
        g_autoptr(GError) error = NULL;
        got = checksum_list_reader_next(reader, &line, &error);
        g_assert_cmpuint(calls++, <=, size + 1);
        if (got < 0) {
            fuzz_assert_told(error);
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED);
        } else if (got > 0) {
            g_assert_no_error(error);
            g_assert_nonnull(line.path);
            g_assert_true(*line.path != '\0');
            Digest again;
            g_autofree char *hex = digest_to_hex(&line.digest);
            g_assert_true(digest_parse_hex(line.digest.algorithm, hex, &again));
            g_assert_true(digest_equal(&again, &line.digest));
        }
    }
    close(fd);
    return 0;
}
