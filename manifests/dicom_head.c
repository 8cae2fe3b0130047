#include "dicom_head.h"

#include "error.h"
#include "i18n.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum {
    PREAMBLE_BYTES = 128,
    MOST_NESTING = 32,
    TAG_BYTES = 8, /* of a tag and a length without a VR */
    FIRST_READ = 8 * 1024,
};
#define LENGTH_UNDEFINED 0xFFFFFFFFu
#define TAG(group, element) ((guint32)(group) << 16 | (element))

enum {
    TAG_META_SOP_INSTANCE = TAG(0x0002, 0x0003),
    TAG_TRANSFER_SYNTAX = TAG(0x0002, 0x0010),
    TAG_SOP_CLASS = TAG(0x0008, 0x0016),
    TAG_SOP_INSTANCE = TAG(0x0008, 0x0018),
    TAG_MODALITY = TAG(0x0008, 0x0060),
    TAG_PATIENT_ID = TAG(0x0010, 0x0020),
    TAG_STUDY = TAG(0x0020, 0x000D),
    TAG_SERIES = TAG(0x0020, 0x000E),
    TAG_STUDY_ID = TAG(0x0020, 0x0010),
};
#define TAG_ITEM TAG(0xFFFEu, 0xE000)
#define TAG_ITEM_END TAG(0xFFFEu, 0xE00D)
#define TAG_SEQUENCE_END TAG(0xFFFEu, 0xE0DD)

typedef enum {
    WALK_OK,
    WALK_SHORT, /* the bytes end here */
    WALK_WRONG,
} Walk;

/* A run of data elements in one encoding. */
typedef struct {
    const guint8 *bytes;
    gsize length, at;
    gboolean is_big, is_implicit;
    const char *wrong; /* of WALK_WRONG */
} Elements;

typedef struct {
    guint32 tag;
    guint32 length;
    gboolean is_implicit_within; /* how a value of undefined length is encoded */
} Element;

static guint16 get16(const Elements *elements, gsize at)
{
    const guint8 *p = elements->bytes + at;
    return elements->is_big ? (guint16)(p[0] << 8 | p[1]) : (guint16)(p[1] << 8 | p[0]);
}

static guint32 get32(const Elements *elements, gsize at)
{
    guint32 first = get16(elements, at), second = get16(elements, at + 2);
    return elements->is_big ? first << 16 | second : second << 16 | first;
}

static gboolean has(const Elements *elements, guint64 bytes)
{
    return elements->length - elements->at >= bytes;
}

static gboolean is_vr(const guint8 *p)
{
    return g_ascii_isupper(p[0]) && g_ascii_isupper(p[1]);
}

/* Those with a length of 16 bits (PS3.5, 7.1.2); all others, future ones too, have two bytes in
 * reserve and 32 bits. */
static gboolean is_short_vr(const guint8 *vr)
{
    static const char known[][3] = {"AE", "AS", "AT", "CS", "DA", "DS", "DT",
                                    "FL", "FD", "IS", "LO", "LT", "PN", "SH",
                                    "SL", "SS", "ST", "TM", "UI", "UL", "US"};
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (memcmp(vr, known[i], 2) == 0)
            return TRUE;
    }
    return FALSE;
}

/* Tag and length of the element at the cursor, which comes to stand on its value. */
static Walk read_element(Elements *elements, Element *element)
{
    const gsize at = elements->at;
    if (!has(elements, TAG_BYTES))
        return WALK_SHORT;
    element->tag = TAG(get16(elements, at), get16(elements, at + 2));
    element->is_implicit_within = elements->is_implicit;
    const guint8 *vr = elements->bytes + at + 4;
    /* Items have no VR; and some writers change to implicit within a sequence. */
    if (elements->is_implicit || element->tag >> 16 == 0xFFFE || !is_vr(vr)) {
        element->length = get32(elements, at + 4);
        element->is_implicit_within = element->is_implicit_within || element->tag >> 16 != 0xFFFE;
        elements->at += TAG_BYTES;
        return WALK_OK;
    }
    if (is_short_vr(vr)) {
        element->length = get16(elements, at + 6);
        elements->at += TAG_BYTES;
        return WALK_OK;
    }
    if (!has(elements, TAG_BYTES + 4))
        return WALK_SHORT;
    element->length = get32(elements, at + 8);
    /* PS3.5, 6.2.2: what is unknown is implicit within. */
    element->is_implicit_within = memcmp(vr, "UN", 2) == 0;
    elements->at += TAG_BYTES + 4;
    return WALK_OK;
}

static Walk walk_wrong(Elements *elements, const char *why)
{
    elements->wrong = why;
    return WALK_WRONG;
}

static Walk skip_bytes(Elements *elements, guint32 length)
{
    if (!has(elements, length))
        return WALK_SHORT;
    elements->at += length;
    return WALK_OK;
}

static Walk skip_value(Elements *elements, const Element *element, guint depth);

/* The elements of an item of undefined length, and its end. */
static Walk skip_item(Elements *elements, guint depth)
{
    for (;;) {
        Element inner;
        Walk walk = read_element(elements, &inner);
        if (walk != WALK_OK || inner.tag == TAG_ITEM_END)
            return walk;
        if (inner.tag == TAG_ITEM || inner.tag == TAG_SEQUENCE_END)
            return walk_wrong(elements, _("a sequence in it is damaged"));
        walk = skip_value(elements, &inner, depth);
        if (walk != WALK_OK)
            return walk;
    }
}

/* The items of a value of undefined length, and its end. */
static Walk skip_items(Elements *elements, guint depth)
{
    for (;;) {
        Element item;
        Walk walk = read_element(elements, &item);
        if (walk != WALK_OK || item.tag == TAG_SEQUENCE_END)
            return walk;
        if (item.tag != TAG_ITEM)
            return walk_wrong(elements, _("a sequence in it is damaged"));
        walk = item.length == LENGTH_UNDEFINED ? skip_item(elements, depth)
                                               : skip_bytes(elements, item.length);
        if (walk != WALK_OK)
            return walk;
    }
}

static Walk skip_value(Elements *elements, const Element *element, guint depth)
{
    if (element->length != LENGTH_UNDEFINED)
        return skip_bytes(elements, element->length);
    if (depth >= MOST_NESTING)
        return walk_wrong(elements, _("sequences in it lie within sequences too many times"));
    const gboolean outside = elements->is_implicit;
    elements->is_implicit = element->is_implicit_within;
    Walk walk = skip_items(elements, depth + 1);
    elements->is_implicit = outside;
    return walk;
}

/* VALUE without blanks and NULs around it. */
static void copy_trimmed(const guint8 *value, gsize length, char *text, gsize most)
{
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\0'))
        length--;
    while (length > 0 && *value == ' ') {
        value++;
        length--;
    }
    const guint8 *nul = length > 0 ? memchr(value, '\0', length) : NULL;
    if (nul)
        length = (gsize)(nul - value);
    length = MIN(length, most);
    if (length > 0)
        memcpy(text, value, length);
    text[length] = '\0';
}

/* An over-long one is no UID. */
static gboolean copy_uid(const guint8 *value, gsize length, char uid[DICOM_UID_BYTES + 1])
{
    char text[DICOM_UID_BYTES + 2];
    copy_trimmed(value, length, text, DICOM_UID_BYTES + 1);
    if (*text && !dicom_uid_is_valid(text))
        return FALSE;
    g_strlcpy(uid, text, DICOM_UID_BYTES + 1);
    return TRUE;
}

gboolean dicom_uid_is_valid(const char *uid)
{
    gboolean in_number = FALSE;
    const char *p = uid;
    for (; *p; p++) {
        if (!g_ascii_isdigit(*p) && (*p != '.' || !in_number))
            return FALSE;
        in_number = *p != '.';
    }
    return in_number && p - uid <= DICOM_UID_BYTES;
}

/* What is wanted of ELEMENT; the cursor stands on its value. */
static Walk keep_value(Elements *elements, const Element *element, DicomHead *head)
{
    char *uid = NULL, *text = NULL;
    switch (element->tag) {
    case TAG_META_SOP_INSTANCE:
        uid = head->media_sop_instance;
        break;
    case TAG_TRANSFER_SYNTAX:
        uid = head->transfer_syntax;
        break;
    case TAG_SOP_CLASS:
        uid = head->sop_class;
        break;
    case TAG_SOP_INSTANCE:
        uid = head->sop_instance;
        break;
    case TAG_STUDY:
        uid = head->study_instance;
        break;
    case TAG_SERIES:
        uid = head->series_instance;
        break;
    case TAG_MODALITY:
        text = head->modality;
        break;
    case TAG_PATIENT_ID:
        text = head->patient_id;
        break;
    case TAG_STUDY_ID:
        text = head->study_id;
        break;
    default:
        return WALK_OK;
    }
    if (element->length == LENGTH_UNDEFINED)
        return walk_wrong(elements, _("an identifier in it has no length"));
    if (!has(elements, element->length))
        return WALK_SHORT;
    const guint8 *value = elements->bytes + elements->at;
    if (text)
        copy_trimmed(value, element->length, text, DICOM_TEXT_BYTES);
    else if (!copy_uid(value, element->length, uid))
        /* Only that which names the image, or says how to read it, must be a UID. */
        *uid = '\0';
    return WALK_OK;
}

/* Group 0002, which is explicit little endian always; its own length is not believed. */
static Walk walk_meta(Elements *meta, DicomHead *head)
{
    for (;;) {
        if (!has(meta, 2))
            return WALK_SHORT;
        if (get16(meta, meta->at) != 0x0002)
            return WALK_OK;
        Element element;
        Walk walk = read_element(meta, &element);
        if (walk == WALK_OK)
            walk = keep_value(meta, &element, head);
        if (walk == WALK_OK)
            walk = skip_value(meta, &element, 0);
        if (walk != WALK_OK)
            return walk;
    }
}

static gboolean is_named(const DicomHead *head)
{
    return *head->series_instance && *head->sop_instance;
}

/* The data set to the study's ID, or to where it would stand. Elements stand in order; what is
 * wrong behind the UIDs makes them no worse. */
static Walk walk_data_set(Elements *elements, gboolean ends_here, DicomHead *head)
{
    for (;;) {
        if (ends_here && !has(elements, 1))
            return WALK_OK;
        Element element;
        Walk walk = read_element(elements, &element);
        if (walk == WALK_OK && element.tag > TAG_STUDY_ID)
            return WALK_OK;
        if (walk == WALK_OK)
            walk = keep_value(elements, &element, head);
        if (walk == WALK_OK)
            walk = skip_value(elements, &element, 0);
        if (walk == WALK_WRONG && is_named(head))
            return WALK_OK;
        if (walk != WALK_OK || (element.tag == TAG_STUDY_ID && is_named(head)))
            return walk;
    }
}

/* Some writers say one thing and do another: the first element shows how it is encoded. */
static void look_at_encoding(Elements *elements)
{
    if (has(elements, TAG_BYTES))
        elements->is_implicit = !is_vr(elements->bytes + elements->at + 4);
}

static gboolean is_deflated(const char *transfer_syntax)
{
    static const char *const known[] = {
        "1.2.840.10008.1.2.1.99",  /* deflated explicit */
        "1.2.840.10008.1.2.4.95",  /* JPIP referenced, deflated */
        "1.2.840.10008.1.2.4.205", /* JPIP HTJ2K referenced, deflated */
    };
    for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(transfer_syntax, known[i]) == 0)
            return TRUE;
    }
    return FALSE;
}

/* The beginning of a deflated data set (PS3.5, A.5: without zlib's header), at most as much as a
 * head may take. *ENDED: it is all. */
static Walk inflate_head(Elements *deflated, GByteArray *plain, gboolean *ended)
{
    z_stream stream = {.next_in = (Bytef *)deflated->bytes + deflated->at,
                       .avail_in =
                           (uInt)MIN(deflated->length - deflated->at, DICOM_HEAD_MOST_BYTES)};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return walk_wrong(deflated, _("there is no memory to inflate it"));
    int code = Z_OK;
    while (code == Z_OK && plain->len < DICOM_HEAD_MOST_BYTES) {
        const guint before = plain->len;
        g_byte_array_set_size(plain, MIN(before + FIRST_READ, DICOM_HEAD_MOST_BYTES));
        stream.next_out = plain->data + before;
        stream.avail_out = plain->len - before;
        code = inflate(&stream, Z_SYNC_FLUSH);
        g_byte_array_set_size(plain, plain->len - stream.avail_out);
    }
    inflateEnd(&stream);
    *ended = code == Z_STREAM_END;
    if (code == Z_DATA_ERROR || code == Z_NEED_DICT || code == Z_MEM_ERROR)
        return walk_wrong(deflated, _("its deflated data set is damaged"));
    return WALK_OK;
}

static Walk walk_deflated(Elements *deflated, DicomHead *head)
{
    g_autoptr(GByteArray) plain = g_byte_array_new();
    gboolean ended = FALSE;
    Walk walk = inflate_head(deflated, plain, &ended);
    Elements elements = {.bytes = plain->data, .length = plain->len};
    look_at_encoding(&elements);
    if (walk == WALK_OK)
        walk = walk_data_set(&elements, ended, head);
    if (walk == WALK_WRONG && elements.wrong)
        deflated->wrong = elements.wrong;
    if (walk == WALK_SHORT && (ended || plain->len >= DICOM_HEAD_MOST_BYTES) && is_named(head))
        walk = WALK_OK;
    else if (walk == WALK_SHORT && (ended || plain->len >= DICOM_HEAD_MOST_BYTES))
        walk = walk_wrong(deflated, ended ? _("its data set is cut short")
                                          : _("nothing in its beginning says which image it is"));
    return walk;
}

/* An element of group 0008 with a VR or a length that one would have. */
static gboolean begins_plausibly(const guint8 *bytes, gboolean is_big)
{
    Elements elements = {.bytes = bytes, .length = TAG_BYTES, .is_big = is_big};
    const guint16 group = get16(&elements, 0), element = get16(&elements, 2);
    if ((group != 0x0008 && (group != 0x0002 || is_big)) || element > 0x0100)
        return FALSE;
    if (is_vr(bytes + 4))
        return is_short_vr(bytes + 4) && get16(&elements, 6) <= 1024;
    return !is_big && group == 0x0008 && get32(&elements, 4) <= 1024;
}

/* Where the file's elements begin; FALSE: it is no DICOM, or (*NEED_MORE) too little of it is here.
 */
static gboolean find_beginning(Elements *elements, DicomHead *head, gboolean *need_more)
{
    *need_more = FALSE;
    if (elements->length >= PREAMBLE_BYTES + 4 &&
        memcmp(elements->bytes + PREAMBLE_BYTES, "DICM", 4) == 0) {
        head->has_preamble = TRUE;
        elements->at = PREAMBLE_BYTES + 4;
        return TRUE;
    }
    if (elements->length < PREAMBLE_BYTES + 4)
        *need_more = TRUE;
    if (elements->length < TAG_BYTES)
        return FALSE;
    elements->is_big = begins_plausibly(elements->bytes, TRUE);
    return elements->is_big || begins_plausibly(elements->bytes, FALSE);
}

static Walk walk_file(Elements *elements, gboolean is_whole, DicomHead *head)
{
    static const char big_endian[] = "1.2.840.10008.1.2.2";
    if (!elements->is_big) {
        Walk walk = walk_meta(elements, head);
        if (walk != WALK_OK)
            return walk;
        if (is_deflated(head->transfer_syntax))
            return walk_deflated(elements, head);
        elements->is_big = strcmp(head->transfer_syntax, big_endian) == 0;
    }
    look_at_encoding(elements);
    return walk_data_set(elements, is_whole, head);
}

static DicomHeadResult damaged(const char *why, const char **reason)
{
    *reason = why;
    return DICOM_HEAD_DAMAGED;
}

static DicomHeadResult check_head(DicomHead *head, const char **reason)
{
    if (*head->sop_instance == '\0')
        return damaged(_("it names no valid SOPInstanceUID"), reason);
    if (*head->series_instance == '\0')
        return damaged(_("it names no valid SeriesInstanceUID"), reason);
    head->names_differ =
        *head->media_sop_instance && strcmp(head->media_sop_instance, head->sop_instance) != 0;
    return DICOM_HEAD_DONE;
}

DicomHeadResult dicom_head_parse(const guint8 *bytes, gsize length, gboolean is_whole,
                                 DicomHead *head, const char **reason)
{
    const char *why = NULL;
    const char **told = reason ? reason : &why;
    const gboolean is_all = is_whole || length >= DICOM_HEAD_MOST_BYTES;
    Elements elements = {.bytes = bytes, .length = MIN(length, DICOM_HEAD_MOST_BYTES)};
    DicomHead found = {0};
    gboolean need_more = FALSE;
    *told = NULL;
    if (!find_beginning(&elements, &found, &need_more)) {
        if (need_more && !is_all)
            return DICOM_HEAD_NEED_MORE;
        *told = _("it is no DICOM file");
        return DICOM_HEAD_NOT_DICOM;
    }
    if (need_more && !is_all)
        return DICOM_HEAD_NEED_MORE;
    DicomHeadResult result = DICOM_HEAD_NEED_MORE;
    switch (walk_file(&elements, is_whole && length <= DICOM_HEAD_MOST_BYTES, &found)) {
    case WALK_OK:
        result = check_head(&found, told);
        break;
    case WALK_SHORT:
        if (is_all && is_named(&found))
            result = check_head(&found, told);
        else if (is_all)
            result = damaged(is_whole ? _("it is cut short")
                                      : _("nothing in its beginning says which image it is"),
                             told);
        break;
    case WALK_WRONG:
        result = damaged(elements.wrong, told);
        break;
    }
    if (result == DICOM_HEAD_DONE)
        *head = found;
    return result;
}

gboolean dicom_head_read(int fd, DicomHeadResult *result, DicomHead *head, const char **reason,
                         GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    gsize wanted = FIRST_READ;
    *result = DICOM_HEAD_NEED_MORE;
    while (*result == DICOM_HEAD_NEED_MORE) {
        const guint before = bytes->len;
        g_byte_array_set_size(bytes, (guint)wanted);
        gssize n =
            TEMP_FAILURE_RETRY(pread(fd, bytes->data + before, wanted - before, (goffset)before));
        if (n < 0)
            return error_set_storage(error, errno, _("a file cannot be read"));
        g_byte_array_set_size(bytes, before + (guint)n);
        *result = dicom_head_parse(bytes->data, bytes->len, n == 0, head, reason);
        if (bytes->len == wanted)
            wanted = MIN(2 * wanted, DICOM_HEAD_MOST_BYTES);
    }
    return TRUE;
}
