#include "error.h"
#include "holds.h"
#include "i18n.h"
#include "lock_facts.h"
#include "progress.h"
#include "size_text.h"
#include "verbs.h"
#include "version_choice.h"

#include <string.h>

#define SIZE_COLUMNS 9 /* "999 bytes" */

/* The first of the holds in HOLDS that protects this version; *COUNT: how many do. */
static const Hold *find_holds(const GPtrArray *holds, const LockHeader *header, guint *count,
                              json_t *list)
{
    const Hold *first = NULL;
    *count = 0;
    for (guint i = 0; holds && i < holds->len; i++) {
        const Hold *hold = g_ptr_array_index(holds, i);
        if (hold->is_over || strcmp(hold->folder, header->folder) != 0 ||
            strcmp(hold->version, header->version) != 0) {
            continue;
        }
        first = first ? first : hold;
        (*count)++;
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s?, s:s?}", "user", hold->user, "since",
                                        hold->since, "until", hold->until, "note", hold->note));
    }
    return first;
}

static json_t *header_json(const Mirror *mirror, const LockHeader *header)
{
    g_autofree char *path = mirror_version_path(mirror, header->folder, header->version);
    g_autofree char *selection = selection_to_json(header->selection);
    json_t *facts = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:b, s:I, s:I, s:I, s:I, s:s, s:s}", "ref", header->ref,
        "version", header->version, "path", path, "files", (json_int_t)header->held_files, "bytes",
        (json_int_t)header->held_bytes, "whole", lock_header_is_whole(header), "listed",
        (json_int_t)header->listed_downloads, "skipped", (json_int_t)header->skipped, "absent",
        (json_int_t)header->absent, "failed", (json_int_t)header->failed, "fingerprint",
        header->fingerprint, "updated", header->updated ? header->updated : "");
    json_object_set_new(facts, "id", header->id ? json_string(header->id) : json_null());
    json_object_set_new(facts, "in_place",
                        header->in_place ? json_string(header->in_place) : json_null());
    json_object_set_new(facts, "selection",
                        selection ? json_loads(selection, JSON_DECODE_ANY, NULL) : json_null());
    return facts;
}

static char *describe_holds(const Hold *first, guint count)
{
    g_autofree char *words = first ? hold_describe(first) : NULL;
    return count == 0   ? g_strdup("")
           : count == 1 ? g_strdup_printf("  %s", words)
                        : g_strdup_printf(_("  %s, and %u more"), words, count - 1);
}

static void print_header(Invocation *invocation, const Mirror *mirror, const LockHeader *header,
                         const GPtrArray *holds, guint name_columns)
{
    guint count = 0;
    json_t *facts = header_json(mirror, header);
    json_t *list = json_array();
    const Hold *first = find_holds(holds, header, &count, list);
    json_object_set_new(facts, "holds", list);
    console_json(invocation->console, "dataset", facts);
    g_autofree char *held = describe_holds(first, count);
    g_autofree char *name = version_label(header);
    g_autofree char *padded =
        name_columns ? text_pad(name, MAX(name_columns, text_columns(name))) : g_strdup(name);
    g_autofree char *bytes = size_text(header->held_bytes);
    g_autofree char *size = text_pad(bytes, SIZE_COLUMNS);
    g_autofree char *part = NULL;
    if (!lock_header_is_whole(header)) {
        g_autofree char *what = lock_facts_part(header);
        part = g_strdup_printf(_("  part: %s"), what);
    }
    g_autofree char *place =
        header->in_place ? g_strdup_printf(_("  in place: %s"), header->in_place) : g_strdup("");
    gboolean has_id = header->id && !g_str_has_suffix(header->ref, header->id);
    console_answer(invocation->console,
                   ngettext("%s  %s  %6" G_GUINT64_FORMAT " file   %.16s…%s%s%s%s%s",
                            "%s  %s  %6" G_GUINT64_FORMAT " files  %.16s…%s%s%s%s%s",
                            header->held_files),
                   padded, size, header->held_files, header->fingerprint ? header->fingerprint : "",
                   has_id ? "  " : "", has_id ? header->id : "", part ? part : "", place, held);
}

static gboolean is_asked(Invocation *invocation, const LockHeader *header, GError **error)
{
    if (!invocation->arguments[0]) {
        return TRUE;
    }
    for (guint i = 0; invocation->arguments[i]; i++) {
        g_autoptr(Reference) reference =
            reference_parse(invocation->arguments[i], invocation->catalogue, error);
        if (!reference) {
            return FALSE;
        }
        if (strcmp(reference->folder, header->folder) == 0 && version_is_meant(reference, header)) {
            return TRUE;
        }
    }
    return FALSE;
}

/* A name that nothing here answers to is said, whatever else was listed. */
static gboolean all_are_here(Invocation *invocation, Mirror *mirror, GError **error)
{
    for (guint i = 0; invocation->arguments[i]; i++) {
        g_autoptr(Reference) reference =
            reference_parse(invocation->arguments[i], invocation->catalogue, error);
        g_autoptr(GPtrArray) versions =
            reference ? mirror_versions(mirror, reference->folder, error) : NULL;
        if (!versions) {
            return FALSE;
        }
        gboolean found = FALSE;
        for (guint k = 0; k < versions->len && !found; k++) {
            found = version_is_meant(reference, g_ptr_array_index(versions, k));
        }
        if (!found) {
            version_set_missing(mirror, reference, error);
            return FALSE;
        }
    }
    return TRUE;
}

/* Hidden they would be forgotten. The last one is the error. */
static gboolean tell_damaged_locks(Invocation *invocation, Mirror *mirror, GError **error)
{
    g_autoptr(GPtrArray) all = mirror_damaged_locks(mirror, NULL);
    for (guint i = 0; i < all->len; i++) {
        g_autoptr(GError) damaged = NULL;
        version_set_damaged(all->pdata[i], invocation->catalogue, &damaged);
        if (i + 1 == all->len) {
            g_propagate_error(error, g_steal_pointer(&damaged));
            return FALSE;
        }
        console_error(invocation->console, damaged->message);
    }
    return TRUE;
}

static int list(Invocation *invocation, GError **error)
{
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, error);
    g_autoptr(GPtrArray) headers = mirror ? mirror_list(mirror, error) : NULL;
    if (!headers) {
        return 1;
    }
    /* Holds that cannot be read hide nothing of what is here. */
    g_autoptr(GPtrArray) holds = hold_list(mirror, NULL, NULL, NULL);
    g_autoptr(GError) wrong = NULL;
    guint columns = 0;
    guint shown = 0;
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        g_autofree char *name = version_label(header);
        columns = MAX(columns, MIN(text_columns(name), 60));
    }
    for (guint i = 0; i < headers->len && !wrong; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        if (is_asked(invocation, header, &wrong)) {
            print_header(invocation, mirror, header, holds, columns);
            shown++;
        }
    }
    if (wrong) {
        g_propagate_error(error, g_steal_pointer(&wrong));
        return 1;
    }
    if (!invocation->arguments[0] && !tell_damaged_locks(invocation, mirror, error)) {
        return 1;
    }
    if (!shown && !invocation->arguments[0]) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("Nothing is in the mirror %s yet. Bring a dataset with: medmirror pull REF"),
                    invocation->mirror_path);
        return 1;
    }
    return all_are_here(invocation, mirror, error) ? 0 : 1;
}

static int run(Invocation *invocation)
{
    int status = 0;
    if (!invocation_parse(invocation, NULL, &status)) {
        return status;
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error) || list(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return 0;
}

const Verb verb_list = {
    .name = "list",
    .summary = N_("What is in the mirror"),
    .arguments = "[REF...]",
    .help = N_("One line a version: name, size, number of files, the beginning of its fingerprint, "
               "the selection where "
               "only a part is here, and who holds it. Opens no connection.\n\n"
               "Examples:\n"
               "  medmirror list\n"
               "  medmirror list --json mitdb"),
    .run = run,
};
