#include "filespec.h"

#include "i18n.h"
#include "unpack_form.h"

#include <jansson.h>
#include <string.h>

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
    copy->series = g_strdup(rule->series);
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
    g_free(rule->series);
    g_clear_pointer(&rule->volumes, g_ptr_array_unref);
    g_clear_pointer(&rule->nested, g_ptr_array_unref);
    g_free(rule);
}

static json_t *rule_to_object(const UnpackRule *rule)
{
    json_t *object = json_object();
    if (rule->member)
        json_object_set_new(object, "member", json_string(rule->member));
    json_object_set_new(object, "format", json_string(unpack_format_words[rule->container]));
    if (rule->filter != FILTER_NONE)
        json_object_set_new(object, "filter", json_string(unpack_filter_words[rule->filter]));
    if (rule->into)
        json_object_set_new(object, "into", json_string(rule->into));
    if (rule->strip > 0)
        json_object_set_new(object, "strip", json_integer(rule->strip));
    if (rule->charset)
        json_object_set_new(object, "charset", json_string(rule->charset));
    if (rule->series)
        json_object_set_new(object, "dicom_series", json_string(rule->series));
    if (rule->volumes && rule->volumes->len > 0) {
        json_t *volumes = json_array();
        for (guint i = 0; i < rule->volumes->len; i++)
            json_array_append_new(volumes, json_string(g_ptr_array_index(rule->volumes, i)));
        json_object_set_new(object, "join", volumes);
    }
    if (rule->nested && rule->nested->len > 0) {
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

UnpackRule *unpack_rule_from_json(const char *json, GError **error)
{
    return form_read(&unpack_form, json, strlen(json), _("unpack rule"), error);
}
