#include "mirror_policy.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "durable.h"
#include "error.h"
#include "i18n.h"
#include "verdict.h"

#define POLICY "policy"

void mirror_policy_clear(MirrorPolicy *policy)
{
    g_clear_pointer(&policy->group, g_free);
}

static gboolean take_number(const json_t *object, const char *key, guint64 *number)
{
    const json_t *value = json_object_get(object, key);
    *number = SIZE_UNKNOWN;
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        *number = (guint64)json_integer_value(value);
    return value == NULL || json_is_null(value) || *number != SIZE_UNKNOWN;
}

gboolean mirror_policy_read(int private_fd, MirrorPolicy *policy, GError **error)
{
    gboolean absent = FALSE;
    mirror_policy_clear(policy);
    *policy = (MirrorPolicy){NULL, SIZE_UNKNOWN, SIZE_UNKNOWN};
    g_autoptr(GError) problem = NULL;
    g_autofree char *text = small_file_read(private_fd, POLICY, 65536, &absent, &problem);
    if (text == NULL) {
        if (!absent)
            g_propagate_error(error, g_steal_pointer(&problem));
        return absent;
    }
    json_t *object = json_loads(text, 0, NULL);
    const json_t *group = json_object_get(object, "group");
    policy->group = g_strdup(json_string_value(group));
    gboolean right = json_is_object(object) &&
                     (group == NULL || json_is_null(group) || json_is_string(group)) &&
                     take_number(object, "max_size", &policy->max_size) &&
                     take_number(object, "max_files", &policy->max_files);
    json_decref(object);
    if (!right)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("The mirror's policy (.medmirror/" POLICY
                      ") cannot be understood. It is written anew by: medmirror init DIR"));
    return right;
}

static json_t *number_or_null(guint64 number)
{
    return number == SIZE_UNKNOWN ? json_null() : json_integer((json_int_t)number);
}

gboolean mirror_policy_write(int private_fd, const MirrorPolicy *policy, GError **error)
{
    json_t *object =
        json_pack("{s:s?, s:o, s:o}", "group", policy->group, "max_size",
                  number_or_null(policy->max_size), "max_files", number_or_null(policy->max_files));
    char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT | JSON_PRESERVE_ORDER);
    json_decref(object);
    if (text == NULL)
        return error_set_storage(error, EILSEQ, _("cannot write the mirror's policy"));
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    free(text);
    durable_sweep(private_fd, POLICY, DURABLE_SWEEP_SECONDS);
    return durable_replace(private_fd, POLICY, line, 0644, error);
}
