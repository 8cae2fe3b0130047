#include "zip_ahead.h"

#include <string.h>

enum {
    MOST_SLOTS = 18,
    /* A member's data are read in such pieces, so that little is read beyond its end. */
    PIECE_BYTES = 64 * 1024,
    DESCRIPTOR_BYTES = 16,
    HEADER_MOST = 30 + 2 * 65535,
    /* A slot that has grown beyond this gives its memory back. */
    KEPT_BYTES = 2 * 1024 * 1024,
    /* Of all slots that are in use; one may always be. */
    MOST_BYTES = 16 * 1024 * 1024,
};

/* A member whose data are in memory, or come there. */
typedef struct {
    ZipNote note; /* its end, sizes and checksum once it is whole */
    guint64 data_offset;
    guint64 known; /* compressed size; G_MAXUINT64: its descriptor tells */
    GByteArray *name;
    guint8 *in, *out;
    gsize in_room, out_room;
    gsize filled, searched;
    InflateTask task;
} Slot;

typedef struct {
    const ZipAheadSpec *spec;
    ZipNotes *read;
    guint64 at; /* the next header */
    Slot slots[MOST_SLOTS];
    guint most, first, count; /* slots whose members are decoded, a ring in the order of members */
    Slot *filling;            /* the one behind them; NULL: its header is not read yet */
} Ahead;

typedef enum {
    SCAN_ERROR = -1,
    SCAN_GOES_ON,
    SCAN_LACKS,  /* bytes or room: what is decoded must go out first */
    SCAN_ALONE,  /* the member at AT cannot be decoded so */
    SCAN_THROUGH /* no more can be read ahead */
} Scan;

static Slot *slot_at(Ahead *ahead, guint place)
{
    return &ahead->slots[(ahead->first + place) % MAX(ahead->most, 1U)];
}

static void make_room(guint8 **buffer, gsize *room, gsize wanted)
{
    if (wanted <= *room)
        return;
    gsize more = MAX(wanted, *room + *room / 2);
    *buffer = g_realloc(*buffer, more);
    *room = more;
}

static void slot_shrink(Slot *slot)
{
    if (slot->in_room > KEPT_BYTES) {
        g_clear_pointer(&slot->in, g_free);
        slot->in_room = 0;
    }
    if (slot->out_room > KEPT_BYTES) {
        g_clear_pointer(&slot->out, g_free);
        slot->out_room = 0;
    }
}

static gsize bytes_in_use(Ahead *ahead)
{
    gsize bytes = 0;
    for (guint i = 0; i < ahead->count; i++)
        bytes += slot_at(ahead, i)->in_room + slot_at(ahead, i)->out_room;
    return bytes;
}

/* May bytes up to TO be read without waiting, or is there nothing to do but to wait? */
static gboolean may_read_to(const Ahead *ahead, guint64 to)
{
    return ahead->count == 0 || unpack_source_has(ahead->spec->source, to);
}

static void begin_filling(Ahead *ahead)
{
    const ZipLocal *local = ahead->spec->local;
    const ZipEntry *entry = &local->entry;
    Slot *slot = slot_at(ahead, ahead->count);
    slot->note =
        (ZipNote){.header_offset = ahead->at, .method = entry->method, .flags = entry->flags};
    zip_note_set_names(&slot->note, entry);
    slot->note.size = entry->size;
    slot->note.crc = entry->crc;
    slot->data_offset = local->data_offset;
    slot->known = entry->compressed;
    slot->filled = slot->searched = 0;
    g_byte_array_set_size(slot->name, 0);
    g_byte_array_append(slot->name, entry->name, (guint)entry->name_length);
    ahead->filling = slot;
}

/* What has no bytes to be told of: folders, and methods that are left to the directory. */
static gboolean has_no_data_here(const ZipEntry *entry)
{
    return entry->is_folder || (entry->method != ZIP_STORED && entry->method != ZIP_DEFLATED);
}

/* A folder of unknown length: Java gives them descriptors, others nothing at all. */
static Scan pass_folder(Ahead *ahead, GError **error)
{
    static const ZipDecoded nothing = {0};
    const ZipLocal *local = ahead->spec->local;
    gssize length = zip_descriptor_length(ahead->spec->source, local->data_offset, &nothing, error);
    ahead->at = local->data_offset + (guint64)MAX(length, 0);
    return length < 0 ? SCAN_ERROR : SCAN_GOES_ON;
}

static Scan scan_header(Ahead *ahead, GError **error)
{
    const ZipAheadSpec *spec = ahead->spec;
    const ZipEntry *entry = &spec->local->entry;
    if (ahead->count == ahead->most || bytes_in_use(ahead) > MOST_BYTES ||
        !may_read_to(ahead, ahead->at + HEADER_MOST))
        return SCAN_LACKS;
    ZipLocalRead got = zip_local_read(spec->source, ahead->at, spec->local, error);
    if (got == ZIP_LOCAL_ERROR)
        return SCAN_ERROR;
    if (got == ZIP_LOCAL_NONE ||
        (entry->flags & (ZIP_FLAG_ENCRYPTED | ZIP_FLAG_STRONG | ZIP_FLAG_MASKED)) ||
        (spec->most_entries && zip_notes_count(ahead->read) + ahead->count >= spec->most_entries))
        return SCAN_THROUGH;
    const gboolean is_known = entry->compressed != G_MAXUINT64;
    if (has_no_data_here(entry) && is_known) {
        ahead->at = spec->local->data_offset + entry->compressed;
        return ahead->at > spec->local->data_offset - 1 ? SCAN_GOES_ON : SCAN_THROUGH;
    }
    if (entry->is_folder && entry->method == ZIP_STORED)
        return pass_folder(ahead, error);
    /* Stored without a length: where it ends would be a guess. */
    if (entry->method != ZIP_DEFLATED && !is_known)
        return SCAN_THROUGH;
    if (is_known && (entry->compressed > ZIP_WHOLE_BYTES || entry->size > ZIP_WHOLE_BYTES))
        return SCAN_ALONE;
    begin_filling(ahead);
    return SCAN_GOES_ON;
}

/* The member whose data are all there is handed to the pool. */
static Scan push_filled(Ahead *ahead, gsize compressed, guint64 end)
{
    Slot *slot = g_steal_pointer(&ahead->filling);
    const gboolean is_stored = slot->note.method == ZIP_STORED;
    slot->note.compressed = compressed;
    slot->note.end_offset = ahead->at = end;
    slot->task = (InflateTask){.in = slot->in, .in_length = compressed, .crc = slot->note.crc};
    if (is_stored && slot->note.size != compressed)
        slot->task.crc = ~slot->note.crc; /* nothing can be right */
    if (!is_stored) {
        make_room(&slot->out, &slot->out_room, MAX(slot->note.size, 1));
        slot->task.out = slot->out;
        slot->task.out_length = slot->note.size;
    }
    ahead->count++;
    inflate_pool_push(ahead->spec->pool, &slot->task);
    return SCAN_GOES_ON;
}

static guint32 get32(const guint8 *p)
{
    return (guint32)(p[0] | p[1] << 8 | p[2] << 16) | (guint32)p[3] << 24;
}

/* A descriptor that tells of the bytes in front of it, and is followed by another header. Nearly
 * always it is the one that ends the member: decoding it will tell. */
static gboolean find_descriptor(Slot *slot, gsize *compressed)
{
    static const guint8 signature[] = {'P', 'K', 7, 8};
    while (slot->filled >= slot->searched + DESCRIPTOR_BYTES + 2) {
        const guint8 *from = slot->in + slot->searched;
        gsize left = slot->filled - slot->searched - (DESCRIPTOR_BYTES + 2) + sizeof(signature);
        const guint8 *found = memmem(from, left, signature, sizeof(signature));
        if (!found) {
            slot->searched += left - sizeof(signature) + 1;
            return FALSE;
        }
        gsize place = (gsize)(found - slot->in);
        if (get32(found + 8) == place && memcmp(found + DESCRIPTOR_BYTES, "PK", 2) == 0) {
            *compressed = place;
            slot->note.crc = get32(found + 4);
            slot->note.size = get32(found + 12);
            return TRUE;
        }
        slot->searched = place + 1;
    }
    return FALSE;
}

/* More of the member's data, at least a byte. */
static Scan fill_more(Ahead *ahead, gsize most, GError **error)
{
    Slot *slot = ahead->filling;
    gsize length = MIN(most - slot->filled, PIECE_BYTES);
    if (!may_read_to(ahead, slot->data_offset + slot->filled + 1))
        return SCAN_LACKS;
    make_room(&slot->in, &slot->in_room, slot->filled + length);
    gssize n = unpack_source_read(ahead->spec->source, slot->data_offset + slot->filled,
                                  slot->in + slot->filled, length, error);
    if (n < 0)
        return SCAN_ERROR;
    slot->filled += (gsize)n;
    return n == 0 ? SCAN_ALONE : SCAN_GOES_ON;
}

static Scan scan_data(Ahead *ahead, GError **error)
{
    Slot *slot = ahead->filling;
    gsize compressed = 0;
    if (slot->known != G_MAXUINT64) {
        if (slot->filled == slot->known)
            return push_filled(ahead, slot->filled, slot->data_offset + slot->known);
        return fill_more(ahead, slot->known, error);
    }
    if (find_descriptor(slot, &compressed))
        return slot->note.size > ZIP_WHOLE_BYTES
                   ? SCAN_ALONE
                   : push_filled(ahead, compressed,
                                 slot->data_offset + compressed + DESCRIPTOR_BYTES);
    return slot->filled >= ZIP_WHOLE_BYTES ? SCAN_ALONE : fill_more(ahead, ZIP_WHOLE_BYTES, error);
}

static Scan scan(Ahead *ahead, GError **error)
{
    return ahead->filling ? scan_data(ahead, error) : scan_header(ahead, error);
}

static void tell_entry(Ahead *ahead, const void *name, gsize length)
{
    const UnpackMessage message = {.type = UNPACK_FILE,
                                   .provisional = TRUE,
                                   .size = G_MAXUINT64,
                                   .name = name,
                                   .name_length = length};
    unpack_write_entry(ahead->spec->writer, &message);
}

/* The member at AT, by the reader of single members. FALSE: no more can be read ahead, or with an
 * error. */
static gboolean read_alone(Ahead *ahead, GError **error)
{
    const ZipAheadSpec *spec = ahead->spec;
    const ZipEntry *entry = &spec->local->entry;
    ahead->filling = NULL;
    ZipLocalRead got = zip_local_read(spec->source, ahead->at, spec->local, error);
    if (got != ZIP_LOCAL_IS)
        return FALSE;
    ZipNote note = {.header_offset = ahead->at, .method = entry->method, .flags = entry->flags};
    zip_note_set_names(&note, entry);
    tell_entry(ahead, entry->name, entry->name_length);
    const ZipOutput output = {.writer = spec->writer};
    ZipDecoded decoded = {0};
    guint64 end = ahead->at;
    g_autoptr(GError) wrong = NULL;
    note.is_good = zip_member_read(spec->source, spec->local, &output, &decoded, &end, &wrong);
    unpack_write_number(spec->writer, UNPACK_MESSAGE_END, decoded.size);
    note.end_offset = note.is_good ? end : ahead->at;
    note.compressed = decoded.compressed;
    note.size = decoded.size;
    note.crc = decoded.crc;
    gboolean goes_on = note.is_good && end > ahead->at;
    ahead->at = end;
    return zip_notes_add(ahead->read, &note, error) && goes_on;
}

static void forget_all(Ahead *ahead)
{
    for (; ahead->count > 0; ahead->count--)
        inflate_pool_forget(ahead->spec->pool, &slot_at(ahead, ahead->count - 1)->task);
    ahead->filling = NULL;
}

/* The first of the decoded members goes out. What could not be decoded so was cut at a wrong place,
 * or is damaged: it is read again by itself. */
static gboolean tell_first(Ahead *ahead, GError **error)
{
    const ZipAheadSpec *spec = ahead->spec;
    Slot *slot = slot_at(ahead, 0);
    inflate_pool_wait(spec->pool, &slot->task);
    if (!slot->task.right) {
        ahead->at = slot->note.header_offset;
        forget_all(ahead);
        return read_alone(ahead, error);
    }
    tell_entry(ahead, slot->name->data, slot->name->len);
    unpack_write_data(spec->writer, slot->task.out ? slot->out : slot->in, slot->note.size);
    unpack_write_number(spec->writer, UNPACK_MESSAGE_END, slot->note.size);
    slot->note.is_good = TRUE;
    gboolean noted = zip_notes_add(ahead->read, &slot->note, error);
    slot_shrink(slot);
    ahead->first = (ahead->first + 1) % ahead->most;
    ahead->count--;
    return noted;
}

static gboolean tell_all(Ahead *ahead, GError **error)
{
    gboolean goes_on = TRUE;
    while (goes_on && ahead->count > 0)
        goes_on = tell_first(ahead, error);
    return goes_on;
}

/* FALSE: it is over, or failed. */
static gboolean step(Ahead *ahead, GError **error)
{
    const guint64 alone = ahead->at;
    switch (scan(ahead, error)) {
    case SCAN_GOES_ON:
        return TRUE;
    case SCAN_LACKS:
        return tell_first(ahead, error);
    case SCAN_ALONE:
        /* Unless one in front of it turned out to be cut wrongly. */
        return tell_all(ahead, error) && (ahead->at != alone || read_alone(ahead, error));
    case SCAN_THROUGH:
        tell_all(ahead, error);
        return FALSE;
    case SCAN_ERROR:
        break;
    }
    return FALSE;
}

gboolean zip_read_ahead(const ZipAheadSpec *spec, ZipNotes *read, GError **error)
{
    Ahead *ahead = g_new0(Ahead, 1);
    g_autoptr(GError) failed = NULL;
    ahead->spec = spec;
    ahead->read = read;
    ahead->most = MIN(2 * inflate_pool_threads(spec->pool) + 2, MOST_SLOTS);
    for (guint i = 0; i < ahead->most; i++)
        ahead->slots[i].name = g_byte_array_new();
    while (step(ahead, &failed))
        ;
    forget_all(ahead);
    for (guint i = 0; i < ahead->most; i++) {
        g_byte_array_unref(ahead->slots[i].name);
        g_free(ahead->slots[i].in);
        g_free(ahead->slots[i].out);
    }
    g_free(ahead);
    if (!failed)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}
