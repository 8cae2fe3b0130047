#include "extents.h"

struct Extents {
    GArray *pieces; /* ExtentPiece */
    guint64 bytes;
    guint64 contiguous;
};

static ExtentPiece *piece_at(const Extents *extents, gsize index)
{
    return &g_array_index(extents->pieces, ExtentPiece, index);
}

Extents *extents_new(void)
{
    Extents *extents = g_new0(Extents, 1);

    extents->pieces = g_array_new(FALSE, FALSE, sizeof(ExtentPiece));
    return extents;
}

Extents *extents_copy(const Extents *extents)
{
    Extents *copy = g_new0(Extents, 1);

    *copy = *extents;
    copy->pieces = g_array_copy(extents->pieces);
    return copy;
}

void extents_free(Extents *extents)
{
    if (!extents)
        return;
    g_array_unref(extents->pieces);
    g_free(extents);
}

/* Index of the first piece that ends at OFFSET or behind it. */
static gsize find_from(const Extents *extents, guint64 offset)
{
    gsize low = 0;
    gsize high = extents->pieces->len;

    while (low < high) {
        gsize middle = low + (high - low) / 2;
        if (piece_at(extents, middle)->to >= offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void update_contiguous(Extents *extents)
{
    gsize index = find_from(extents, extents->contiguous);

    for (; index < extents->pieces->len; index++) {
        const ExtentPiece *piece = piece_at(extents, index);
        if (piece->from > extents->contiguous)
            break;
        extents->contiguous = MAX(extents->contiguous, piece->to);
    }
}

static gboolean can_join(const ExtentPiece *left, const ExtentPiece *right)
{
    return left->to == right->from && left->source == right->source;
}

/* What FROM to TO overlaps of the pieces FIRST up to END is taken out; what sticks out on either
 * side stays. Returns where a piece for that room has to go. */
static gsize cut_out(Extents *extents, gsize first, gsize end, guint64 from, guint64 to)
{
    ExtentPiece left = *piece_at(extents, first);
    ExtentPiece right = *piece_at(extents, end - 1);

    for (gsize i = first; i < end; i++)
        extents->bytes -= piece_at(extents, i)->to - piece_at(extents, i)->from;
    g_array_remove_range(extents->pieces, (guint)first, (guint)(end - first));
    if (right.to > to) {
        right.from = to;
        extents->bytes += right.to - right.from;
        g_array_insert_val(extents->pieces, (guint)first, right);
    }
    if (left.from < from) {
        left.to = from;
        extents->bytes += left.to - left.from;
        g_array_insert_val(extents->pieces, (guint)first, left);
        first++;
    }
    return first;
}

void extents_add(Extents *extents, guint64 from, guint64 to, guint source)
{
    if (from >= to)
        return;
    gsize first = find_from(extents, from + 1); /* the first that reaches beyond FROM */
    gsize end = first;
    while (end < extents->pieces->len && piece_at(extents, end)->from < to)
        end++;
    if (end > first)
        first = cut_out(extents, first, end, from, to);

    ExtentPiece piece = {from, to, source};
    extents->bytes += to - from;
    gboolean joins_left = first > 0 && can_join(piece_at(extents, first - 1), &piece);
    gboolean joins_right =
        first < extents->pieces->len && can_join(&piece, piece_at(extents, first));
    if (joins_left && joins_right) {
        piece_at(extents, first - 1)->to = piece_at(extents, first)->to;
        g_array_remove_index(extents->pieces, (guint)first);
    } else if (joins_left) {
        piece_at(extents, first - 1)->to = to;
    } else if (joins_right) {
        piece_at(extents, first)->from = from;
    } else {
        g_array_insert_val(extents->pieces, (guint)first, piece);
    }
    if (from <= extents->contiguous)
        update_contiguous(extents);
}

void extents_add_all(Extents *extents, const Extents *other)
{
    for (gsize i = 0; i < other->pieces->len; i++) {
        const ExtentPiece *piece = piece_at(other, i);
        extents_add(extents, piece->from, piece->to, piece->source);
    }
}

void extents_clip(Extents *extents, guint64 to)
{
    while (extents->pieces->len > 0) {
        gsize last = extents->pieces->len - 1;
        ExtentPiece *piece = piece_at(extents, last);
        if (piece->to <= to)
            break;
        guint64 keep = MAX(piece->from, to);
        extents->bytes -= piece->to - keep;
        piece->to = keep;
        if (piece->from == piece->to)
            g_array_set_size(extents->pieces, (guint)last);
    }
    extents->contiguous = MIN(extents->contiguous, to);
}

void extents_clear(Extents *extents)
{
    extents_clip(extents, 0);
}

guint64 extents_bytes(const Extents *extents)
{
    return extents->bytes;
}

guint64 extents_contiguous(const Extents *extents)
{
    return extents->contiguous;
}

gboolean extents_cover(const Extents *extents, guint64 total)
{
    return extents->contiguous >= total;
}

gboolean extents_all_of(const Extents *extents, guint source)
{
    for (gsize i = 0; i < extents->pieces->len; i++) {
        if (piece_at(extents, i)->source != source)
            return FALSE;
    }
    return TRUE;
}

gsize extents_count(const Extents *extents)
{
    return extents->pieces->len;
}

ExtentPiece extents_get(const Extents *extents, gsize index)
{
    return *piece_at(extents, index);
}

GArray *extents_to_array(const Extents *extents)
{
    GArray *array = g_array_new(FALSE, FALSE, sizeof(Extent));

    for (gsize i = 0; i < extents->pieces->len; i++) {
        const ExtentPiece *piece = piece_at(extents, i);
        if (array->len > 0 && g_array_index(array, Extent, array->len - 1).to == piece->from) {
            g_array_index(array, Extent, array->len - 1).to = piece->to;
        } else {
            Extent extent = {piece->from, piece->to};
            g_array_append_val(array, extent);
        }
    }
    return array;
}
