#include "ask.h"
#include "error.h"
#include "i18n.h"
#include "job_remove.h"
#include "verbs.h"
#include "version_choice.h"

#include <string.h>

typedef struct {
    Invocation *invocation;
    gboolean all, yes, dry_run, unfinished, no_wait;
    Mirror *mirror;
    GPtrArray *headers;   /* LockHeader*: what goes */
    GPtrArray *begun;     /* UnfinishedInfo*: unfinished pulls that go */
    GPtrArray *all_begun; /* those of the mirror, while not NULL */
} Removing;

static void removing_clear(Removing *removing)
{
    g_clear_pointer(&removing->headers, g_ptr_array_unref);
    g_clear_pointer(&removing->begun, g_ptr_array_unref);
    g_clear_pointer(&removing->all_begun, g_ptr_array_unref);
    g_clear_pointer(&removing->mirror, mirror_close);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Removing, removing_clear)

static void add_sentence(GError *error, const char *sentence)
{
    g_autofree char *more =
        g_strdup_printf("%s%s%s", error->message, *sentence == '.' ? "" : " ", sentence);
    g_free(error->message);
    error->message = g_steal_pointer(&more);
}

static void add_header(Removing *removing, const LockHeader *header)
{
    for (guint i = 0; i < removing->headers->len; i++) {
        const LockHeader *other = g_ptr_array_index(removing->headers, i);
        if (strcmp(other->folder, header->folder) == 0 &&
            strcmp(other->version, header->version) == 0) {
            return;
        }
    }
    g_ptr_array_add(removing->headers, lock_header_copy(header));
}

/* The unfinished pull of the dataset that nobody works on; NULL where none is. Its place. */
static gboolean find_unfinished(const Removing *removing, const char *folder, guint *at)
{
    for (guint i = 0; i < removing->all_begun->len; i++) {
        const UnfinishedInfo *info = g_ptr_array_index(removing->all_begun, i);
        if (strcmp(info->folder, folder) == 0) {
            *at = i;
            return TRUE;
        }
    }
    return FALSE;
}

static gboolean choose_versions(Removing *removing, const Reference *reference, GError **error)
{
    guint at = 0;
    gboolean begun = find_unfinished(removing, reference->folder, &at);
    if (removing->unfinished && begun) {
        g_ptr_array_add(removing->begun, g_ptr_array_steal_index(removing->all_begun, at));
    }
    g_autoptr(GPtrArray) versions = mirror_versions(removing->mirror, reference->folder, error);
    if (!versions) {
        return FALSE;
    }
    if (removing->unfinished && begun && versions->len == 0) {
        return TRUE;
    }
    if (removing->all && versions->len && !reference->version) {
        for (guint i = 0; i < versions->len; i++) {
            add_header(removing, g_ptr_array_index(versions, i));
        }
        return TRUE;
    }
    g_autoptr(LockHeader) header = version_choose(removing->mirror, reference, error);
    if (header) {
        add_header(removing, header);
    } else if (versions->len > 1 && !reference->version) {
        g_autofree char *newest = version_label(g_ptr_array_index(versions, 0));
        g_autofree char *sentence = g_strdup_printf(
            _(". It is removed by: medmirror remove %s, and all of them by: medmirror "
              "remove --all %s"),
            newest, reference->ref);
        add_sentence(*error, sentence);
    } else if (begun && !removing->unfinished) {
        g_autofree char *sentence =
            g_strdup_printf(_("A pull of it was begun and is not finished; what it left goes with: "
                              "medmirror remove --unfinished %s"),
                            reference->ref);
        add_sentence(*error, sentence);
    }
    return header != NULL;
}

static gboolean choose(Removing *removing, const char *text, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(text, removing->invocation->catalogue, error);
    if (!reference) {
        return FALSE;
    }
    if (removing->all && (reference->version || reference->latest)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s names one version, and --all means every one. All of them go with: "
                      "medmirror remove --all %s"),
                    text, reference->ref);
        return FALSE;
    }
    return choose_versions(removing, reference, error);
}

static gboolean plan(Job *job, Removing *removing, GError **error)
{
    Invocation *invocation = removing->invocation;
    g_autoptr(GError) failure = NULL;
    removing->mirror = mirror_open(
        invocation->mirror_path, removing->dry_run ? MIRROR_OPEN_READ : MIRROR_OPEN_CHANGE, error);
    removing->all_begun = removing->mirror ? stage_list_unfinished(removing->mirror, error) : NULL;
    if (!removing->all_begun) {
        return FALSE;
    }
    for (guint i = 0; invocation->arguments[i] && !failure; i++) {
        choose(removing, invocation->arguments[i], &failure);
    }
    if (!failure) {
        job_remove_look(job, removing->mirror, removing->headers, &failure);
    }
    if (!failure) {
        return TRUE;
    }
    if (invocation->arguments[1] && !job_is_cancelled(job)) {
        add_sentence(failure, _("Nothing was removed."));
    }
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* HEADER: of the version that could not be removed; NULL: none, or it is not known which. */
static int tell_error(Job *job, const LockHeader *header, GError *error)
{
    int status = error_exit_status(error);
    g_autofree char *label = header ? version_label(header) : NULL;
    g_autofree char *again = g_strdup_printf(
        "medmirror remove%s %s", job_settings(job)->mirror_words, label ? label : "REF");
    if (status == 8) {
        add_sentence(error, _("Who works here is told by: medmirror status"));
    }
    version_add_next(error, label, again);
    job_tell(job, JOB_EVENT_FAILURE, "error",
             json_pack("{s:i, s:s}", "exit", status, "message", error->message), "medmirror: %s",
             error->message);
    return status;
}

static int remove_planned(Job *job, Removing *removing)
{
    int status = 0;
    for (guint i = 0; i < removing->headers->len + removing->begun->len; i++) {
        g_autoptr(GError) error = NULL;
        gboolean is_version = i < removing->headers->len;
        if (job_is_cancelled(job)) {
            job_set_cancelled_error(job, "medmirror remove", &error);
        } else if (is_version) {
            job_remove_version(job, removing->mirror, g_ptr_array_index(removing->headers, i),
                               removing->no_wait, &error);
        } else {
            job_remove_unfinished(job, removing->mirror,
                                  g_ptr_array_index(removing->begun, i - removing->headers->len),
                                  removing->no_wait, &error);
        }
        if (error) {
            const LockHeader *header = is_version ? g_ptr_array_index(removing->headers, i) : NULL;
            int now = tell_error(job, header, error);
            status = status ? exit_status_worst(status, now) : now;
            if (now >= 130) {
                break;
            }
        }
    }
    return status;
}

static int remove_all(Job *job, gpointer data)
{
    Removing *removing = data;
    g_autoptr(GError) error = NULL;
    int status = 0;
    if (!plan(job, removing, &error)) {
        const GPtrArray *headers = removing->headers;
        status = tell_error(job, headers->len == 1 ? headers->pdata[0] : NULL, error);
    } else if (removing->dry_run) {
        for (guint i = 0; i < removing->headers->len; i++) {
            g_autofree char *label = version_label(g_ptr_array_index(removing->headers, i));
            job_answer(job, JOB_EVENT_DETAIL, "would-remove", json_pack("{s:s}", "ref", label),
                       NULL, label);
        }
    } else if (!removing->yes && can_ask(removing->invocation->console) &&
               !ask(job, _("This cannot be undone."))) {
        g_set_error_literal(&error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                            _("Nothing was removed. Without a question: medmirror remove --yes "
                              "REF"));
        status = tell_error(job, NULL, error);
    } else {
        status = remove_planned(job, removing);
    }
    job_tell(job, JOB_EVENT_DETAIL, "summary", json_pack("{s:i}", "exit", status), NULL);
    return status;
}

static int run(Invocation *invocation)
{
    g_auto(Removing)
        removing = {.invocation = invocation,
                    .headers = g_ptr_array_new_with_free_func((GDestroyNotify)lock_header_free),
                    .begun = g_ptr_array_new_with_free_func((GDestroyNotify)unfinished_info_free)};
    const GOptionEntry entries[] = {
        {"all", 0, 0, G_OPTION_ARG_NONE, &removing.all, N_("Every version of REF"), NULL},
        {"unfinished", 0, 0, G_OPTION_ARG_NONE, &removing.unfinished,
         N_("What an unfinished pull of REF left goes too"), NULL},
        {"yes", 'y', 0, G_OPTION_ARG_NONE, &removing.yes, N_("Do not ask"), NULL},
        {"no-wait", 0, 0, G_OPTION_ARG_NONE, &removing.no_wait,
         N_("End with exit status 8 where another run works on it"), NULL},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &removing.dry_run,
         N_("Say what would go, and remove nothing"), NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0]) {
        return invocation_usage(invocation, _("Which version? Name one, as in: medmirror remove "
                                              "physionet/mitdb@1.0.0"));
    }
    if (removing.dry_run && (removing.yes || removing.no_wait)) {
        return invocation_usage(invocation, _("--dry-run removes nothing: it asks nothing and "
                                              "waits for nobody, so that --yes and --no-wait "
                                              "have no effect beside it."));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    return invocation_run(invocation, remove_all, &removing);
}

const Verb verb_remove = {
    .name = "remove",
    .summary = N_("Take versions out of the mirror; says what that frees"),
    .arguments = "REF[@VERSION]...",
    .help = N_("Says first what goes, what that frees, and what stays because other versions share "
               "it. Files in the version's folder that are not the dataset's are moved to "
               "VERSION.extra/ beside it. On a terminal it asks; without one (a script) nothing "
               "is ever asked, and what was named goes. What somebody holds (medmirror hold) is "
               "refused. Of a version that was adopted in place, nothing but its registration "
               "goes. Standard output is the name of each version that went. What unfinished "
               "pulls and repairs left is the work of: medmirror prune\n\n"
               "Examples:\n"
               "  medmirror remove --dry-run physionet/mitdb@1.0.0\n"
               "  medmirror remove --yes --all uci/45"),
    .run = run,
};
