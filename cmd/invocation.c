#include "invocation.h"

#include "error.h"
#include "event_log.h"
#include "external.h"
#include "i18n.h"
#include "language.h"
#include "progress.h"

#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MOST_PENDING 4096 /* events told and not printed yet */
#define HELP_COLUMNS 90

/* An error before there is a console, which the configuration's errors are too. */
static void complain(Invocation *invocation, const char *message, int status)
{
    if (invocation->json && !invocation->console) {
        invocation->console = console_new(TRUE, invocation->quiet, invocation->verbose, NULL);
    }
    if (invocation->console) {
        console_json(invocation->console, "error",
                     json_pack("{s:i, s:s}", "exit", status, "message", message));
        console_error(invocation->console, message);
    } else {
        fprintf(stderr, "%s: %s\n", g_get_prgname(), message);
    }
}

/* Lines at most HELP_COLUMNS wide; those that begin with a blank (the examples) stay as they are.
 */
static char *wrap(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GString) wrapped = g_string_new(NULL);
    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
        guint column = 0;
        for (guint k = 0; words[k]; k++) {
            guint width = text_columns(words[k]);
            gboolean breaks =
                k && lines[i][0] != ' ' && column && column + 1 + width > HELP_COLUMNS;
            g_string_append_printf(wrapped, "%s%s", breaks ? "\n" : k ? " " : "", words[k]);
            column = breaks || !k ? width : column + 1 + width;
        }
        if (lines[i + 1]) {
            g_string_append_c(wrapped, '\n');
        }
    }
    return g_string_free(g_steal_pointer(&wrapped), FALSE);
}

static GPtrArray *option_names(const GOptionEntry *a, const GOptionEntry *b)
{
    GPtrArray *names = g_ptr_array_new();
    const GOptionEntry *const tables[] = {a, b};
    for (guint t = 0; t < 2; t++) {
        for (guint i = 0; tables[t] && tables[t][i].long_name; i++) {
            if (*tables[t][i].long_name) {
                g_ptr_array_add(names, (gpointer)tables[t][i].long_name);
            }
        }
    }
    return names;
}

/* What wget, curl, aria2 and others call otherwise, or what needs no option here. */
static const struct {
    const char *names; /* between blanks */
    const char *answer;
} foreign_options[] = {
    {" --force -f ", N_("There is no --force: nothing here is overwritten. To take what has "
                        "changed at the source: medmirror pull --refresh REF; to mend a damaged "
                        "file: medmirror verify --repair REF.")},
    {" --continue -c ", N_("There is no -c: what was begun always goes on where it stopped, and a "
                           "list of series is a REF by itself: medmirror pull FILE.tcia")},
    {" --cli ", N_("A list of series is a REF by itself: medmirror pull FILE.tcia; and with a copy "
                   "of one's own: medmirror pull --to DIR FILE.tcia")},
    {" --cd --dd ", N_("The folders of the NBIA Data Retriever are made by: medmirror copy REF DIR "
                       "--layout classic (or descriptive)")},
    {" --md5 -m ", N_("There is no --md5: whatever comes is checked, each image by its MD5.")},
    {" --agree-to-license ", N_("There is no --agree-to-license: the licence of what is pulled is "
                                "told by: medmirror show REF")},
    {" --recursive -r ", N_("There is no -r: a dataset comes with all its folders.")},
    {" --output --output-dir --directory-prefix --dest --dir -o -O -P -d ",
     N_("The place of the mirror is --mirror DIR, and a copy at a place of one's own is made by: "
        "medmirror pull --to DIR REF")},
    {" --password --http-password --token -p ",
     N_("No password is taken from an option, where every process could read it. Type: medmirror "
        "login SOURCE")},
    {" --insecure --no-check-certificate -k ",
     N_("Certificates are always looked at. Of a proxy that has its own: --cacert FILE")},
};

static const char *foreign_answer(const char *option)
{
    g_autofree char *word = g_strdup_printf(" %s ", option);
    for (gsize i = 0; i < G_N_ELEMENTS(foreign_options); i++) {
        if (strstr(foreign_options[i].names, word)) {
            return _(foreign_options[i].answer);
        }
    }
    return NULL;
}

/* FAILURE is GOption's; of an option that it did not know its message ends with it ("Unknown option
 * --foo"). */
static void explain_option(Invocation *invocation, const GError *failure, const GOptionEntry *own,
                           const GOptionEntry *global)
{
    const char *verb = invocation->verb->name;
    const char *last = strrchr(failure->message, ' ');
    g_autofree char *option = last ? g_strndup(last + 1, strcspn(last + 1, "=")) : g_strdup("");
    gboolean is_long = g_str_has_prefix(option, "--");
    g_autofree char *text = NULL;
    if (!g_error_matches(failure, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION)) {
        text = g_strdup_printf("%s.", failure->message);
    } else if (foreign_answer(option)) {
        text = g_strdup(foreign_answer(option));
    } else {
        g_autoptr(GPtrArray) names = option_names(own, global);
        g_autoptr(GPtrArray) near = is_long ? nearest_words(option + 2, names, 1) : NULL;
        text = near && near->len
                   ? g_strdup_printf(_("'%s' has no option %s. The nearest one is --%s."), verb,
                                     option, (const char *)g_ptr_array_index(near, 0))
                   : g_strdup_printf(_("'%s' has no option %s."), verb, option);
    }
    complain(invocation, text, 2);
    fprintf(stderr, _("Type: medmirror %s --help\n"), verb);
}

/* The options of every verb; g_free() it. */
static GOptionEntry *global_entries(Invocation *invocation, gboolean *help)
{
    const GOptionEntry entries[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, help, N_("This page"), NULL},
        {"mirror", 0, 0, G_OPTION_ARG_FILENAME, &invocation->mirror, N_("The mirror's folder"),
         "DIR"},
        {"endpoint", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &invocation->endpoints,
         N_("Ask source NAME at another base address (repeatable)"), "NAME=URL"},
        {"json", 0, 0, G_OPTION_ARG_NONE, &invocation->json, N_("JSON Lines on standard output"),
         NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &invocation->quiet, N_("Errors alone"), NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &invocation->verbose, N_("Say more"), NULL},
        {"offline", 0, 0, G_OPTION_ARG_NONE, &invocation->offline, N_("Never open a connection"),
         NULL},
        {"color", 0, 0, G_OPTION_ARG_FILENAME, &invocation->color, N_("auto, always or never"),
         "WHEN"},
        {"proxy", 0, 0, G_OPTION_ARG_FILENAME, &invocation->proxy, N_("Go through this proxy"),
         "URL"},
        {"cacert", 0, 0, G_OPTION_ARG_FILENAME, &invocation->cacert,
         N_("Trust the certificates in FILE (PEM)"), "FILE"},
        {"lang", 0, 0, G_OPTION_ARG_FILENAME, &invocation->lang,
         N_("Titles and texts of datasets in English or Chinese: en or zh"), "LANGUAGE"},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &invocation->arguments, NULL, NULL},
        {NULL}};
    return g_memdup2(entries, sizeof entries);
}

static GOptionContext *make_context(const Verb *verb, const GOptionEntry *own,
                                    const GOptionEntry *global)
{
    GOptionContext *context = g_option_context_new(verb->arguments);
    g_autofree char *description = wrap(_(verb->help));
    g_option_context_set_summary(context, _(verb->summary));
    g_option_context_set_description(context, description);
    g_option_context_set_help_enabled(context, FALSE);
    if (own) {
        g_option_context_add_main_entries(context, own, NULL);
    }
    g_option_context_add_main_entries(context, global, NULL);
    return context;
}

static void print_help(GOptionContext *context, const char *program)
{
    g_set_prgname(program);
    g_autofree char *text = g_option_context_get_help(context, TRUE, NULL);
    g_set_prgname("medmirror");
    fputs(text, stdout);
}

gboolean invocation_parse(Invocation *invocation, const GOptionEntry *entries, int *status)
{
    gboolean help = FALSE;
    g_autofree GOptionEntry *global = global_entries(invocation, &help);
    g_autoptr(GOptionContext) context = make_context(invocation->verb, entries, global);
    g_autofree char *program = g_strdup_printf("medmirror %s", invocation->verb->name);
    g_auto(GStrv) argv = g_new0(char *, (gsize)invocation->argc + 2);
    argv[0] = g_strdup(program);
    for (int i = 0; i < invocation->argc; i++) {
        argv[i + 1] = g_strdup(invocation->argv[i]);
    }
    g_autoptr(GError) failure = NULL;
    gboolean json = invocation->json;
    if (!g_option_context_parse_strv(context, &argv, &failure)) {
        invocation->json = json; /* GOption takes back what it had set */
        explain_option(invocation, failure, entries, global);
        *status = 2;
        return FALSE;
    }
    if (help) {
        print_help(context, program);
        *status = 0;
        return FALSE;
    }
    if (!invocation->arguments) {
        invocation->arguments = g_new0(char *, 1);
    }
    if (invocation->color && strcmp(invocation->color, "auto") &&
        strcmp(invocation->color, "always") && strcmp(invocation->color, "never")) {
        *status = invocation_usage(invocation, _("--color takes auto, always or never."));
        return FALSE;
    }
    if (!language_choose(invocation->lang)) {
        *status = invocation_usage(invocation, _("--lang and MEDMIRROR_LANG take en or zh."));
        return FALSE;
    }
    return TRUE;
}

int invocation_usage(Invocation *invocation, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    complain(invocation, text, 2);
    const char *arguments = invocation->verb->arguments;
    fprintf(stderr, _("Usage: medmirror %s [OPTION...]%s%s; more with: medmirror %s --help\n"),
            invocation->verb->name, *arguments ? " " : "", arguments, invocation->verb->name);
    return 2;
}

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t room;
    guint pending;
    TaskQueue *ui;
    Console *console;
} Teller;

typedef struct {
    Teller *teller;
    JobEvent *event;
} Told;

static void on_tell(gpointer data)
{
    Told *told = data;
    Teller *teller = told->teller;
    console_tell(teller->console, told->event);
    g_free(told);
    pthread_mutex_lock(&teller->lock);
    /* Not before many have room: woken for each, both threads would switch for every line. */
    if (--teller->pending == MOST_PENDING / 2) {
        pthread_cond_broadcast(&teller->room);
    }
    pthread_mutex_unlock(&teller->lock);
}

/* From any thread; only a job's own thread is made to wait. */
static void push_event(Teller *teller, JobEvent *event, gboolean may_wait)
{
    Told *told = g_new0(Told, 1);
    told->teller = teller;
    told->event = event;
    pthread_mutex_lock(&teller->lock);
    while (may_wait && teller->pending >= MOST_PENDING) {
        pthread_cond_wait(&teller->room, &teller->lock);
    }
    teller->pending++;
    pthread_mutex_unlock(&teller->lock);
    task_queue_push(teller->ui, on_tell, told);
}

static void tell(JobEvent *event, gpointer data)
{
    Teller *teller = data;
    if (event->level == JOB_EVENT_DETAIL && !event->answer && !console_is_json(teller->console) &&
        !console_is_verbose(teller->console)) {
        job_event_free(event);
        return;
    }
    push_event(teller, event, TRUE);
}

static void log_line(EventLogLevel level, const char *line, gpointer data)
{
    Teller *teller = data;
    if (level == EVENT_LOG_DEBUG && !console_is_verbose(teller->console)) {
        return;
    }
    JobEvent *event = g_new0(JobEvent, 1);
    event->level = level == EVENT_LOG_WARNING ? JOB_EVENT_WARNING : JOB_EVENT_STEP;
    event->name = "log";
    event->sentence = g_strdup(line);
    event->facts = json_object();
    push_event(teller, event, FALSE);
}

/* Quotes only where the shell needs them. */
static char *make_mirror_words(const char *path)
{
    g_autofree char *quoted = g_shell_quote(path);
    return g_strconcat(" --mirror ", strpbrk(path, " '\"\\$`*?[]()<>|&;!~#") ? quoted : path, NULL);
}

gboolean invocation_open(Invocation *invocation, GError **error)
{
    invocation->config = config_load(error);
    if (!invocation->config) {
        return FALSE;
    }
    Config *config = invocation->config;
    invocation->trust = trust_settings_new(invocation->cacert, invocation->proxy, config->ca_file,
                                           config->ca_dir, config->proxy, config->no_proxy);
    for (guint i = 0; i < config->fetchers->len; i += 2) {
        if (!external_register(g_ptr_array_index(config->fetchers, i),
                               g_ptr_array_index(config->fetchers, i + 1), config->fetcher_ms,
                               error)) {
            g_prefix_error(error, "[fetchers]: ");
            return FALSE;
        }
    }
    invocation->credentials = credentials_new();
    for (guint i = 0; i < config->agents->len; i += 2) {
        credentials_set_agent(invocation->credentials, g_ptr_array_index(config->agents, i),
                              g_ptr_array_index(config->agents, i + 1));
    }
    invocation->endpoint_table = endpoints_new();
    for (guint i = 0; invocation->endpoints && invocation->endpoints[i]; i++) {
        if (!endpoints_set(invocation->endpoint_table, invocation->endpoints[i], error)) {
            return FALSE;
        }
    }
    if (!endpoints_set_from_environment(invocation->endpoint_table, error)) {
        return FALSE;
    }
    for (guint i = 0; i < config->endpoints->len; i++) {
        if (!endpoints_set(invocation->endpoint_table, g_ptr_array_index(config->endpoints, i),
                           error)) {
            g_prefix_error(error, _("[endpoints] in %s: "),
                           (const char *)g_ptr_array_index(config->files, 0));
            return FALSE;
        }
    }
    invocation->catalogue = catalogue_open(NULL);
    invocation->finder = catalogue_finder_new(invocation->catalogue);
    const char *environment = g_getenv("MEDMIRROR_DIR");
    const char *chosen = invocation->mirror            ? invocation->mirror
                         : environment && *environment ? environment
                                                       : config->mirror;
    invocation->mirror_path = chosen ? g_canonicalize_filename(chosen, NULL)
                                     : g_build_filename(g_get_user_data_dir(), "medmirror", NULL);
    JobSettings *settings = &invocation->settings;
    settings->config = config;
    settings->catalogue = invocation->catalogue;
    settings->endpoints = invocation->endpoint_table;
    settings->trust = invocation->trust;
    settings->mirror_path = invocation->mirror_path;
    settings->mirror_is_chosen = chosen != NULL;
    invocation->mirror_words =
        invocation->mirror ? make_mirror_words(invocation->mirror_path) : g_strdup("");
    settings->mirror_words = invocation->mirror_words;
    const char *offline = g_getenv("MEDMIRROR_OFFLINE");
    settings->offline = invocation->offline || (offline && *offline && strcmp(offline, "0") != 0);
    settings->engine_config = config->engine;
    settings->engine_config.endpoints = invocation->endpoint_table;
    settings->engine_config.credentials = invocation->credentials;
    settings->engine_config.ca_file = invocation->trust->ca_file.value;
    settings->engine_config.ca_dir = invocation->trust->ca_dir.value;
    settings->engine_config.proxy = invocation->trust->proxy.value;
    settings->engine_config.no_proxy = invocation->trust->no_proxy.value;
    g_clear_pointer(&invocation->console, console_free);
    invocation->console =
        console_new(invocation->json, invocation->quiet, invocation->verbose, invocation->color);
    return TRUE;
}

int invocation_fail(Invocation *invocation, const GError *error)
{
    complain(invocation, error->message, error_exit_status(error));
    return error_exit_status(error);
}

/* Signals: the handler wakes the main thread's queue, which is its self-pipe. */
static volatile sig_atomic_t signal_seen;
static TaskQueue *signal_queue;

static void on_signal(int number)
{
    if (signal_seen && number == SIGINT) {
        _exit(130);
    }
    signal_seen = number;
    task_queue_wake(signal_queue);
}

static void catch_signals(TaskQueue *queue)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};
    struct sigaction action = {.sa_handler = on_signal};
    signal_queue = queue;
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        struct sigaction before;
        sigaction(numbers[i], NULL, &before);
        if (before.sa_handler != SIG_IGN || numbers[i] == SIGINT) {
            sigaction(numbers[i], &action, NULL);
        }
    }
    signal(SIGPIPE, SIG_IGN);
}

typedef struct {
    Job *job;
    int (*func)(Job *job, gpointer data);
    gpointer data;
    int status;
    gboolean done;
    TaskQueue *ui;
} Run;

static void on_done(gpointer data)
{
    ((Run *)data)->done = TRUE;
}

static void *job_thread(void *data)
{
    Run *run = data;
    run->status = run->func(run->job, run->data);
    task_queue_push(run->ui, on_done, run);
    return NULL;
}

static void watch(Run *run, Console *console)
{
    gint64 next = 0;
    int told = 0;
    while (!run->done) {
        task_queue_run(run->ui, console_interval(console));
        if (signal_seen && !told) {
            told = signal_seen;
            console_note(console,
                         _("Ending; what was received is kept (once more Ctrl-C: at once)."));
            job_cancel(run->job, told);
        }
        if (!run->done && g_get_monotonic_time() >= next) {
            JobProgress progress;
            g_autoptr(EngineSnapshot) snapshot = job_engine_snapshot(run->job);
            job_progress_get(run->job, &progress);
            console_progress(console, snapshot, &progress);
            next = g_get_monotonic_time() + console_interval(console) * 1000 / 2;
        }
    }
    console_clear(console);
}

int invocation_run(Invocation *invocation, int (*func)(Job *job, gpointer data), gpointer data)
{
    g_autoptr(TaskQueue) ui = task_queue_new();
    Teller teller = {.lock = PTHREAD_MUTEX_INITIALIZER,
                     .room = PTHREAD_COND_INITIALIZER,
                     .ui = ui,
                     .console = invocation->console};
    invocation->settings.tell = tell;
    invocation->settings.tell_data = &teller;
    event_log_set_writer(log_line, &teller);
    catch_signals(ui);
    Run run = {.job = job_new(&invocation->settings), .func = func, .data = data, .ui = ui};
    /* Every other thread is the job's or made by it, and inherits: signals are this one's. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    pthread_t thread;
    int failure = pthread_create(&thread, NULL, job_thread, &run);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        console_error(invocation->console,
                      _("No thread could be started; the system's limit may be reached."));
        job_free(run.job);
        return 1;
    }
    watch(&run, invocation->console);
    pthread_join(thread, NULL);
    job_free(run.job);
    external_stop_all();
    task_queue_run(ui, 0);
    event_log_set_writer(NULL, NULL);
    return run.status;
}

void invocation_end(Invocation *invocation, int status)
{
    if (invocation->console && !console_is_summed_up(invocation->console)) {
        console_json(invocation->console, "summary", json_pack("{s:i}", "exit", status));
    }
}

void invocation_clear(Invocation *invocation)
{
    external_stop_all();
    g_strfreev(invocation->argv);
    g_free(invocation->mirror);
    g_strfreev(invocation->endpoints);
    g_free(invocation->color);
    g_free(invocation->proxy);
    g_free(invocation->cacert);
    g_free(invocation->lang);
    g_strfreev(invocation->arguments);
    g_clear_pointer(&invocation->config, config_free);
    g_clear_pointer(&invocation->trust, trust_settings_free);
    g_clear_pointer(&invocation->endpoint_table, endpoints_free);
    g_clear_pointer(&invocation->credentials, credentials_free);
    g_clear_pointer(&invocation->finder, catalogue_finder_free);
    g_clear_pointer(&invocation->catalogue, catalogue_free);
    g_free(invocation->mirror_path);
    g_free(invocation->mirror_words);
    g_clear_pointer(&invocation->console, console_free);
}
