#include "pull_note.h"

#include "error.h"
#include "i18n.h"

#include <string.h>

/* The options that are switches: their key in the note, their name to type, where they stand. */
static const struct {
    const char *key, *option;
    gsize in_note, in_request;
} switches[] = {
#define SWITCH(member, option)                                                                     \
    {                                                                                              \
#member, option, G_STRUCT_OFFSET(PullNote, member), G_STRUCT_OFFSET(PullRequest, member)   \
    }
    SWITCH(only, "--only"),
    SWITCH(no_unpack, "--no-unpack"),
    SWITCH(keep_archives, "--keep-archives"),
    SWITCH(refresh, "--refresh"),
    SWITCH(allow_incomplete, "--allow-incomplete"),
#undef SWITCH
};

static const char *const requirements[] = {
    [REQUIRE_NOTHING] = NULL,
    [REQUIRE_DECLARED] = "declared",
    [REQUIRE_LOCKED] = "locked",
};

void pull_note_free(PullNote *note)
{
    if (note) {
        g_free(note->text);
        g_clear_pointer(&note->selection, selection_free);
        g_clear_pointer(&note->names, g_ptr_array_unref);
        g_free(note->prefer);
        g_free(note->list);
        g_free(note->to);
        g_free(note->begun);
        g_free(note->user);
        g_free(note->host);
        g_free(note);
    }
}

gboolean pull_note_is_of(const PullNote *note, const PullRequest *request)
{
    for (gsize i = 0; i < G_N_ELEMENTS(switches); i++) {
        const gboolean *a = G_STRUCT_MEMBER_P(note, switches[i].in_note);
        const gboolean *b = G_STRUCT_MEMBER_P(request, switches[i].in_request);
        if (!*a != !*b) {
            return FALSE;
        }
    }
    return note->require == request->require && g_strcmp0(note->prefer, request->prefer) == 0 &&
           selection_equal(note->selection, request->selection);
}

void pull_note_apply(const PullNote *note, PullRequest *request)
{
    for (gsize i = 0; i < G_N_ELEMENTS(switches); i++) {
        const gboolean *from = G_STRUCT_MEMBER_P(note, switches[i].in_note);
        gboolean *to = G_STRUCT_MEMBER_P(request, switches[i].in_request);
        *to = *from;
    }
    request->require = note->require;
    request->prefer = note->prefer;
    request->to = note->to;
    request->selection = note->selection;
    request->names = note->names ? (const char *const *)note->names->pdata : NULL;
}

static char *options_text(const Selection *selection, gconstpointer object, gboolean is_note,
                          Requirement require, const char *prefer, const char *to)
{
    GString *text = g_string_new(NULL);
    if (!selection_is_all(selection)) {
        g_autofree char *what = selection_describe(selection);
        g_string_append(text, what);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(switches); i++) {
        const gboolean *is_set =
            G_STRUCT_MEMBER_P(object, is_note ? switches[i].in_note : switches[i].in_request);
        if (*is_set) {
            g_string_append_printf(text, "%s%s", text->len ? " " : "", switches[i].option);
        }
    }
    if (requirements[require]) {
        g_string_append_printf(text, "%s--require %s", text->len ? " " : "", requirements[require]);
    }
    if (prefer) {
        g_string_append_printf(text, "%s--prefer %s", text->len ? " " : "", prefer);
    }
    if (to) {
        g_autofree char *quoted =
            strpbrk(to, " \t'\"\\$*?&;|<>()") ? g_shell_quote(to) : g_strdup(to);
        g_string_append_printf(text, "%s--to %s", text->len ? " " : "", quoted);
    }
    return g_string_free(text, FALSE);
}

char *pull_note_options(const PullNote *note)
{
    return options_text(note->selection, note, TRUE, note->require, note->prefer, note->to);
}

char *pull_request_options(const PullRequest *request)
{
    return options_text(request->selection, request, FALSE, request->require, request->prefer,
                        request->to);
}

static char *reference_text(const Reference *reference)
{
    /* A plain address of the catalogue lies in a folder of its own, by its id. */
    gboolean by_id = reference->id && !reference->own_manifest &&
                     strcmp(reference->fetcher->row.name, "http") == 0;
    const char *name = by_id ? reference->id : reference->ref;
    return reference->version ? g_strdup_printf("%s@%s", name, reference->version) : g_strdup(name);
}

static gboolean add_list_line(const char *line, gpointer data)
{
    g_string_append_printf(data, "\n%s", line);
    return TRUE;
}

char *pull_note_make(const PullRequest *request, const PullNote *before)
{
    gboolean goes_on = before && pull_note_is_of(before, request);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    g_autofree char *text = reference_text(request->reference);
    g_autofree char *selection = selection_to_json(request->selection);
    json_t *note = json_pack("{s:s, s:o, s:s, s:s, s:s}", "ref", text, "selection",
                             json_loads(selection, JSON_DECODE_ANY, NULL), "begun",
                             goes_on ? before->begun : stamp, "user",
                             goes_on ? before->user : g_get_user_name(), "host",
                             goes_on ? before->host : g_get_host_name());
    for (gsize i = 0; i < G_N_ELEMENTS(switches); i++) {
        const gboolean *is_set = G_STRUCT_MEMBER_P(request, switches[i].in_request);
        if (*is_set) {
            json_object_set_new(note, switches[i].key, json_true());
        }
    }
    if (requirements[request->require]) {
        json_object_set_new(note, "require", json_string(requirements[request->require]));
    }
    if (request->list) {
        json_object_set_new(note, "list", json_string(request->list));
    }
    if (request->prefer) {
        json_object_set_new(note, "prefer", json_string(request->prefer));
    }
    if (request->to) {
        json_object_set_new(note, "to", json_string(request->to));
    }
    if (request->names) {
        json_object_set_new(note, "names_are_asked", json_true()); /* those of the selection */
    }
    char *dumped = json_dumps(note, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(note);
    GString *lines = g_string_new(dumped);
    free(dumped);
    selection_each_line(request->selection, add_list_line, lines);
    return g_string_free(lines, FALSE);
}

static gboolean set_damaged(GError **error)
{
    g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                        _("What the pull was asked for cannot be read any more. Type it again: "
                          "medmirror pull REF, with its options; what was received is kept."));
    return FALSE;
}

static gboolean take_require(PullNote *note, const json_t *object)
{
    const json_t *value = json_object_get(object, "require");
    for (gsize i = 0; value && i < G_N_ELEMENTS(requirements); i++) {
        if (g_strcmp0(json_string_value(value), requirements[i]) == 0) {
            note->require = (Requirement)i;
            return json_is_string(value);
        }
    }
    return value == NULL;
}

/* Whether each of them is there was asked for as well. */
static void take_names(PullNote *note, const json_t *selection)
{
    note->names = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < json_array_size(selection); i++) {
        const json_t *files = json_object_get(json_array_get(selection, i), "files");
        for (gsize k = 0; k < json_array_size(files); k++) {
            const char *name = json_string_value(json_array_get(files, k));
            g_ptr_array_add(note->names, g_strdup(name ? name : ""));
        }
    }
    g_ptr_array_add(note->names, NULL);
}

static gboolean take_note(PullNote *note, const json_t *object, GError **error)
{
    const char *ref = json_string_value(json_object_get(object, "ref"));
    const json_t *selection = json_object_get(object, "selection");
    char *dumped = selection ? json_dumps(selection, JSON_ENCODE_ANY) : NULL;
    note->selection = dumped ? selection_from_json(dumped, NULL) : NULL;
    free(dumped);
    if (!ref || !note->selection || !take_require(note, object)) {
        return set_damaged(error);
    }
    note->text = g_strdup(ref);
    note->list = g_strdup(json_string_value(json_object_get(object, "list")));
    note->prefer = g_strdup(json_string_value(json_object_get(object, "prefer")));
    note->to = g_strdup(json_string_value(json_object_get(object, "to")));
    note->begun = g_strdup(json_string_value(json_object_get(object, "begun")));
    note->user = g_strdup(json_string_value(json_object_get(object, "user")));
    note->host = g_strdup(json_string_value(json_object_get(object, "host")));
    for (gsize i = 0; i < G_N_ELEMENTS(switches); i++) {
        gboolean *at = G_STRUCT_MEMBER_P(note, switches[i].in_note);
        *at = json_is_true(json_object_get(object, switches[i].key));
    }
    if (json_is_true(json_object_get(object, "names_are_asked"))) {
        take_names(note, selection);
    }
    return TRUE;
}

/* Lists of values that are too long for the note's own line. */
static gboolean take_lists(PullNote *note, const char *lines)
{
    while (*lines) {
        gsize length = strcspn(lines, "\n");
        if (!selection_take_line(note->selection, lines, length))
            return FALSE;
        lines += length + (lines[length] == '\n');
    }
    return !selection_lacks_lines(note->selection);
}

PullNote *pull_note_parse(const char *json, GError **error)
{
    g_autoptr(PullNote) note = g_new0(PullNote, 1);
    gsize length = strcspn(json, "\n");
    json_t *object = json_loadb(json, length, 0, NULL);
    gboolean done = json_is_object(object) ? take_note(note, object, error) : set_damaged(error);
    json_decref(object);
    if (done && !take_lists(note, json + length + (json[length] == '\n'))) {
        done = set_damaged(error);
    }
    return done ? g_steal_pointer(&note) : NULL;
}
