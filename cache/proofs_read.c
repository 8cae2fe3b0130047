#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proofs.h"
#include "proofs_private.h"

#define BLOCK (64 * 1024)
#define MOST_LINE (1024 * 1024) /* a longer one is none of ours */

/* A version while the lines are read from the newest to the oldest. */
typedef struct {
    ProofState state;
    gboolean is_settled; /* nothing older matters */
    /* A complete proof in slices, of which the last was seen and not yet the first. */
    gboolean in_slices;
    gint64 begun;
    guint64 wrong;
    /* Mended files of the proof that began then. */
    gint64 mended_begun;
    guint64 mended;
} Reading;

struct ProofStates {
    GHashTable *readings; /* "FOLDER\nVERSION" -> Reading */
    guint open;           /* not settled */
};

/* What a line says. */
typedef struct {
    const char *by, *fingerprint, *after, *upto;
    gint64 begun;
    guint64 files, bytes, wrong, mended;
} Line;

static void reading_free(gpointer data)
{
    Reading *reading = data;
    g_free(reading->state.upto);
    g_free(reading->state.fingerprint);
    g_free(reading);
}

static char *key_of(const char *folder, const char *version)
{
    return g_strdup_printf("%s\n%s", folder, version);
}

static gint64 seconds_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    g_autoptr(GDateTime) time = text ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    return time ? g_date_time_to_unix(time) : 0;
}

static guint64 number_of(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number > 0 ? (guint64)number : 0;
}

static void settle(ProofStates *states, Reading *reading, gint64 proven)
{
    reading->state.proven = proven;
    reading->is_settled = TRUE;
    states->open--;
}

/* All slices of a complete proof were seen (or the older ones are lost). */
static void close_slices(ProofStates *states, Reading *reading)
{
    guint64 mended = reading->mended_begun == reading->begun ? reading->mended : 0;
    reading->in_slices = FALSE;
    if (!reading->state.read) {
        reading->state.read = reading->begun;
    }
    if (reading->wrong <= mended) {
        settle(states, reading, reading->begun);
    }
}

static void take_slice(ProofStates *states, Reading *reading, const Line *line)
{
    ProofState *state = &reading->state;
    if (reading->in_slices && line->begun == reading->begun) {
        reading->wrong += line->wrong;
        if (!line->after) {
            close_slices(states, reading);
        }
    } else if (!state->read && !reading->in_slices && !state->upto) {
        state->upto = g_strdup(line->upto);
        state->fingerprint = g_strdup(line->fingerprint);
        state->begun = line->begun;
        state->files = line->files;
        state->bytes = line->bytes;
    } else if (!state->read && !reading->in_slices && line->begun == state->begun) {
        state->files += line->files;
        state->bytes += line->bytes;
    }
}

static void take_complete(ProofStates *states, Reading *reading, const Line *line)
{
    if (reading->in_slices) {
        close_slices(states, reading);
    }
    if (reading->is_settled) {
        return;
    }
    if (line->after) {
        reading->in_slices = TRUE;
        reading->begun = line->begun;
        reading->wrong = line->wrong;
        return;
    }
    if (!reading->state.read) {
        reading->state.read = line->begun;
    }
    if (!line->wrong) {
        settle(states, reading, line->begun);
    }
}

static void take_line(ProofStates *states, Reading *reading, const Line *line)
{
    if (g_strcmp0(line->by, "repair") == 0) {
        reading->mended = line->begun == reading->mended_begun ? reading->mended : 0;
        reading->mended += line->mended;
        reading->mended_begun = line->begun;
    } else if (line->upto) {
        take_slice(states, reading, line);
    } else {
        take_complete(states, reading, line);
    }
}

static gboolean on_line(const char *text, gsize length, ProofStates *states)
{
    json_t *object = json_loadb(text, length, 0, NULL);
    const char *folder = json_string_value(json_object_get(object, "folder"));
    const char *version = json_string_value(json_object_get(object, "version"));
    g_autofree char *key = folder && version ? key_of(folder, version) : NULL;
    Reading *reading = key ? g_hash_table_lookup(states->readings, key) : NULL;
    if (reading && !reading->is_settled && !json_is_true(json_object_get(object, "quick"))) {
        gint64 begun = seconds_of(object, "begun");
        Line line = {.by = json_string_value(json_object_get(object, "by")),
                     .fingerprint = json_string_value(json_object_get(object, "fingerprint")),
                     .after = json_string_value(json_object_get(object, "after")),
                     .upto = json_string_value(json_object_get(object, "upto")),
                     .begun = begun ? begun : seconds_of(object, "when"),
                     .files = number_of(object, "files"),
                     .bytes = number_of(object, "bytes"),
                     .wrong = number_of(object, "damaged") + number_of(object, "missing"),
                     .mended = number_of(object, "mended")};
        take_line(states, reading, &line);
    }
    json_decref(object);
    return states->open > 0;
}

/* LINE, which begins in a block, with what follows it in the blocks behind. */
static gboolean end_line(GString *tail, const char *start, gsize length, ProofStates *states)
{
    g_string_prepend_len(tail, start, (gssize)length);
    gboolean more =
        tail->len == 0 || tail->len > MOST_LINE || on_line(tail->str, tail->len, states);
    g_string_truncate(tail, 0);
    return more;
}

static void read_backwards(int fd, guint64 end, ProofStates *states)
{
    g_autofree char *block = g_malloc(BLOCK);
    g_autoptr(GString) tail = g_string_new(NULL);
    while (end > 0) {
        gsize take = (gsize)MIN(end, BLOCK);
        end -= take;
        if (TEMP_FAILURE_RETRY(pread(fd, block, take, (off_t)end)) != (gssize)take) {
            return;
        }
        gsize stop = take;
        for (gsize at = take; at > 0; at--) {
            if (block[at - 1] != '\n') {
                continue;
            }
            if (!end_line(tail, block + at, stop - at, states)) {
                return;
            }
            stop = at - 1;
        }
        if (tail->len <= MOST_LINE) {
            g_string_prepend_len(tail, block, (gssize)stop);
        }
    }
    end_line(tail, "", 0, states);
}

ProofStates *proofs_read(Mirror *mirror, const GPtrArray *headers)
{
    ProofStates *states = g_new0(ProofStates, 1);
    states->readings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, reading_free);
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        g_hash_table_insert(states->readings, key_of(header->folder, header->version),
                            g_new0(Reading, 1));
    }
    states->open = g_hash_table_size(states->readings);
    int fd = mirror_private_fd(mirror) >= 0
                 ? openat(mirror_private_fd(mirror), PROOFS_FILE, O_RDONLY | O_CLOEXEC)
                 : -1;
    struct stat now;
    if (fd >= 0 && states->open > 0 && fstat(fd, &now) == 0 && S_ISREG(now.st_mode)) {
        read_backwards(fd, (guint64)now.st_size, states);
    }
    if (fd >= 0) {
        close(fd);
    }
    GHashTableIter iter;
    gpointer reading;
    g_hash_table_iter_init(&iter, states->readings);
    while (g_hash_table_iter_next(&iter, NULL, &reading)) {
        if (((Reading *)reading)->in_slices) {
            close_slices(states, reading);
        }
    }
    return states;
}

const ProofState *proof_states_get(const ProofStates *states, const char *folder,
                                   const char *version)
{
    static const ProofState nothing;
    g_autofree char *key = key_of(folder, version);
    const Reading *reading = g_hash_table_lookup(states->readings, key);
    return reading ? &reading->state : &nothing;
}

void proof_states_free(ProofStates *states)
{
    if (states) {
        g_hash_table_unref(states->readings);
        g_free(states);
    }
}
