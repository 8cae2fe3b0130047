#include "fields.h"

#include "error.h"
#include "file_facts.h"
#include "i18n.h"
#include "job_list.h"
#include "language.h"
#include "relpath.h"
#include "size_text.h"
#include "terminal.h"
#include "version_choice.h"

#include <string.h>

#define MOST_VALUES 1000 /* of one key; the rest is counted together */
#define MOST_SHOWN 20    /* of one key of the source's own: the most frequent ones */
#define LONGEST_ENDING 12

typedef struct {
    const char *key; /* interned */
    char *value;
    gboolean is_fact; /* the source's own word; else of the path */
    char *option;     /* to be typed; NULL: none */
    guint64 files, bytes;
    gboolean bytes_unknown; /* of some */
} Field;

typedef struct {
    Invocation *invocation;
    const char *text;
    GHashTable *fields; /* "KEY VALUE" -> Field */
    GHashTable *counts; /* key -> number of its values */
    GPtrArray *order;   /* Field*, borrowed */
    Selection *part;    /* what of the dataset was typed; NULL: all */
} Fields;

static void free_field(gpointer data)
{
    Field *field = data;
    g_free(field->value);
    g_free(field->option);
    g_free(field);
}

/* The field; beyond the limit the one that counts the rest. */
static Field *field_get(Fields *fields, const char *key, const char *value)
{
    g_autofree char *name = g_strdup_printf("%s %s", key, value);
    Field *field = g_hash_table_lookup(fields->fields, name);
    if (field)
        return field;
    guint count = GPOINTER_TO_UINT(g_hash_table_lookup(fields->counts, key));
    if (count >= MOST_VALUES && strcmp(value, "...") != 0)
        return field_get(fields, key, "...");
    field = g_new0(Field, 1);
    field->key = key;
    field->value = g_strdup(value);
    g_hash_table_insert(fields->fields, g_steal_pointer(&name), field);
    g_hash_table_insert(fields->counts, (gpointer)key, GUINT_TO_POINTER(count + 1));
    g_ptr_array_add(fields->order, field);
    return field;
}

/* OPTION: what chooses it; WORD: the option's word, NULL where there is none. */
static void count(Fields *fields, const char *key, const char *value, const char *option,
                  const char *word, guint64 size)
{
    Field *field = field_get(fields, key, value);
    if (!field->option && word && strcmp(field->value, "...") != 0) {
        g_autofree char *quoted = g_shell_quote(word);
        g_autofree char *shown = relpath_display(quoted);
        field->option = g_strdup_printf("%s %s", option, shown);
    }
    field->files++;
    if (size == SIZE_UNKNOWN)
        field->bytes_unknown = TRUE;
    else
        field->bytes += size;
}

/* fnmatch(3)'s own characters stand for themselves. */
static char *escape_glob(const char *text)
{
    GString *glob = g_string_new(NULL);
    for (; *text; text++) {
        if (strchr("*?[\\", *text))
            g_string_append_c(glob, '\\');
        g_string_append_c(glob, *text);
    }
    return g_string_free(glob, FALSE);
}

static void count_file(Fields *fields, const char *path, guint64 size)
{
    const char *slash = strchr(path, '/');
    g_autofree char *folder = slash ? g_strndup(path, (gsize)(slash - path)) : NULL;
    g_autofree char *escaped = folder ? escape_glob(folder) : NULL;
    g_autofree char *below = escaped ? g_strconcat(escaped, "/*", NULL) : NULL;
    count(fields, "folder", folder ? folder : ".", "--include", below, size);
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    const char *dot = strrchr(name, '.');
    gboolean has_ending = dot && dot > name && dot[1] && strlen(dot) <= LONGEST_ENDING;
    g_autofree char *ending = has_ending ? escape_glob(dot) : NULL;
    g_autofree char *glob = ending ? g_strconcat("*", ending, NULL) : NULL;
    count(fields, "ending", has_ending ? dot : "-", "--include", glob, size);
}

/* A download by what its source says of it; of a series, the sum of its images counts. */
static void count_facts(Fields *fields, const json_t *facts, guint64 size)
{
    const char *key;
    json_t *value;
    const char *bytes = file_facts_get(facts, "FileSize");
    if (bytes && size == SIZE_UNKNOWN)
        size = g_ascii_strtoull(bytes, NULL, 10);
    json_object_foreach((json_t *)(gpointer)facts, key, value)
    {
        const char *text = json_string_value(value);
        const char *name = g_intern_string(key);
        if (!text)
            continue;
        /* A comma would part two values. */
        g_autofree char *globbed = strchr(text, ',') ? escape_glob(text) : NULL;
        g_autofree char *word =
            globbed ? g_strconcat(name, "~", globbed, NULL) : g_strconcat(name, "=", text, NULL);
        count(fields, name, text, "--where", word, size);
        Field *field = field_get(fields, name, text);
        field->is_fact = TRUE;
    }
}

static gboolean on_listed(const SpoolDownload *download, gpointer data, GError **error)
{
    Fields *fields = data;
    const FileSpec *file = download->file;
    if (fields->part && !selection_wants_facts(fields->part, file->facts))
        return TRUE;
    count_file(fields, file->path, file->size);
    count_facts(fields, file->facts, file->size);
    return TRUE;
}

static gboolean count_lock(Fields *fields, Mirror *mirror, const LockHeader *header, GError **error)
{
    g_autoptr(LockReader) reader = mirror_open_lock(mirror, header->folder, header->version, error);
    LockLine kind = reader ? LOCK_LINE_FILE : LOCK_LINE_ERROR;
    while (kind != LOCK_LINE_END && kind != LOCK_LINE_ERROR) {
        g_auto(LockDownload) download = {0};
        g_auto(LockFile) file = {0};
        kind = lock_reader_next(reader, &download, &file, error);
        if (kind == LOCK_LINE_FILE)
            count_file(fields, file.path, file.size);
        else if (kind == LOCK_LINE_DOWNLOAD && download.state == LOCK_STATE_HAVE)
            count_facts(fields, download.facts, download.size);
    }
    return kind == LOCK_LINE_END;
}

/* Of what is here, its lock; else the source is asked. */
static gboolean count_all(Fields *fields, Job *job, GError **error)
{
    Invocation *invocation = fields->invocation;
    g_autoptr(Reference) reference = reference_parse(fields->text, invocation->catalogue, error);
    g_autoptr(Selection) all = selection_new_all();
    if (!reference || !(fields->part = reference_narrow(reference, all, error)))
        return FALSE;
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, NULL);
    g_autoptr(GError) not_here = NULL;
    g_autoptr(LockHeader) header = mirror ? version_choose(mirror, reference, &not_here) : NULL;
    if (header)
        return count_lock(fields, mirror, header, error);
    if (not_here && g_error_matches(not_here, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE)) {
        g_propagate_error(error, g_steal_pointer(&not_here));
        return FALSE;
    }
    const ListReader reader = {.download = on_listed, .data = fields};
    return reference_can_be_fetched(reference, error) &&
           job_list(job, reference, NULL, &reader, error);
}

static int count_on_job(Job *job, gpointer data)
{
    g_autoptr(GError) error = NULL;
    if (!count_all(data, job, &error))
        job_tell(
            job, JOB_EVENT_FAILURE, "error",
            json_pack("{s:i, s:s}", "exit", error_exit_status(error), "message", error->message),
            "medmirror: %s", error->message);
    return error_exit_status(error);
}

/* Paths first; of a key of the source's own the most frequent values first. */
static int compare_fields(gconstpointer a, gconstpointer b)
{
    const Field *x = *(Field *const *)a, *y = *(Field *const *)b;
    if (x->is_fact != y->is_fact)
        return x->is_fact ? 1 : -1;
    int by_key = x->is_fact ? strcmp(x->key, y->key) : -strcmp(x->key, y->key);
    if (by_key || !x->is_fact)
        return by_key ? by_key : strcmp(x->value, y->value);
    gboolean rest_x = strcmp(x->value, "...") == 0, rest_y = strcmp(y->value, "...") == 0;
    if (rest_x != rest_y)
        return rest_x ? 1 : -1;
    return x->files != y->files ? (x->files < y->files ? 1 : -1) : strcmp(x->value, y->value);
}

/* What comes behind the most frequent values of a key is one line; so is a key with a value for
 * each file: it is no list for people. */
static void merge_rest(Fields *fields)
{
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    Field *rest = NULL;
    guint shown = 0;
    for (guint i = 0; i < fields->order->len; i++) {
        Field *field = fields->order->pdata[i];
        const Field *before = order->len ? order->pdata[order->len - 1] : NULL;
        gboolean is_new = !before || before->key != field->key;
        shown = is_new ? 1 : shown + 1;
        rest = is_new ? NULL : rest;
        if (!field->is_fact || (shown <= MOST_SHOWN && !rest)) {
            g_ptr_array_add(order, field);
            continue;
        }
        if (!rest) {
            rest = field;
            g_free(rest->value);
            rest->value = g_strdup("...");
            g_clear_pointer(&rest->option, g_free);
            g_ptr_array_add(order, rest);
            continue;
        }
        rest->files += field->files;
        rest->bytes += field->bytes;
        rest->bytes_unknown = rest->bytes_unknown || field->bytes_unknown;
    }
    g_ptr_array_set_size(fields->order, 0);
    for (guint i = 0; i < order->len; i++)
        g_ptr_array_add(fields->order, order->pdata[i]);
}

static void print_fields(Fields *fields)
{
    Console *console = fields->invocation->console;
    const char *const headings[] = {language_pick(_("KEY"), "键"),
                                    language_pick(_("VALUE"), "值"),
                                    language_pick(_("FILES"), "文件数"),
                                    language_pick(_("SIZE"), "大小"),
                                    language_pick(_("CHOOSE BY"), "选择方式"),
                                    NULL};
    g_autoptr(Table) table = table_new(headings, 1);
    g_ptr_array_sort(fields->order, compare_fields);
    merge_rest(fields);
    for (guint i = 0; i < fields->order->len; i++) {
        const Field *field = fields->order->pdata[i];
        json_t *facts = json_pack("{s:s, s:s, s:I, s:s?}", "key", field->key, "value", field->value,
                                  "files", (json_int_t)field->files, "option", field->option);
        json_object_set_new(facts, "bytes",
                            field->bytes_unknown ? json_null()
                                                 : json_integer((json_int_t)field->bytes));
        console_json(console, "field", facts);
        g_autofree char *size = size_text(field->bytes);
        char *cells[] = {g_strdup(field->key),
                         relpath_display(field->value),
                         g_strdup_printf("%" G_GUINT64_FORMAT, field->files),
                         field->bytes_unknown ? g_strdup("-") : g_strdup(size),
                         g_strdup(field->option ? field->option : "-"),
                         NULL};
        table_add(table, g_memdup2(cells, sizeof cells));
    }
    if (!console_is_json(console))
        table_print(table, console, terminal_columns(), 0);
}

int fields_print(Invocation *invocation, const char *text)
{
    g_autoptr(GHashTable) all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_field);
    g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) order = g_ptr_array_new();
    Fields fields = {
        .invocation = invocation, .text = text, .fields = all, .counts = counts, .order = order};
    int status = invocation_run(invocation, count_on_job, &fields);
    if (status == 0)
        print_fields(&fields);
    g_clear_pointer(&fields.part, selection_free);
    return status;
}
