#include "physionet_words.h"

#include "credentials.h"
#include "i18n.h"

#define SITE "https://physionet.org"

PhysioNetPolicy physionet_policy(const char *access, const Manifest *manifest)
{
    static const struct {
        const char *name;
        PhysioNetPolicy policy;
    } names[] = {{"open", POLICY_OPEN},
                 {"restricted", POLICY_RESTRICTED},
                 {"credentialed", POLICY_CREDENTIALED},
                 {"contributor review", POLICY_REVIEW}};
    for (guint i = 0; access && i < G_N_ELEMENTS(names); i++)
        if (g_ascii_strcasecmp(access, names[i].name) == 0)
            return names[i].policy;
    if (access)
        return POLICY_CLOSED; /* whatever it is, it is not called open */
    if (!manifest || manifest->access == ACCESS_UNKNOWN)
        return POLICY_UNKNOWN;
    return manifest->access == ACCESS_OPEN ? POLICY_OPEN : POLICY_CLOSED;
}

static char *name_of(const PhysioNetCase *of)
{
    return of->version ? g_strdup_printf("%s %s", of->slug, of->version) : g_strdup(of->slug);
}

/* "/sign-dua/SLUG/VERSION/", or the page of all versions where none is named. */
static char *page_of(const PhysioNetCase *of, const char *before, const char *between)
{
    return of->version ? g_strconcat(SITE, before, of->slug, between, of->version, "/", NULL)
                       : g_strconcat(SITE "/content/", of->slug, "/", NULL);
}

static void add_line(GString *text, guint *number, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* NUMBER: of the step; NULL: a line of its own. */
static void add_line(GString *text, guint *number, const char *format, ...)
{
    va_list args;
    if (number)
        g_string_append_printf(text, "\n  %u  ", ++*number);
    else
        g_string_append(text, "\n  ");
    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);
}

static void add_steps(GString *text, const PhysioNetCase *of)
{
    guint step = 0;
    g_autofree char *project = page_of(of, "/content/", "/");
    g_autofree char *training = page_of(of, "/content/", "/view-required-training/");
    g_autofree char *agreement = page_of(of, "/sign-dua/", "/");
    g_autofree char *request = page_of(of, "/request-access/", "/");
    gboolean is_credentialed = of->policy != POLICY_RESTRICTED;
    if (is_credentialed) {
        add_line(text, &step, _("an account that is credentialed: %s"), project);
        add_line(text, &step, _("the training that the project asks for: %s"), training);
    } else {
        add_line(text, &step, _("an account: %s"), project);
    }
    if (of->policy == POLICY_REVIEW)
        add_line(text, &step, _("a request that its contributors accept: %s"), request);
    else
        add_line(text, &step, _("the agreement for this very version, signed: %s"), agreement);
    add_line(text, &step, "medmirror login physionet");
}

static void add_end(GString *text, const PhysioNetCase *of)
{
    g_string_append_printf(text, _("\nThen: medmirror pull %s"), of->ref);
    if (of->manifest && of->manifest->related->len)
        g_string_append_printf(text, _("\nOther data that may serve meanwhile: medmirror show %s"),
                               (const char *)g_ptr_array_index(of->manifest->related, 0));
}

char *physionet_words_no_login(const PhysioNetCase *of)
{
    g_autofree char *name = name_of(of);
    g_autofree char *project = page_of(of, "/content/", "/");
    GString *text = g_string_new(NULL);
    if (of->policy > POLICY_OPEN) {
        g_string_printf(text,
                        _("PhysioNet gives %s to nobody without a login, and there is none here. "
                          "It wants:"),
                        name);
        add_steps(text, of);
    } else {
        g_string_printf(text,
                        of->policy == POLICY_OPEN
                            ? _("PhysioNet asks for a login for this open dataset (%s), or refuses "
                                "your region, or its files are closed for download; its page: %s")
                            : _("PhysioNet gives %s to nobody without a login and the rights for "
                                "it, or refuses your region; what it wants: %s"),
                        name, project);
        g_string_append(text, _("\nWith an account, type: medmirror login physionet"));
    }
    add_end(text, of);
    return g_string_free(text, FALSE);
}

char *physionet_words_wrong_login(const PhysioNetCase *of, const char *user, const char *origin)
{
    g_autofree char *mend = credentials_mend("physionet", origin);
    return g_strdup_printf(_("PhysioNet does not know this user with this password: “%s”, from %s "
                             "(401). It was asked once and is not asked again in this run. %s"),
                           user, origin, mend);
}

char *physionet_words_no_right(const PhysioNetCase *of)
{
    g_autofree char *name = name_of(of);
    g_autofree char *project = page_of(of, "/content/", "/");
    g_autofree char *training = page_of(of, "/content/", "/view-required-training/");
    g_autofree char *agreement = page_of(of, "/sign-dua/", "/");
    g_autofree char *request = page_of(of, "/request-access/", "/");
    GString *text = g_string_new(NULL);
    g_string_printf(text, _("PhysioNet knows you, but you may not read %s (403). One of:"), name);
    if (of->policy == POLICY_REVIEW)
        add_line(text, NULL, _("your request for it is not accepted, or has expired: %s"), request);
    else if (of->policy != POLICY_OPEN)
        add_line(text, NULL, _("the agreement for this very version is not signed: %s"), agreement);
    if (of->policy != POLICY_OPEN && of->policy != POLICY_RESTRICTED)
        add_line(text, NULL, _("your training has expired, or you are not credentialed: %s"),
                 training);
    add_line(text, NULL, _("its files are closed for download: %s"), project);
    add_line(text, NULL, _("your region is refused"));
    add_end(text, of);
    return g_string_free(text, FALSE);
}

char *physionet_words_before(const PhysioNetCase *of)
{
    if (of->policy <= POLICY_OPEN)
        return NULL;
    GString *text =
        g_string_new(_("PhysioNet gives its files to those alone who log in and have:"));
    add_steps(text, of);
    g_string_append_printf(text, _("\nThen: medmirror pull %s"), of->ref);
    return g_string_free(text, FALSE);
}
