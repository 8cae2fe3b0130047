/* What fuzz targets share. A target checks more than that nothing crashes: what its function
 * promises, by g_assert. */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as a file without a name, from its beginning. */
static inline int fuzz_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    for (size_t done = 0; done < size;) {
        gssize n = TEMP_FAILURE_RETRY(write(fd, data + done, size - done));
        g_assert_cmpint(n, >, 0);
        done += (size_t)n;
    }
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    return fd;
}

/* The next part of an input whose parts are ended by NUL, as text; owned, never NULL. */
static inline char *fuzz_text(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, '\0', *size) : NULL;
    const size_t length = end ? (size_t)(end - *data) : *size;
    char *text = g_strndup((const char *)*data, length);
    *data += length + (end != NULL);
    *size -= length + (end != NULL);
    return text;
}

/* The next byte; 0 where there is none. */
static inline uint8_t fuzz_byte(const uint8_t **data, size_t *size)
{
    if (*size == 0)
        return 0;
    (*size)--;
    return *(*data)++;
}

/* Every failure tells why, for a person. */
static inline void fuzz_assert_told(const GError *error)
{
    g_assert_nonnull(error);
    g_assert_nonnull(error->message);
    g_assert_cmpuint(strlen(error->message), >, 0);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
}
