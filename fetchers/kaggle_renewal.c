#include "kaggle_renewal.h"

#include "error.h"
#include "event_log.h"
#include "i18n.h"

#include <pthread.h>
#include <string.h>

#define SOURCE "kaggle"

/* Who comes while another asks waits for what that one gets. */
static pthread_mutex_t renewing = PTHREAD_MUTEX_INITIALIZER;

static KaggleCall make_call(const char *renewal)
{
    return (KaggleCall){
        .path = g_strdup("/access-tokens/generate"),
        .method = "users.AccountService/GenerateAccessToken",
        .message = json_pack("{s:s, s:s, s:s}", "refreshToken", renewal, "apiVersion",
                             "API_VERSION_V1", "expirationDuration", "43200s"),
        .always_posts = TRUE,
    };
}

static void wipe_text(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (json_is_string(value))
        explicit_bzero((char *)json_string_value(value), json_string_length(value));
}

/* What a header's line can hold. */
static gboolean is_sendable(const char *text)
{
    for (const char *at = text; *at; at++)
        if (g_ascii_iscntrl(*at) || *at == ' ')
            return FALSE;
    return *text != '\0';
}

static Credential *ask(KaggleDoor *door, const Credential *expired, KaggleSaid *said,
                       GError **error)
{
    g_auto(KaggleCall) call = make_call(expired->renewal);
    g_auto(KaggleAnswer) answer = {0};
    Credential *made = NULL;
    if (kaggle_ask_as(door, &call, NULL, &answer, said, error)) {
        const char *token = json_string_value(json_object_get(answer.json, "token"));
        made = token && is_sendable(token)
                   ? credential_new(CREDENTIAL_TOKEN, NULL, token, expired->origin)
                   : NULL;
        wipe_text(answer.json, "token");
    }
    wipe_text(call.message, "refreshToken");
    return made;
}

static void tell_refused(const Credential *expired, const KaggleSaid *said, const GError *why)
{
    const char *reason = why             ? why->message
                         : said->message ? said->message
                                         : _("there is no token in its answer");
    event_log(EVENT_LOG_WARNING,
              _("The login of Kaggle's own tool in %s has expired, and Kaggle did not renew it "
                "(%s), so it is not used. Log in with that tool again; or type: medmirror login "
                "kaggle"),
              expired->origin, reason);
}

/* With the lock held: EXPIRED is the run's still. NULL with an error: the run ends. */
static void renew(KaggleDoor *door, const Credential *expired, GError **error)
{
    g_auto(KaggleSaid) said = {0};
    GError *why = NULL;
    g_autoptr(Credential) now = ask(door, expired, &said, &why);
    if (g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED)) {
        g_propagate_error(error, why);
        return;
    }
    if (!now)
        tell_refused(expired, &said, why);
    g_clear_error(&why);
    door->services->renew_credential(door->services, SOURCE, now);
}

Credential *kaggle_renew(KaggleDoor *door, Credential *expired, GError **error)
{
    HostServices *services = door->services;
    GError *why = NULL;
    credential_free(expired);
    if (!services->renew_credential)
        return NULL;
    pthread_mutex_lock(&renewing);
    Credential *now = services->credential(services, SOURCE, door->base, &why);
    if (now && now->renewal) {
        renew(door, now, &why);
        g_clear_pointer(&now, credential_free);
        if (!why)
            now = services->credential(services, SOURCE, door->base, &why);
    }
    pthread_mutex_unlock(&renewing);
    if (now && now->renewal) /* never sent as it is */
        g_clear_pointer(&now, credential_free);
    if (why)
        g_propagate_error(error, why);
    return now;
}
