#include "job_version.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <string.h>

void version_name_free(VersionName *name)
{
    if (name) {
        g_free(name->version);
        g_free(name->from);
        g_free(name->state);
        g_free(name);
    }
}

static const LockHeader *find(const VersionQuestion *question, const char *version,
                              const char *state)
{
    for (guint i = 0; i < question->versions->len; i++) {
        const LockHeader *header = g_ptr_array_index(question->versions, i);
        if ((!version || g_strcmp0(header->version, version) == 0) &&
            (!state || g_strcmp0(header->source_state, state) == 0)) {
            return header;
        }
    }
    return NULL;
}

static char *today(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    return g_date_time_format(now, "%Y-%m-%d");
}

/* NAME, or NAME+DATE, or NAME+DATE.2 ...: the first that no version bears. */
static char *free_name(const VersionQuestion *question, const char *name)
{
    if (!find(question, name, NULL)) {
        return g_strdup(name);
    }
    g_autofree char *date = today();
    g_autofree char *dated =
        strcmp(name, date) == 0 ? g_strdup(name) : g_strdup_printf("%s+%s", name, date);
    for (guint i = 1;; i++) {
        char *candidate = i == 1 ? g_strdup(dated) : g_strdup_printf("%s.%u", dated, i);
        if (!find(question, candidate, NULL)) {
            return candidate;
        }
        g_free(candidate);
    }
}

static VersionName *name_standing(const LockHeader *standing, char *state)
{
    VersionName *name = g_new0(VersionName, 1);
    name->version = g_strdup(standing->version);
    name->from = g_strdup(standing->version_from);
    name->state = state;
    name->standing = standing;
    return name;
}

static VersionName *name_new(char *version, const char *from, char *state)
{
    VersionName *name = g_new0(VersionName, 1);
    name->version = version;
    name->from = g_strdup(from);
    name->state = state;
    return name;
}

VersionName *version_name_choose(const VersionQuestion *question, GError **error)
{
    if (question->unchanged) {
        return name_standing(question->unchanged, NULL);
    }
    g_autofree char *state = spool_source_state(question->spool, question->head, error);
    if (!state) {
        return NULL;
    }
    const char *own = question->head->version;
    if (!own) {
        const LockHeader *same = find(question, NULL, state);
        if (same) {
            return name_standing(same, g_steal_pointer(&state));
        }
        g_autofree char *date =
            question->head->newest_change ? g_strndup(question->head->newest_change, 10) : today();
        return name_new(free_name(question, date),
                        question->head->newest_change ? "listing" : "first pull",
                        g_steal_pointer(&state));
    }
    g_autofree char *part = relpath_encode_part(own);
    for (guint i = 0; i < question->versions->len; i++) {
        const LockHeader *header = g_ptr_array_index(question->versions, i);
        gboolean named =
            strcmp(header->version, part) == 0 ||
            (g_str_has_prefix(header->version, part) && header->version[strlen(part)] == '+');
        if (named && g_strcmp0(header->source_state, state) == 0) {
            return name_standing(header, g_steal_pointer(&state));
        }
    }
    const LockHeader *standing = find(question, part, NULL);
    if (!standing) {
        return name_new(g_steal_pointer(&part), "source", g_steal_pointer(&state));
    }
    /* One that was adopted without the source's listing: each file is judged by its own digest. */
    if (!standing->source_state) {
        return name_standing(standing, g_steal_pointer(&state));
    }
    if (!question->refresh) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s@%s has changed at the source since %.10s: its listing was %.12s and is "
                      "%.12s now. What is "
                      "here was not touched. Take it as a new version beside it with: medmirror "
                      "pull --refresh %s"),
                    question->reference->ref, own, standing->created, standing->source_state, state,
                    question->reference->ref);
        return NULL;
    }
    return name_new(free_name(question, part), "source", g_steal_pointer(&state));
}

VersionName *version_name_unlisted(const VersionQuestion *question, const char *wanted)
{
    g_autofree char *part = wanted ? relpath_encode_part(wanted) : NULL;
    const LockHeader *standing = part ? find(question, part, NULL) : NULL;
    g_autofree char *date = today();
    return standing ? name_standing(standing, NULL)
           : part   ? name_new(g_steal_pointer(&part), "source", NULL)
                    : name_new(free_name(question, date), "first pull", NULL);
}
