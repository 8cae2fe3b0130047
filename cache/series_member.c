#include "series_member.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <string.h>

char *series_member_path(const UnpackRule *rule, const char *archive, const char *name,
                         const DicomHead *head, GError **error)
{
    if (strcmp(head->series_instance, rule->series) != 0) {
        g_autofree char *shown = relpath_display(name);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The source was asked for the series %s, but \"%s\" is an image of the "
                      "series %s."),
                    rule->series, shown, head->series_instance);
        return NULL;
    }
    g_autoptr(GString) path = g_string_new(archive);
    const char *slash = strrchr(path->str, '/');
    g_string_truncate(path, slash ? (gsize)(slash - path->str) + 1 : 0);
    if (rule->into)
        g_string_append_printf(path, "%s/", rule->into);
    g_string_append_printf(path, "%s.dcm", head->sop_instance);
    if (!relpath_check(path->str, error))
        return NULL;
    return g_string_free(g_steal_pointer(&path), FALSE);
}

gboolean series_member_refuse(const UnpackRule *rule, const char *name, DicomHeadResult result,
                              const char *reason, GError **error)
{
    g_autofree char *shown = relpath_display(name);
    if (result == DICOM_HEAD_NOT_DICOM)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The source was asked for the series %s, but \"%s\" is no DICOM file."),
                    rule->series, shown);
    else
        /* TRANSLATORS: the file's name, the series, and a clause such as "it is cut short". */
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The image \"%s\" of the series %s is damaged: %s."), shown, rule->series,
                    reason);
    return FALSE;
}

/* Texts of digits; sources write numbers in more than one way, and a listing may lack them. */
static guint64 number_of(const json_t *facts, const char *key)
{
    const json_t *value = json_object_get(facts, key);
    guint64 number = SIZE_UNKNOWN;
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        number = (guint64)json_integer_value(value);
    else if (!json_is_string(value) || !g_ascii_string_to_unsigned(json_string_value(value), 10, 0,
                                                                   SIZE_UNKNOWN - 1, &number, NULL))
        number = SIZE_UNKNOWN;
    return number;
}

SeriesCount series_count_of(const json_t *facts)
{
    return (SeriesCount){.images = number_of(facts, "ImageCount"),
                         .bytes = number_of(facts, "FileSize")};
}

gboolean series_count_check(const UnpackRule *rule, const SeriesCount *wanted,
                            const SeriesCount *came, GError **error)
{
    if (wanted->images != SIZE_UNKNOWN && wanted->images != came->images) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    came->images < wanted->images
                        ? _("The source delivers %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
                            " images of the series %s.")
                        : _("The source delivers %" G_GUINT64_FORMAT
                            " images and lists %" G_GUINT64_FORMAT " of the series %s."),
                    came->images, wanted->images, rule->series);
        return FALSE;
    }
    if (wanted->bytes != SIZE_UNKNOWN && wanted->bytes != came->bytes) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The images of the series %s have %" G_GUINT64_FORMAT
                      " bytes, and the source lists %" G_GUINT64_FORMAT "."),
                    rule->series, came->bytes, wanted->bytes);
        return FALSE;
    }
    return TRUE;
}
