#include "filespec.h"

#include "error.h"
#include "i18n.h"
#include "nearest_words.h"
#include "relpath.h"

#include <jansson.h>
#include <string.h>

/* Archives in archives in archives: more is nobody's dataset. */
#define MOST_NESTING 8

static const char *const format_names[] = {
    [ARCHIVE_NONE] = "none", [ARCHIVE_TAR] = "tar", [ARCHIVE_ZIP] = "zip",
    [ARCHIVE_7Z] = "7z",     [ARCHIVE_RAR] = "rar",
};
static const char *const filter_names[] = {
    [FILTER_NONE] = "none",   [FILTER_GZIP] = "gzip", [FILTER_COMPRESS] = "compress",
    [FILTER_BZIP2] = "bzip2", [FILTER_XZ] = "xz",     [FILTER_ZSTD] = "zstd",
    [FILTER_LZ4] = "lz4",
};

UnpackRule *unpack_rule_new(ArchiveContainer container, ArchiveFilter filter)
{
    UnpackRule *rule = g_new0(UnpackRule, 1);
    rule->container = container;
    rule->filter = filter;
    return rule;
}

static gboolean ends_in(const char *name, const char *ending)
{
    gsize length = strlen(name), tail = strlen(ending);
    /* Something must be left for the name of what comes out. */
    return length > tail && name[length - tail - 1] != '/' &&
           g_ascii_strcasecmp(name + length - tail, ending) == 0;
}

UnpackRule *unpack_rule_from_name(const char *name)
{
    static const struct {
        const char *ending;
        ArchiveContainer container;
        ArchiveFilter filter;
    } endings[] = {
        {".tar", ARCHIVE_TAR, FILTER_NONE},     {".tar.gz", ARCHIVE_TAR, FILTER_GZIP},
        {".tgz", ARCHIVE_TAR, FILTER_GZIP},     {".tar.z", ARCHIVE_TAR, FILTER_COMPRESS},
        {".taz", ARCHIVE_TAR, FILTER_COMPRESS}, {".tar.bz2", ARCHIVE_TAR, FILTER_BZIP2},
        {".tbz2", ARCHIVE_TAR, FILTER_BZIP2},   {".tbz", ARCHIVE_TAR, FILTER_BZIP2},
        {".tar.xz", ARCHIVE_TAR, FILTER_XZ},    {".txz", ARCHIVE_TAR, FILTER_XZ},
        {".tar.zst", ARCHIVE_TAR, FILTER_ZSTD}, {".tzst", ARCHIVE_TAR, FILTER_ZSTD},
        {".tar.lz4", ARCHIVE_TAR, FILTER_LZ4},  {".zip", ARCHIVE_ZIP, FILTER_NONE},
        {".7z", ARCHIVE_7Z, FILTER_NONE},       {".rar", ARCHIVE_RAR, FILTER_NONE},
        {".gz", ARCHIVE_NONE, FILTER_GZIP},     {".z", ARCHIVE_NONE, FILTER_COMPRESS},
        {".bz2", ARCHIVE_NONE, FILTER_BZIP2},   {".xz", ARCHIVE_NONE, FILTER_XZ},
        {".zst", ARCHIVE_NONE, FILTER_ZSTD},    {".lz4", ARCHIVE_NONE, FILTER_LZ4},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++) {
        if (ends_in(name, endings[i].ending))
            return unpack_rule_new(endings[i].container, endings[i].filter);
    }
    return NULL;
}

static gpointer copy_text(gconstpointer text, gpointer data)
{
    return g_strdup(text);
}

static gpointer copy_rule(gconstpointer rule, gpointer data)
{
    return unpack_rule_copy(rule);
}

static void free_rule(gpointer rule)
{
    unpack_rule_free(rule);
}

UnpackRule *unpack_rule_copy(const UnpackRule *rule)
{
    if (!rule)
        return NULL;
    UnpackRule *copy = unpack_rule_new(rule->container, rule->filter);
    copy->into = g_strdup(rule->into);
    copy->strip = rule->strip;
    copy->charset = g_strdup(rule->charset);
    copy->member = g_strdup(rule->member);
    if (rule->volumes) {
        copy->volumes = g_ptr_array_copy(rule->volumes, copy_text, NULL);
        g_ptr_array_set_free_func(copy->volumes, g_free);
    }
    if (rule->nested) {
        copy->nested = g_ptr_array_copy(rule->nested, copy_rule, NULL);
        g_ptr_array_set_free_func(copy->nested, free_rule);
    }
    return copy;
}

void unpack_rule_free(UnpackRule *rule)
{
    if (!rule)
        return;
    g_free(rule->into);
    g_free(rule->charset);
    g_free(rule->member);
    g_clear_pointer(&rule->volumes, g_ptr_array_unref);
    g_clear_pointer(&rule->nested, g_ptr_array_unref);
    g_free(rule);
}

static json_t *rule_to_object(const UnpackRule *rule)
{
    json_t *object = json_object();
    if (rule->member)
        json_object_set_new(object, "member", json_string(rule->member));
    json_object_set_new(object, "format", json_string(format_names[rule->container]));
    if (rule->filter != FILTER_NONE)
        json_object_set_new(object, "filter", json_string(filter_names[rule->filter]));
    if (rule->into)
        json_object_set_new(object, "into", json_string(rule->into));
    if (rule->strip > 0)
        json_object_set_new(object, "strip", json_integer(rule->strip));
    if (rule->charset)
        json_object_set_new(object, "charset", json_string(rule->charset));
    if (rule->volumes) {
        json_t *volumes = json_array();
        for (guint i = 0; i < rule->volumes->len; i++)
            json_array_append_new(volumes, json_string(g_ptr_array_index(rule->volumes, i)));
        json_object_set_new(object, "join", volumes);
    }
    if (rule->nested) {
        json_t *nested = json_array();
        for (guint i = 0; i < rule->nested->len; i++)
            json_array_append_new(nested, rule_to_object(g_ptr_array_index(rule->nested, i)));
        json_object_set_new(object, "nested", nested);
    }
    return object;
}

char *unpack_rule_to_json(const UnpackRule *rule)
{
    json_t *object = rule_to_object(rule);
    char *dumped = json_dumps(object, JSON_COMPACT);
    char *text = g_strdup(dumped);
    free(dumped);
    json_decref(object);
    return text;
}

/* Where in the document one is, for messages; a chain up to the root. */
typedef struct Place Place;
struct Place {
    const Place *parent;
    const char *key;
    gsize index; /* where KEY is NULL */
};

static void append_pointer(const Place *place, GString *pointer)
{
    if (!place)
        return;
    append_pointer(place->parent, pointer);
    if (place->key)
        g_string_append_printf(pointer, "/%s", place->key);
    else
        g_string_append_printf(pointer, "/%" G_GSIZE_FORMAT, place->index);
}

static gboolean refuse(const Place *place, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
static gboolean refuse(const Place *place, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_autoptr(GString) pointer = g_string_new(NULL);
    append_pointer(place, pointer);
    g_autofree char *shown = relpath_display(pointer->len ? pointer->str : "/");
    /* TRANSLATORS: a JSON pointer such as /nested/0/format, and what is wrong there. */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("The unpack rule is wrong at %s: %s."), shown, what);
    return FALSE;
}

/* The word of WORDS nearest to GIVEN as ", did you mean ...", else empty. Owned. */
static char *suggestion(const char *given, const char *const *words, gsize count)
{
    g_autoptr(GPtrArray) candidates = g_ptr_array_new();
    for (gsize i = 0; i < count; i++)
        g_ptr_array_add(candidates, (gpointer)words[i]);
    g_autoptr(GPtrArray) nearest = nearest_words(given, candidates, 1);
    if (nearest->len == 0)
        return g_strdup("");
    return g_strdup_printf(_("; did you mean \"%s\"?"), (char *)g_ptr_array_index(nearest, 0));
}

static gboolean parse_text(const json_t *value, const Place *place, char **text, GError **error)
{
    if (!json_is_string(value))
        return refuse(place, error, _("a string is expected"));
    if (json_string_length(value) == 0 ||
        strlen(json_string_value(value)) != json_string_length(value))
        return refuse(place, error, _("the string is empty or holds a NUL"));
    g_free(*text);
    *text = g_strdup(json_string_value(value));
    return TRUE;
}

static gboolean parse_word(const json_t *value, const Place *place, const char *const *words,
                           gsize count, guint *found, GError **error)
{
    g_autofree char *text = NULL;
    if (!parse_text(value, place, &text, error))
        return FALSE;
    for (guint i = 0; i < count; i++) {
        if (strcmp(text, words[i]) == 0) {
            *found = i;
            return TRUE;
        }
    }
    g_autofree char *near = suggestion(text, words, count);
    g_autofree char *shown = relpath_display(text);
    return refuse(place, error, _("\"%s\" is not known%s"), shown, near);
}

static gboolean parse_path(const json_t *value, const Place *place, char **path, GError **error)
{
    g_autoptr(GError) unsafe = NULL;
    if (!parse_text(value, place, path, error))
        return FALSE;
    if (relpath_check(*path, &unsafe))
        return TRUE;
    return refuse(place, error, _("no path within the dataset (%s)"), unsafe->message);
}

static gboolean parse_strip(const json_t *value, const Place *place, guint *strip, GError **error)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        json_integer_value(value) > RELPATH_MAX_DEPTH)
        return refuse(place, error, _("a whole number from 0 to %d is expected"),
                      RELPATH_MAX_DEPTH);
    *strip = (guint)json_integer_value(value);
    return TRUE;
}

static gboolean parse_charset(const json_t *value, const Place *place, char **charset,
                              GError **error)
{
    if (!parse_text(value, place, charset, error))
        return FALSE;
    GIConv converter = g_iconv_open("UTF-8", *charset);
    if (converter == (GIConv)-1) {
        g_autofree char *shown = relpath_display(*charset);
        return refuse(place, error, _("no charset \"%s\" is known here"), shown);
    }
    g_iconv_close(converter);
    return TRUE;
}

static gboolean parse_volumes(const json_t *value, const Place *place, UnpackRule *rule,
                              GError **error)
{
    if (!json_is_array(value) || json_array_size(value) == 0)
        return refuse(place, error, _("a list of paths is expected"));
    g_clear_pointer(&rule->volumes, g_ptr_array_unref);
    rule->volumes = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < json_array_size(value); i++) {
        const Place here = {.parent = place, .index = i};
        g_autofree char *path = NULL;
        if (!parse_path(json_array_get(value, i), &here, &path, error))
            return FALSE;
        g_ptr_array_add(rule->volumes, g_steal_pointer(&path));
    }
    return TRUE;
}

static UnpackRule *parse_rule(const json_t *object, const Place *place, guint depth,
                              GError **error);

static gboolean parse_nested(const json_t *value, const Place *place, guint depth, UnpackRule *rule,
                             GError **error)
{
    if (!json_is_array(value) || json_array_size(value) == 0)
        return refuse(place, error, _("a list of unpack rules is expected"));
    if (depth >= MOST_NESTING)
        return refuse(place, error, _("rules are nested more than %d deep"), MOST_NESTING);
    g_clear_pointer(&rule->nested, g_ptr_array_unref);
    rule->nested = g_ptr_array_new_with_free_func(free_rule);
    for (gsize i = 0; i < json_array_size(value); i++) {
        const Place here = {.parent = place, .index = i};
        UnpackRule *nested = parse_rule(json_array_get(value, i), &here, depth + 1, error);
        if (!nested)
            return FALSE;
        g_ptr_array_add(rule->nested, nested);
    }
    return TRUE;
}

enum {
    KEY_FORMAT,
    KEY_FILTER,
    KEY_INTO,
    KEY_STRIP,
    KEY_CHARSET,
    KEY_VOLUMES,
    KEY_NESTED,
    KEY_MEMBER
};
static const char *const key_names[] = {
    [KEY_FORMAT] = "format", [KEY_FILTER] = "filter",   [KEY_INTO] = "into",
    [KEY_STRIP] = "strip",   [KEY_CHARSET] = "charset", [KEY_VOLUMES] = "join",
    [KEY_NESTED] = "nested", [KEY_MEMBER] = "member",
};

static gboolean parse_key(UnpackRule *rule, const char *key, const json_t *value,
                          const Place *place, guint depth, GError **error)
{
    guint found = 0;
    gsize known = 0;
    if (strcmp(key, "volumes") == 0) /* what they are, where "join" is what is done with them */
        key = "join";
    while (known < G_N_ELEMENTS(key_names) && strcmp(key, key_names[known]) != 0)
        known++;
    switch (known) {
    case KEY_FORMAT:
        if (!parse_word(value, place, format_names, G_N_ELEMENTS(format_names), &found, error))
            return FALSE;
        rule->container = (ArchiveContainer)found;
        return TRUE;
    case KEY_FILTER:
        if (!parse_word(value, place, filter_names, G_N_ELEMENTS(filter_names), &found, error))
            return FALSE;
        rule->filter = (ArchiveFilter)found;
        return TRUE;
    case KEY_INTO:
        return parse_path(value, place, &rule->into, error);
    case KEY_STRIP:
        return parse_strip(value, place, &rule->strip, error);
    case KEY_CHARSET:
        return parse_charset(value, place, &rule->charset, error);
    case KEY_VOLUMES:
        return parse_volumes(value, place, rule, error);
    case KEY_NESTED:
        return parse_nested(value, place, depth, rule, error);
    case KEY_MEMBER:
        return parse_text(value, place, &rule->member, error);
    default:
        break;
    }
    g_autofree char *near = suggestion(key, key_names, G_N_ELEMENTS(key_names));
    return refuse(place, error, _("the key is not known%s"), near);
}

static gboolean check_whole(const UnpackRule *rule, const Place *place, guint depth, GError **error)
{
    if (depth == 0 && rule->member)
        return refuse(place, error, _("\"member\" stands in a nested rule alone"));
    if (depth > 0 && !rule->member)
        return refuse(place, error, _("\"member\" is missing: which members are archives?"));
    if (depth > 0 && rule->volumes)
        return refuse(place, error, _("\"join\" stands in the outer rule alone"));
    gboolean is_container = rule->container != ARCHIVE_NONE;
    if (!is_container && rule->filter == FILTER_NONE && !rule->volumes)
        return refuse(place, error,
                      _("there is nothing to undo: name a \"format\" or a \"filter\""));
    if (!is_container && (rule->strip || rule->nested))
        return refuse(place, error, _("\"strip\" and \"nested\" are of archives with members"));
    return TRUE;
}

static UnpackRule *parse_rule(const json_t *object, const Place *place, guint depth, GError **error)
{
    if (!json_is_object(object)) {
        refuse(place, error, _("an object is expected"));
        return NULL;
    }
    g_autoptr(UnpackRule) rule = unpack_rule_new(ARCHIVE_NONE, FILTER_NONE);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(gpointer)object, key, value)
    {
        const Place here = {.parent = place, .key = key};
        if (!parse_key(rule, key, value, &here, depth, error))
            return NULL;
    }
    if (!check_whole(rule, place, depth, error))
        return NULL;
    return g_steal_pointer(&rule);
}

UnpackRule *unpack_rule_from_json(const char *json, GError **error)
{
    json_error_t wrong;
    json_t *object = json_loads(json, JSON_REJECT_DUPLICATES, &wrong);
    if (!object) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The unpack rule is no JSON: %d:%d: %s."), wrong.line, wrong.column,
                    wrong.text);
        return NULL;
    }
    UnpackRule *rule = parse_rule(object, NULL, 0, error);
    json_decref(object);
    return rule;
}
