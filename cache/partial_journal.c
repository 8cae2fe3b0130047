#include "partial_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_FORMAT 1
/* Beyond this it is written anew at the next sync. */
#define JOURNAL_LONG (64 * 1024)
/* No journal of ours comes near it. */
#define JOURNAL_MOST_BYTES (256 * 1024 * 1024)

struct PartialJournal {
    int folder_fd;
    char *file_name;
    char *new_name;
    char *name; /* of the partial file, for people */
    mode_t mode;
    int fd;
    int next_fd; /* prepared, or the old one until it is published; -1 */
    guint64 bytes;
    gboolean torn; /* the last line did not get all its bytes */
};

PartialSource *partial_source_new(const char *address, const Validators *validators)
{
    PartialSource *source = g_new0(PartialSource, 1);

    source->address = g_utf8_make_valid(address ? address : "", -1);
    source->validators =
        validators ? validators_copy(validators) : validators_new(NULL, NULL, SIZE_UNKNOWN);
    return source;
}

static void source_free(gpointer data)
{
    PartialSource *source = data;

    g_free(source->address);
    validators_free(source->validators);
    g_free(source);
}

PartialState *partial_state_new(const char *name)
{
    PartialState *state = g_new0(PartialState, 1);

    state->name = g_strdup(name);
    state->total = SIZE_UNKNOWN;
    state->sources = g_ptr_array_new_with_free_func(source_free);
    state->held = extents_new();
    return state;
}

void partial_state_reset(PartialState *state)
{
    state->total = SIZE_UNKNOWN;
    g_ptr_array_set_size(state->sources, 0);
    extents_clear(state->held);
}

void partial_state_free(PartialState *state)
{
    if (!state)
        return;
    g_free(state->name);
    g_ptr_array_unref(state->sources);
    extents_free(state->held);
    g_free(state);
}

/* The kernel's name for this boot; where it cannot be read, one that no other run has. */
static const char *boot_id(void)
{
    static char id[64];
    static gsize once;

    if (g_once_init_enter(&once)) {
        g_autofree char *text = NULL;
        if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
            text = g_uuid_string_random();
        g_strlcpy(id, g_strstrip(text), sizeof id);
        g_once_init_leave(&once, 1);
    }
    return id;
}

static char *journal_name(const char *key)
{
    return g_strconcat(key, ".journal", NULL);
}

static char *next_name(const char *key)
{
    return g_strconcat(key, ".journal.new", NULL);
}

int partial_journal_remove(int folder_fd, const char *key)
{
    g_autofree char *next = next_name(key);
    g_autofree char *name = journal_name(key);

    if (unlinkat(folder_fd, next, 0) < 0 && errno != ENOENT)
        return errno;
    return unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT ? errno : 0;
}

typedef struct {
    PartialState *state;
    Extents *durable;
    gboolean same_boot;
    gboolean begun;
    gboolean unknown_form;
} Replay;

static guint64 json_to_size(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0
               ? (guint64)json_integer_value(value)
               : SIZE_UNKNOWN;
}

static gboolean piece_from_json(const PartialState *state, const json_t *value, ExtentPiece *piece)
{
    guint64 from = json_to_size(json_array_get(value, 0));
    guint64 to = json_to_size(json_array_get(value, 1));
    guint64 source = json_to_size(json_array_get(value, 2));

    if (json_array_size(value) != 3 || from == SIZE_UNKNOWN || to == SIZE_UNKNOWN || from >= to ||
        to > state->total || source >= state->sources->len)
        return FALSE;
    *piece = (ExtentPiece){from, to, (guint)source};
    return TRUE;
}

static void replay_begin(Replay *replay, const json_t *begin)
{
    partial_state_reset(replay->state);
    extents_clear(replay->durable);
    replay->begun = TRUE;
    replay->state->total = json_to_size(json_object_get(begin, "total"));
}

/* {"crc32c":HEX,"md5":HEX} */
static void sent_from_json(const json_t *value, DigestSet *sent)
{
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const char *name = digest_algorithm_name((DigestAlgorithm)i);
        const char *hex = json_string_value(json_object_get(value, name));
        Digest digest;
        if (hex && digest_parse_hex((DigestAlgorithm)i, hex, &digest))
            digest_set_add(sent, &digest);
    }
}

static json_t *sent_to_json(const DigestSet *sent)
{
    json_t *value = json_object();

    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(sent, (DigestAlgorithm)i);
        g_autofree char *hex = digest ? digest_to_hex(digest) : NULL;
        if (hex)
            json_object_set_new(value, digest_algorithm_name((DigestAlgorithm)i), json_string(hex));
    }
    return value;
}

static void replay_source(Replay *replay, const json_t *value)
{
    g_autoptr(Validators) validators =
        validators_new(json_string_value(json_object_get(value, "etag")),
                       json_string_value(json_object_get(value, "last-modified")),
                       json_to_size(json_object_get(value, "total")));

    DigestSet sent = {0};
    sent_from_json(json_object_get(value, "sent"), &sent);
    validators_set_sent(validators, &sent);
    g_ptr_array_add(
        replay->state->sources,
        partial_source_new(json_string_value(json_object_get(value, "address")), validators));
}

static void replay_durable(Replay *replay, const json_t *pieces)
{
    g_autoptr(Extents) durable = extents_new();
    size_t index;
    const json_t *value;
    ExtentPiece piece;

    json_array_foreach(pieces, index, value)
    {
        if (!piece_from_json(replay->state, value, &piece))
            return;
        extents_add(durable, piece.from, piece.to, piece.source);
    }
    extents_free(replay->durable);
    replay->durable = g_steal_pointer(&durable);
}

static void replay_line(Replay *replay, const json_t *line)
{
    const json_t *value = NULL;
    ExtentPiece piece;

    if ((value = json_object_get(line, "held"))) {
        if (replay->same_boot && piece_from_json(replay->state, value, &piece))
            extents_add(replay->state->held, piece.from, piece.to, piece.source);
    } else if ((value = json_object_get(line, "durable"))) {
        replay_durable(replay, value);
    } else if ((value = json_object_get(line, "source"))) {
        replay_source(replay, value);
    } else if ((value = json_object_get(line, "begin"))) {
        replay_begin(replay, value);
    } else if ((value = json_object_get(line, "boot"))) {
        replay->same_boot = g_strcmp0(json_string_value(value), boot_id()) == 0;
    } else if ((value = json_object_get(line, "total"))) {
        replay->state->total = json_to_size(value);
    } else if (json_object_get(line, "lost")) {
        extents_clear(replay->state->held);
    } else if ((value = json_object_get(line, "partial-journal"))) {
        replay->unknown_form = json_to_size(value) != JOURNAL_FORMAT;
        g_free(replay->state->name);
        replay->state->name = g_strdup(json_string_value(json_object_get(line, "name")));
    }
}

static void replay_file(Replay *replay, FILE *file)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;

    while (!replay->unknown_form && (length = getline(&line, &room, file)) > 0) {
        json_t *value = json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, NULL);
        if (value)
            replay_line(replay, value);
        json_decref(value);
    }
    free(line);
}

int partial_journal_read(int folder_fd, const char *key, PartialState **state)
{
    g_autofree char *file_name = journal_name(key);
    int fd = TEMP_FAILURE_RETRY(openat(folder_fd, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat st;

    if (fd < 0)
        return errno;
    FILE *file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size < JOURNAL_MOST_BYTES
                     ? fdopen(fd, "r")
                     : NULL;
    if (!file) {
        close(fd);
        return EBADMSG;
    }
    Replay replay = {.state = partial_state_new(NULL), .durable = extents_new()};
    replay_file(&replay, file);
    gboolean usable = !ferror(file) && replay.begun && !replay.unknown_form && replay.state->name &&
                      replay.state->sources->len > 0;
    fclose(file);
    extents_add_all(replay.state->held, replay.durable);
    extents_free(replay.durable);
    if (usable)
        *state = replay.state;
    else
        partial_state_free(replay.state);
    return usable ? 0 : EBADMSG;
}

/* Takes LINE. */
static void add_line(GString *text, json_t *line)
{
    char *dump = json_dumps(line, JSON_COMPACT);

    if (dump) {
        g_string_append(text, dump);
        g_string_append_c(text, '\n');
    }
    free(dump);
    json_decref(line);
}

static int write_all(int fd, const char *bytes, gsize length, gsize *written)
{
    *written = 0;
    while (*written < length) {
        gssize got = TEMP_FAILURE_RETRY(write(fd, bytes + *written, length - *written));
        if (got < 0)
            return errno;
        *written += (gsize)got;
    }
    return 0;
}

static int append(PartialJournal *journal, GString *text)
{
    gsize written;

    if (journal->torn)
        g_string_prepend_c(text, '\n');
    int failed = write_all(journal->fd, text->str, text->len, &written);
    journal->bytes += written;
    journal->torn = failed != 0;
    return failed;
}

/* Takes LINE. */
static int append_line(PartialJournal *journal, json_t *line)
{
    g_autoptr(GString) text = g_string_sized_new(128);

    add_line(text, line);
    return append(journal, text);
}

static json_t *size_to_json(guint64 size)
{
    return size == SIZE_UNKNOWN ? json_null() : json_integer((json_int_t)size);
}

static json_t *piece_to_json(const ExtentPiece *piece)
{
    return json_pack("[I,I,i]", (json_int_t)piece->from, (json_int_t)piece->to, (int)piece->source);
}

static json_t *source_to_json(const PartialSource *source)
{
    const Validators *validators = source->validators;

    /* A tag that is no UTF-8 becomes null here: such bytes are not resumed by it. */
    return json_pack("{s:{s:s, s:o?, s:o?, s:o, s:o*}}", "source", "address", source->address,
                     "etag", validators->etag ? json_string(validators->etag) : NULL,
                     "last-modified",
                     validators->last_modified ? json_string(validators->last_modified) : NULL,
                     "total", size_to_json(validators->total), "sent",
                     validators->sent ? sent_to_json(validators->sent) : NULL);
}

static void add_durable(GString *text, const Extents *durable)
{
    json_t *pieces = json_array();

    for (gsize i = 0; i < extents_count(durable); i++) {
        ExtentPiece piece = extents_get(durable, i);
        json_array_append_new(pieces, piece_to_json(&piece));
    }
    add_line(text, json_pack("{s:o}", "durable", pieces));
}

static void add_held(GString *text, const Extents *held)
{
    for (gsize i = 0; i < extents_count(held); i++) {
        ExtentPiece piece = extents_get(held, i);
        add_line(text, json_pack("{s:o}", "held", piece_to_json(&piece)));
    }
}

static void add_begin(GString *text, const PartialState *state)
{
    add_line(text, json_pack("{s:{s:o}}", "begin", "total", size_to_json(state->total)));
    for (guint i = 0; i < state->sources->len; i++)
        add_line(text, source_to_json(g_ptr_array_index(state->sources, i)));
}

static void add_head(GString *text, const char *name)
{
    add_line(text, json_pack("{s:i, s:s}", "partial-journal", JOURNAL_FORMAT, "name", name));
    add_line(text, json_pack("{s:s}", "boot", boot_id()));
}

PartialJournal *partial_journal_open(int folder_fd, const char *key, const char *name, mode_t mode,
                                     int *errno_value)
{
    g_autoptr(PartialJournal) journal = g_new0(PartialJournal, 1);
    struct stat st;

    journal->folder_fd = folder_fd;
    journal->file_name = journal_name(key);
    journal->new_name = next_name(key);
    journal->name = g_utf8_make_valid(name, -1);
    journal->mode = mode;
    journal->next_fd = -1;
    journal->fd = TEMP_FAILURE_RETRY(openat(
        folder_fd, journal->file_name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, mode));
    if (journal->fd < 0 || fstat(journal->fd, &st) < 0) {
        *errno_value = errno;
        return NULL;
    }
    journal->bytes = (guint64)st.st_size;
    journal->torn = st.st_size > 0; /* perhaps: an empty line more does no harm */
    g_autoptr(GString) head = g_string_new(NULL);
    add_head(head, journal->name);
    *errno_value = append(journal, head);
    /* Where an old journal has no room for it, its `held` lines count as those of the boot that it
     * names, and `durable` ones always: never too much. */
    if (*errno_value && st.st_size == 0)
        return NULL;
    *errno_value = 0;
    return g_steal_pointer(&journal);
}

void partial_journal_close(PartialJournal *journal)
{
    if (!journal)
        return;
    if (journal->fd >= 0)
        close(journal->fd);
    if (journal->next_fd >= 0)
        close(journal->next_fd);
    g_free(journal->file_name);
    g_free(journal->new_name);
    g_free(journal->name);
    g_free(journal);
}

int partial_journal_begin(PartialJournal *journal, const PartialState *state)
{
    g_autoptr(GString) text = g_string_new(NULL);

    add_begin(text, state);
    add_held(text, state->held);
    return append(journal, text);
}

int partial_journal_source(PartialJournal *journal, const PartialSource *source)
{
    return append_line(journal, source_to_json(source));
}

int partial_journal_total(PartialJournal *journal, guint64 total)
{
    return append_line(journal, json_pack("{s:I}", "total", (json_int_t)total));
}

int partial_journal_held(PartialJournal *journal, const ExtentPiece *piece)
{
    return append_line(journal, json_pack("{s:o}", "held", piece_to_json(piece)));
}

int partial_journal_durable(PartialJournal *journal, const Extents *durable)
{
    g_autoptr(GString) text = g_string_new(NULL);

    add_durable(text, durable);
    return append(journal, text);
}

int partial_journal_lost(PartialJournal *journal)
{
    return append_line(journal, json_pack("{s:b}", "lost", 1));
}

int partial_journal_sync(PartialJournal *journal)
{
    return fdatasync(journal->fd) < 0 ? errno : 0;
}

gboolean partial_journal_is_long(const PartialJournal *journal)
{
    return journal->bytes > JOURNAL_LONG;
}

int partial_journal_prepare(PartialJournal *journal, const PartialState *state,
                            const Extents *durable)
{
    g_autoptr(GString) text = g_string_new(NULL);
    gsize written;

    add_head(text, journal->name);
    add_begin(text, state);
    add_durable(text, durable);
    /* One that could not be published may still be written to: it is not made shorter. */
    if (unlinkat(journal->folder_fd, journal->new_name, 0) < 0 && errno != ENOENT)
        return errno;
    int fd =
        TEMP_FAILURE_RETRY(openat(journal->folder_fd, journal->new_name,
                                  O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, journal->mode));
    if (fd < 0)
        return errno;
    int failed = write_all(fd, text->str, text->len, &written);
    if (!failed && fdatasync(fd) < 0)
        failed = errno;
    if (failed) {
        close(fd);
        unlinkat(journal->folder_fd, journal->new_name, 0);
        return failed;
    }
    journal->next_fd = fd;
    return 0;
}

void partial_journal_switch(PartialJournal *journal, const Extents *held)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int old_fd = journal->fd;
    struct stat st;

    journal->fd = journal->next_fd;
    journal->next_fd = old_fd;
    journal->bytes = fstat(journal->fd, &st) == 0 ? (guint64)st.st_size : 0;
    journal->torn = FALSE;
    add_held(text, held);
    append(journal, text); /* a failure costs what it would have said, no more */
}

int partial_journal_publish(PartialJournal *journal)
{
    close(journal->next_fd);
    journal->next_fd = -1;
    if (renameat(journal->folder_fd, journal->new_name, journal->folder_fd, journal->file_name) < 0)
        return errno;
    return fsync(journal->folder_fd) < 0 ? errno : 0;
}
