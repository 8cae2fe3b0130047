#include "kaggle_words.h"

#include "credentials.h"
#include "error.h"
#include "i18n.h"

#define SETTINGS KAGGLE_SITE "/settings"
#define NEXT_LINE "\n  "

static char *rules_of(const KaggleName *name)
{
    return g_strconcat(KAGGLE_SITE "/competitions/", name->slug, "/rules", NULL);
}

static void add_line(GString *text, guint *number, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* NUMBER: of the step; NULL: a line of its own. */
static void add_line(GString *text, guint *number, const char *format, ...)
{
    va_list args;
    g_string_append(text, NEXT_LINE);
    if (number)
        g_string_append_printf(text, "%u  ", ++*number);
    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);
}

static void add_end(GString *text, const KaggleCase *of)
{
    g_string_append_printf(text, _("\nThen: medmirror pull %s"), of->ref);
}

/* What a person needs who has nothing yet. */
static void add_steps(GString *text, const KaggleCase *of)
{
    guint step = 0;
    g_autofree char *page = kaggle_name_page(of->name);
    if (of->name->owner) {
        add_line(text, &step,
                 _("an account, and where the page asks for it a click of consent: %s"), page);
    } else {
        g_autofree char *rules = rules_of(of->name);
        add_line(text, &step, _("an account with a telephone number that is verified: %s"),
                 SETTINGS);
        add_line(text, &step,
                 _("the rules of the competition, accepted in a browser (no program can do it; "
                   "where it is closed, by “Late Submission”): %s"),
                 rules);
    }
    add_line(text, &step, _("a token, made at %s"), SETTINGS);
    add_line(text, &step, "medmirror login kaggle");
    add_end(text, of);
}

static char *words_no_login(const KaggleCase *of)
{
    g_autofree char *name = kaggle_name_text(of->name);
    GString *text = g_string_new(NULL);
    g_string_printf(text,
                    _("Kaggle gives %s to nobody without a login, and there is none here (401). It "
                      "wants:"),
                    name);
    add_steps(text, of);
    return g_string_free(text, FALSE);
}

static char *words_wrong_login(const KaggleCase *of)
{
    g_autofree char *mend = credentials_mend("kaggle", of->login->origin);
    if (of->login->kind == CREDENTIAL_TOKEN)
        return g_strdup_printf(
            _("Kaggle does not know the token from %s (401), or it has expired. It was asked once "
              "and is not asked again in this run. Make a new one at %s. %s"),
            of->login->origin, SETTINGS, mend);
    return g_strdup_printf(
        _("Kaggle does not know the user “%s” with the key from %s (401). Making a new key ends "
          "the one before; it was asked once and is not asked again in this run. Make one, or a "
          "token, at %s. %s"),
        of->login->user, of->login->origin, SETTINGS, mend);
}

static char *words_rules(const KaggleCase *of)
{
    g_autofree char *rules = rules_of(of->name);
    return g_strdup_printf(
        _("The rules of the competition %s are not accepted by this account (403). Accept them in "
          "a "
          "browser, for no program can do it: %s\nWhere the competition is closed, the button is "
          "called “Late Submission”; where it is grey, nobody can join any more.\nThen: medmirror "
          "pull %s"),
        of->name->slug, rules, of->ref);
}

/* In the order in which they are worth a look. */
static char *words_forbidden(const KaggleCase *of, const KaggleSaid *said)
{
    g_autofree char *name = kaggle_name_text(of->name);
    g_autofree char *page = kaggle_name_page(of->name);
    GString *text = g_string_new(NULL);
    g_string_printf(text, _("Kaggle refuses %s (403"), name);
    if (said->message)
        g_string_append_printf(text, ": %s", said->message);
    g_string_append(text, of->login ? _(") to this account. One of:")
                                    : _("), and there is no login here. One of:"));
    if (!of->login)
        add_line(text, NULL,
                 _("it wants an account: make a token at %s and type: medmirror login "
                   "kaggle"),
                 SETTINGS);
    if (!of->name->owner) {
        g_autofree char *rules = rules_of(of->name);
        add_line(text, NULL, _("its rules are not accepted, or it is not joined: %s"), rules);
    }
    if (of->login)
        add_line(text, NULL, _("the account's telephone number is not verified: %s"), SETTINGS);
    add_line(text, NULL, _("its page asks for a click of consent, or it is private: %s"), page);
    add_end(text, of);
    return g_string_free(text, FALSE);
}

static char *words_blocked(const KaggleCase *of)
{
    g_autofree char *page = kaggle_name_page(of->name);
    return g_strdup_printf(
        _("Kaggle refuses %s without a word (403, an empty answer). The same has been seen to work "
          "from another network at the same time, so it may refuse this one. Look whether %s opens "
          "in a browser here, and whether it asks for consent or rules.\nThen: medmirror pull %s"),
        of->ref, page, of->ref);
}

static char *words_permission(const KaggleCase *of, const KaggleSaid *said)
{
    return g_strdup_printf(
        _("Kaggle has nothing of the name %s for this account (403: %s): it answers so where the "
          "name is wrong, and where it is private. Look for its page at %s and type: medmirror "
          "pull ADDRESS"),
        of->ref, said->message, KAGGLE_SITE);
}

static char *words_absent(const KaggleCase *of, const KaggleSaid *said)
{
    g_autofree char *page = kaggle_name_page(of->name);
    if (said->kind == KAGGLE_SAID_ABSENT && !of->login && of->name->owner)
        return g_strdup_printf(
            _("Kaggle has no %s (%d), or it is private. See whether its page is there: %s With the "
              "right name, type: medmirror pull kaggle/OWNER/SLUG; where it is private to you, "
              "first: medmirror login kaggle"),
            of->ref, said->code, page);
    return g_strdup_printf(
        said->kind == KAGGLE_SAID_ABSENT
            ? _("Kaggle has no %s (%d), or it is private. See whether its page is there: %s")
            : _("Kaggle has no %s (%d, without a word). See whether its page is there: %s Where it "
                "is, Kaggle may refuse this network."),
        of->ref, said->code, page);
}

static char *words_throttled(const KaggleCase *of, const KaggleSaid *said)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autoptr(GDateTime) then = g_date_time_add_seconds(now, (double)said->wait_ms / 1000.0 + 60);
    g_autofree char *until = said->wait_ms > 0 ? g_date_time_format(then, "%Y-%m-%d %H:%M") : NULL;
    GString *text = g_string_new(NULL);
    g_string_printf(text, _("Kaggle asks for fewer requests (%d)."), said->code);
    if (until)
        g_string_append_printf(text, _(" It wants to be left alone until %s."), until);
    g_string_append_printf(text,
                           _(" Its limits are not published, count for each kind of request, and "
                             "have lasted longer than half an hour. After that, type: medmirror "
                             "pull %s"),
                           of->ref);
    return g_string_free(text, FALSE);
}

static char *words_trouble(const KaggleCase *of, const KaggleSaid *said)
{
    const char *message = said->message ? said->message : _("nothing more");
    switch (said->kind) {
    case KAGGLE_SAID_THROTTLED:
        return words_throttled(of, said);
    case KAGGLE_SAID_PAGE:
        return g_strdup_printf(_("Kaggle answered for %s with a web page (%s) in place of data. "
                                 "Open %s in a browser on this machine; then type: medmirror pull "
                                 "%s"),
                               of->ref, message, KAGGLE_SITE, of->ref);
    case KAGGLE_SAID_FILTER:
        return g_strdup_printf(_("A proxy or a filter answers in Kaggle's place for %s (%d: %s). "
                                 "Open %s in a browser on this machine; then type: medmirror pull "
                                 "%s"),
                               of->ref, said->code, message, KAGGLE_SITE, of->ref);
    case KAGGLE_SAID_TROUBLE:
        return g_strdup_printf(_("Kaggle has a trouble of its own with %s (%d: %s). Later, type: "
                                 "medmirror pull %s"),
                               of->ref, said->code, message, of->ref);
    default:
        return g_strdup_printf(_("Kaggle does not take the question for %s (%d: %s). Look at what "
                                 "it has: medmirror versions %s"),
                               of->ref, said->code, message, of->ref);
    }
}

void kaggle_set_error(const KaggleCase *of, const KaggleSaid *said, GError **error)
{
    MedmirrorError code = MEDMIRROR_ERROR_ACCESS;
    g_autofree char *words = NULL;
    switch (said->kind) {
    case KAGGLE_SAID_LOGIN:
        words = of->login ? words_wrong_login(of) : words_no_login(of);
        break;
    case KAGGLE_SAID_RULES:
        words = of->name->owner ? words_forbidden(of, said) : words_rules(of);
        break;
    case KAGGLE_SAID_FORBIDDEN:
        words = words_forbidden(of, said);
        break;
    case KAGGLE_SAID_BLOCKED:
        words = words_blocked(of);
        break;
    case KAGGLE_SAID_PERMISSION:
        code = MEDMIRROR_ERROR_ABSENT;
        words = words_permission(of, said);
        break;
    case KAGGLE_SAID_ABSENT:
    case KAGGLE_SAID_ABSENT_MUTELY:
        code = MEDMIRROR_ERROR_ABSENT;
        words = words_absent(of, said);
        break;
    default:
        code = MEDMIRROR_ERROR_ORIGIN;
        words = words_trouble(of, said);
        break;
    }
    g_set_error_literal(error, MEDMIRROR_ERROR, (gint)code, words);
}

char *kaggle_words_before(const KaggleCase *of)
{
    GString *text = g_string_new(
        of->name->owner ? _("Kaggle gives public datasets to everybody. Where this one "
                            "is refused, it wants:")
                        : _("Kaggle gives a competition's data to those alone who "
                            "have:"));
    add_steps(text, of);
    return g_string_free(text, FALSE);
}

char *kaggle_describe_access(const Fetcher *fetcher, const json_t *locator,
                             const Manifest *manifest, int status)
{
    g_auto(KaggleName) name = kaggle_name_of(locator);
    g_autofree char *ref = manifest ? g_strdup(manifest->id) : kaggle_ref(fetcher, locator);
    static const Credential some = {.kind = CREDENTIAL_TOKEN};
    const KaggleCase of = {.name = &name, .ref = ref, .login = status == 403 ? &some : NULL};
    const KaggleSaid said = {.kind = KAGGLE_SAID_FORBIDDEN, .code = 403};
    switch (status) {
    case 0: /* the catalogue's own steps say it all, where there are some */
        return manifest && manifest->steps_en->len ? NULL : kaggle_words_before(&of);
    case 401:
        return words_no_login(&of);
    case 403:
        return words_forbidden(&of, &said);
    case 404: {
        const KaggleSaid absent = {.kind = KAGGLE_SAID_ABSENT, .code = 404};
        return words_absent(&of, &absent);
    }
    default:
        return NULL;
    }
}
