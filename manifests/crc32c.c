#include "crc32c.h"

#include <pthread.h>
#include <string.h>

#define POLYNOMIAL 0x82F63B78u

/* tables[k][b]: the CRC of byte b with k zero bytes behind it, so that eight bytes are one step. */
static guint32 tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
    for (guint32 byte = 0; byte < 256; byte++) {
        guint32 crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][byte] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (guint32 byte = 0; byte < 256; byte++) {
            guint32 before = tables[k - 1][byte];
            tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
        }
    }
}

guint32 crc32c_update_portable(guint32 crc, const void *bytes, gsize length)
{
    pthread_once(&tables_once, make_tables);
    const guint8 *p = bytes;
    crc = ~crc;
    for (; length >= 8; p += 8, length -= 8) {
        guint64 word;
        memcpy(&word, p, sizeof word);
        word = GUINT64_FROM_LE(word) ^ crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= tables[7 - i][(word >> (8 * i)) & 0xff];
    }
    for (; length > 0; p++, length--)
        crc = (crc >> 8) ^ tables[0][(crc ^ *p) & 0xff];
    return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static guint32
update_by_instruction(guint32 crc, const void *bytes, gsize length)
{
    const guint8 *p = bytes;
    guint64 wide = ~crc;
    for (; length >= 8; p += 8, length -= 8) {
        guint64 word;
        memcpy(&word, p, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (guint32)wide;
    for (; length > 0; p++, length--)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return ~crc;
}
#endif

guint32 crc32c_update(guint32 crc, const void *bytes, gsize length)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return update_by_instruction(crc, bytes, length);
#endif
    return crc32c_update_portable(crc, bytes, length);
}
