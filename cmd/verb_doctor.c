#include "error.h"
#include "external.h"
#include "i18n.h"
#include "progress.h"
#include "redact.h"
#include "size_text.h"
#include "verbs.h"

#include <archive.h>
#include <curl/curl.h>
#include <locale.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define PROBE_BYTES 65536
#define NAME_COLUMNS 15

static void line(Invocation *invocation, const char *name, const char *value)
{
    g_autofree char *padded = text_pad(name, NAME_COLUMNS);
    console_answer(invocation->console, "%s%s", padded, value);
    console_json(invocation->console, "fact",
                 json_pack("{s:s, s:s}", "name", name, "value", value));
}

static void tell_program(Invocation *invocation)
{
    struct utsname system = {0};
    uname(&system);
    g_autofree char *text =
        g_strdup_printf("medmirror %s, %s, Linux %s, %ld cores", MEDMIRROR_VERSION,
                        setlocale(LC_CTYPE, NULL), system.release, sysconf(_SC_NPROCESSORS_ONLN));
    line(invocation, _("program"), text);
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    g_autofree char *libraries = g_strdup_printf("libcurl %s, %s, %s, SQLite %s", curl->version,
                                                 curl->ssl_version ? curl->ssl_version : "-",
                                                 archive_version_string(), sqlite3_libversion());
    line(invocation, _("libraries"), libraries);
}

static void tell_mirror(Invocation *invocation)
{
    g_autofree char *text = g_strdup_printf(invocation->settings.mirror_is_chosen
                                                ? _("%s")
                                                : _("%s (not chosen; --mirror DIR chooses one)"),
                                            invocation->mirror_path);
    line(invocation, _("mirror"), text);
    g_autoptr(GError) error = NULL;
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, &error);
    if (!mirror) {
        line(invocation, "", error->message);
        return;
    }
    const RoomLimits limits = {.max_size = invocation->config->max_size,
                               .max_files = invocation->config->max_files,
                               .reserve = invocation->config->reserve};
    g_auto(Room) room = {0};
    if (room_measure(mirror, &limits, &room, &error)) {
        g_autofree char *size = size_text(room.bytes);
        g_autofree char *files = g_strdup_printf(
            _("%s and %" G_GUINT64_FORMAT " files free (%s)%s"), size, room.files, room.limited_by,
            file_system_is_network(mirror_fd(mirror))
                ? _("; a network file system: the index lies on the local disk")
                : "");
        line(invocation, _("room"), files);
    } else {
        line(invocation, _("room"), error->message);
    }
}

static void tell_catalogue(Invocation *invocation)
{
    g_autoptr(GPtrArray) ids = catalogue_ids(invocation->catalogue);
    g_autofree char *text =
        ids->len ? g_strdup_printf(ngettext("%u dataset", "%u datasets", ids->len), ids->len)
                 : g_strdup(_("none was found: no id is known, and datasets are named by their "
                              "source (physionet/mitdb). It belongs beside the program, in "
                              "catalog/, or where cmake --install puts it."));
    line(invocation, _("catalogue"), text);
}

static void tell_setting(Invocation *invocation, const char *name, const TrustSetting *setting)
{
    g_autofree char *shown = setting->value ? redact_proxy(setting->value) : g_strdup("-");
    g_autofree char *text = g_strdup_printf("%s (%s)", shown, setting->origin);
    line(invocation, name, text);
}

static void tell_network(Invocation *invocation)
{
    tell_setting(invocation, "proxy", &invocation->trust->proxy);
    tell_setting(invocation, "no-proxy", &invocation->trust->no_proxy);
    tell_setting(invocation, "ca-file", &invocation->trust->ca_file);
    tell_setting(invocation, "ca-dir", &invocation->trust->ca_dir);
    for (guint i = 0; i < invocation->config->files->len; i++) {
        line(invocation, _("configuration"), g_ptr_array_index(invocation->config->files, i));
    }
}

/* Those that are compiled in show by their endpoints below. */
static void tell_sources(Invocation *invocation)
{
    for (guint i = 0; fetchers[i]; i++) {
        const char *program = external_path(fetchers[i]);
        console_json(invocation->console, "source",
                     json_pack("{s:s, s:s, s:s?}", "name", fetchers[i]->row.name, "title",
                               fetchers[i]->row.title, "program", program));
        if (program) {
            g_autofree char *padded = text_pad(_("fetcher"), NAME_COLUMNS);
            console_answer(invocation->console, "%s%s: %s", padded, fetchers[i]->row.name, program);
        }
    }
}

/* netrc files are others', and used as they are. */
static gboolean is_open_to_others(const char *path)
{
    struct stat status;
    return g_path_is_absolute(path) && stat(path, &status) == 0 && (status.st_mode & 077) != 0;
}

static void tell_login(Invocation *invocation, const FetcherRow *row)
{
    const char *base =
        endpoints_base(invocation->endpoint_table, row->endpoints[0], row->name, row->endpoints[1]);
    g_autoptr(GError) error = NULL;
    g_autoptr(Credential) found =
        credentials_find(invocation->credentials, row->name, base, &error);
    g_autofree char *text = NULL;
    if (error) {
        text = g_strdup_printf("%s: %s", row->name, error->message);
    } else if (!found) {
        text =
            g_strdup_printf(_("%s: none. To store one: medmirror login %s"), row->name, row->name);
    } else if (is_open_to_others(found->origin)) {
        text =
            g_strdup_printf(_("%s: %s, from %s, which others can read: chmod 600 %s"), row->name,
                            found->user ? found->user : _("a token"), found->origin, found->origin);
    } else {
        text = g_strdup_printf(_("%s: %s, from %s; not tried here (medmirror login %s tries one)"),
                               row->name, found->user ? found->user : _("a token"), found->origin,
                               row->name);
    }
    line(invocation, _("login"), text);
    g_autofree char *agent = credentials_agent(invocation->credentials, row->name);
    if (agent) {
        g_autofree char *words =
            g_strdup_printf(_("“%s” where a login goes with it: %s takes logins from programs of "
                              "certain names alone; [source %s] user-agent changes it"),
                            agent, row->title, row->name);
        line(invocation, _("user agent"), words);
    }
}

static void tell_logins(Invocation *invocation)
{
    for (guint i = 0; fetchers[i]; i++) {
        if (fetchers[i]->row.login && fetchers[i]->row.endpoints[0]) {
            tell_login(invocation, &fetchers[i]->row);
        }
    }
}

static gboolean cancelled(gpointer data)
{
    return job_is_cancelled(data);
}

/* One small request a source: does it answer, and who issued its certificate? */
static void probe(Job *job, Invocation *invocation, const char *name, const char *base)
{
    g_autoptr(GError) error = NULL;
    Engine *engine = job_engine(job, &error);
    HostServices *services =
        engine ? documents_new(engine, invocation->endpoint_table, cancelled, job) : NULL;
    g_autofree char *url = g_strconcat(base, "/", NULL);
    DocumentRequest request = {.url = url,
                               .max_bytes = PROBE_BYTES,
                               .optional = TRUE,
                               .head_only = TRUE,
                               .any_status = TRUE};
    g_autoptr(Document) document = services ? services->get(services, &request, &error) : NULL;
    const char *issuer = document ? document->certificate_issuer : NULL;
    g_autofree char *text =
        document
            ? g_strdup_printf(_("%s answers (HTTP status %d)%s%s"), base, document->status,
                              issuer ? _("; certificate issued by ") : "", issuer ? issuer : "")
            : g_strdup(error->message);
    g_autofree char *padded = text_pad(name, NAME_COLUMNS);
    g_autofree char *row = g_strconcat(padded, text, NULL);
    job_answer(job, JOB_EVENT_DETAIL, "endpoint",
               json_pack("{s:s, s:s, s:b, s:s?, s:s}", "name", name, "base", base, "answers",
                         document != NULL, "issuer", issuer, "text", text),
               NULL, row);
    g_clear_pointer(&services, documents_free);
}

static void tell_unasked(Job *job, const char *name, const char *base)
{
    g_autofree char *padded = text_pad(name, NAME_COLUMNS);
    g_autofree char *row = g_strdup_printf(
        _("%s%s: not asked, for its source is sent elsewhere (--endpoint %s=URL sends it too)"),
        padded, base, name);
    job_answer(job, JOB_EVENT_DETAIL, "endpoint",
               json_pack("{s:s, s:s, s:b}", "name", name, "base", base, "asked", 0), NULL, row);
}

/* FALSE where a fetcher's program cannot tell its endpoint. */
static gboolean open_fetcher(Job *job, const Fetcher *fetcher)
{
    g_autoptr(GError) error = NULL;
    if (!fetcher->open || fetcher->open(fetcher, &error)) {
        return TRUE;
    }
    g_autofree char *padded = text_pad(fetcher->row.name, NAME_COLUMNS);
    g_autofree char *row = g_strconcat(padded, error->message, NULL);
    job_answer(job, JOB_EVENT_DETAIL, "endpoint",
               json_pack("{s:s, s:b, s:s}", "name", fetcher->row.name, "answers", 0, "text",
                         error->message),
               NULL, row);
    return FALSE;
}

static int probe_all(Job *job, gpointer data)
{
    Invocation *invocation = data;
    for (guint i = 0; fetchers[i]; i++) {
        if (job_is_cancelled(job) || !open_fetcher(job, fetchers[i])) {
            continue;
        }
        const char *const *endpoints = fetchers[i]->row.endpoints;
        for (guint k = 0; endpoints && endpoints[k]; k += 2) {
            const char *base = endpoints_base(invocation->endpoint_table, endpoints[k],
                                              fetchers[i]->row.name, endpoints[k + 1]);
            if (base && !job_is_cancelled(job)) {
                probe(job, invocation, endpoints[k], base);
            } else if (!base) {
                tell_unasked(job, endpoints[k], endpoints[k + 1]);
            }
        }
    }
    return 0;
}

static int run(Invocation *invocation)
{
    int status = 0;
    if (!invocation_parse(invocation, NULL, &status)) {
        return status;
    }
    if (invocation->arguments[0]) {
        return invocation_usage(invocation, _("doctor takes no argument."));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    tell_program(invocation);
    tell_mirror(invocation);
    tell_catalogue(invocation);
    tell_network(invocation);
    tell_sources(invocation);
    tell_logins(invocation);
    if (invocation->settings.offline) {
        line(invocation, _("sources"), _("not asked (--offline)"));
        return 0;
    }
    return invocation_run(invocation, probe_all, invocation);
}

const Verb verb_doctor = {
    .name = "doctor",
    .summary = N_("How this machine is: program, mirror, network, sources"),
    .arguments = "",
    .help = N_("Which settings count and where they come from, what room there is, whether each "
               "source answers, and who issued "
               "its certificate. The names of the last lines are those that --endpoint takes.\n\n"
               "Examples:\n"
               "  medmirror doctor\n"
               "  medmirror doctor --offline"),
    .run = run,
};
