#include "error.h"
#include "holds.h"
#include "i18n.h"
#include "intent.h"
#include "verbs.h"
#include "version_choice.h"

#include <string.h>

static json_t *hold_json(const Hold *hold)
{
    return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s*}", "ref", hold->ref, "version",
                     hold->version, "user", hold->user, "until", hold->until, "note", hold->note,
                     "since", hold->since);
}

/* A removal that began before looked for holds before there was this one. */
static gboolean check_stays(Mirror *mirror, const Hold *hold, GError **error)
{
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, hold->folder, hold->version, NULL);
    gboolean found = FALSE;
    if (lock && !intent_is_removal_of(mirror, hold->folder, hold->version)) {
        return TRUE;
    }
    if (hold_remove(mirror, hold->folder, hold->version, hold->user, &found, error)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_BUSY,
                    _("%s@%s is being removed by another run just now, and cannot be held any "
                      "more. Bring it again with: medmirror pull %s@%s"),
                    hold->ref, hold->version, hold->ref, hold->version);
    }
    return FALSE;
}

static gboolean hold_one(Invocation *invocation, Mirror *mirror, const char *text,
                         const char *until, const char *note, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(text, invocation->catalogue, error);
    g_autoptr(LockHeader) header = reference ? version_choose(mirror, reference, error) : NULL;
    if (!header) {
        return FALSE;
    }
    g_autofree char *label = version_label(header);
    g_autofree char *name = g_strndup(label, (gsize)(strrchr(label, '@') - label));
    const Hold hold = {.folder = header->folder,
                       .ref = name,
                       .version = header->version,
                       .until = (char *)until,
                       .note = (char *)note,
                       .user = (char *)g_get_user_name()};
    if (!hold_set(mirror, &hold, error) || !check_stays(mirror, &hold, error)) {
        return FALSE;
    }
    g_autofree char *words = hold_describe(&hold);
    console_note(invocation->console, _("%s is %s"), label, words);
    console_json(invocation->console, "hold", hold_json(&hold));
    return TRUE;
}

/* The hold of USER that is meant: of the version that is named, or the only one of the dataset. */
static const Hold *choose_hold(const Reference *reference, const GPtrArray *holds,
                               const char *version, const char *user, GError **error)
{
    const Hold *own = NULL, *other = NULL;
    for (guint i = 0; i < holds->len; i++) {
        const Hold *hold = g_ptr_array_index(holds, i);
        if (version && strcmp(hold->version, version) != 0) {
            continue;
        }
        if (strcmp(hold->user, user) != 0) {
            other = hold;
        } else if (own) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                        _("%s holds several versions of %s: %s, %s. Name one, as in: medmirror "
                          "release %s@%s"),
                        user, reference->ref, own->version, hold->version, reference->ref,
                        own->version);
            return NULL;
        } else {
            own = hold;
        }
    }
    if (!own && other) {
        g_autofree char *words = hold_describe(other);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s@%s is %s, and not by %s. To release it for them: medmirror release "
                      "--user %s %s@%s"),
                    other->ref, other->version, words, user, other->user, other->ref,
                    other->version);
    } else if (!own) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s%s%s is not held. What is, is told by: medmirror list"), reference->ref,
                    version ? "@" : "", version ? version : "");
    }
    return own;
}

static gboolean release_one(Invocation *invocation, Mirror *mirror, const char *text,
                            const char *user, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(text, invocation->catalogue, error);
    if (!reference) {
        return FALSE;
    }
    /* A hold may outlive its version, where that was deleted by hand. */
    g_autoptr(LockHeader) header =
        reference->version || reference->latest ? version_choose(mirror, reference, NULL) : NULL;
    const char *version = header ? header->version : reference->version;
    g_autoptr(GPtrArray) holds = hold_list(mirror, reference->folder, NULL, error);
    const Hold *hold = holds ? choose_hold(reference, holds, version, user, error) : NULL;
    gboolean found = FALSE;
    if (!hold || !hold_remove(mirror, hold->folder, hold->version, user, &found, error)) {
        return FALSE;
    }
    console_note(invocation->console, _("released     %s@%s"), hold->ref, hold->version);
    console_json(invocation->console, "released", hold_json(hold));
    return TRUE;
}

typedef struct {
    gboolean release;
    char *until, *note, *user;
} Holding;

static void holding_clear(Holding *holding)
{
    g_free(holding->until);
    g_free(holding->note);
    g_free(holding->user);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Holding, holding_clear)

static int run_each(Invocation *invocation, const Holding *holding)
{
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_CHANGE, &error);
    if (!mirror) {
        return invocation_fail(invocation, error);
    }
    int status = 0;
    for (guint i = 0; invocation->arguments[i]; i++) {
        const char *text = invocation->arguments[i];
        g_clear_error(&error);
        gboolean done =
            holding->release
                ? release_one(invocation, mirror, text,
                              holding->user ? holding->user : g_get_user_name(), &error)
                : hold_one(invocation, mirror, text, holding->until, holding->note, &error);
        int now = done ? 0 : invocation_fail(invocation, error);
        status = i == 0 ? now : exit_status_worst(status, now);
    }
    return status;
}

static int run_hold(Invocation *invocation)
{
    g_auto(Holding) holding = {0};
    const GOptionEntry entries[] = {
        {"until", 0, 0, G_OPTION_ARG_FILENAME, &holding.until,
         N_("Up to this day (UTC), as in 2027-06-30; else until it is released"), "DATE"},
        {"note", 0, 0, G_OPTION_ARG_FILENAME, &holding.note, N_("What it is needed for"), "TEXT"},
        {"release", 0, 0, G_OPTION_ARG_NONE, &holding.release, N_("As: medmirror release REF"),
         NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0]) {
        return invocation_usage(invocation, _("Which version? Name one, as in: medmirror hold "
                                              "physionet/ptb-xl@1.0.3"));
    }
    if (holding.release && (holding.until || holding.note)) {
        return invocation_usage(invocation,
                                _("--release ends a hold; --until and --note describe one."));
    }
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *today = g_date_time_format(now, "%Y-%m-%d");
    if (holding.until && !hold_date_is_valid(holding.until)) {
        return invocation_usage(invocation, _("--until takes a day, as in 2027-06-30."));
    }
    if (holding.until && strcmp(holding.until, today) < 0) {
        return invocation_usage(invocation, _("--until %s is over already; today is %s."),
                                holding.until, today);
    }
    return run_each(invocation, &holding);
}

static int run_release(Invocation *invocation)
{
    g_auto(Holding) holding = {.release = TRUE};
    const GOptionEntry entries[] = {{"user", 0, 0, G_OPTION_ARG_FILENAME, &holding.user,
                                     N_("The hold of this user in place of one's own"), "NAME"},
                                    {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0]) {
        return invocation_usage(invocation, _("Which version? Name one, as in: medmirror release "
                                              "physionet/ptb-xl@1.0.3"));
    }
    return run_each(invocation, &holding);
}

const Verb verb_hold = {
    .name = "hold",
    .summary = N_("Keep a version as long as it is needed: nothing removes it"),
    .arguments = "REF[@VERSION]...",
    .help =
        N_("What is held is removed by no command (exit status 2, with who holds it). Everybody "
           "who works with a mirror has holds of their own, and a version is free when the last "
           "is released or over. list, show and status tell of them.\n\n"
           "Examples:\n"
           "  medmirror hold ptb-xl@1.0.3 --until 2027-06-30 --note 'MICCAI paper'\n"
           "  medmirror release ptb-xl@1.0.3"),
    .run = run_hold,
};

const Verb verb_release = {
    .name = "release",
    .summary = N_("End a hold"),
    .arguments = "REF[@VERSION]...",
    .help = N_("Ends one's own hold of a version; nothing is removed by it.\n\n"
               "Examples:\n"
               "  medmirror release ptb-xl@1.0.3\n"
               "  medmirror release --user ana ptb-xl@1.0.3"),
    .run = run_release,
};
