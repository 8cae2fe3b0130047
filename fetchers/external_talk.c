#include "external_talk.h"

#include "error.h"
#include "event_log.h"
#include "external_documents.h"
#include "external_program.h"
#include "i18n.h"
#include "json_text.h"
#include "redact.h"
#include "source_facts.h"

#include <stdlib.h>
#include <string.h>

#define MOST_FAILURES 3
#define MOST_LINES 50000000
#define MOST_LOGS 1000000
#define MOST_LOGS_TOLD 2000
#define MOST_WORDS 300

typedef struct {
    External *external;
    Question *question;
    HostServices *services;
    ExternalDocuments documents;
    guint id;
    guint64 lines;
    guint logs;
} Talk;

gboolean external_is_cancelled(gpointer data)
{
    HostServices *services = data;
    return services && services->cancelled(services);
}

static void end_process(External *external)
{
    external_process_free(external->process, FALSE);
    external->process = NULL;
    external->has_credential = FALSE;
}

/* The process is ended, and what happened to it is said. */
static gboolean set_failed(External *external, const char *why, const char *command, GError **error)
{
    const char *words = external->process ? external_process_last_words(external->process) : NULL;
    g_autofree char *first =
        words ? g_utf8_substring(words, 0, MIN(g_utf8_strlen(words, -1), MOST_WORDS)) : NULL;
    g_autofree char *last =
        first ? g_strdup_printf(_(" Its last words: \"%s\"."), first) : g_strdup("");
    gsize length = strlen(why);
    g_autofree char *clause = g_strndup(why, length - (length > 0 && why[length - 1] == '.'));
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                _("The fetcher of source %s, %s, failed: %s.%s What it says is told by: medmirror "
                  "--verbose %s"),
                external->name, external->path, clause, last, command);
    end_process(external);
    external->failures++;
    g_free(external->failure);
    external->failure = g_strdup(clause);
    return FALSE;
}

/* Takes WHY: a failure of the program's is told as one, anything else is handed on. In any case the
 * process is in the middle of something that nobody wants to hear. */
static gboolean fail(External *external, GError *why, const char *command, GError **error)
{
    gboolean is_programs = g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN) ||
                           g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    if (!is_programs) {
        end_process(external);
        g_propagate_error(error, why);
        return FALSE;
    }
    set_failed(external, why->message, command, error);
    g_error_free(why);
    return FALSE;
}

/* What the engine and the endpoints read of it: set once, before any transfer of this source. */
static void publish(External *external, ExternalHello *hello)
{
    FetcherRow *row = &external->fetcher.row;
    g_ptr_array_add(hello->hosts, NULL);
    row->hosts = (const char *const *)hello->hosts->pdata;
    external->login = (SourceLogin){.kind = hello->credential, .hosts = row->hosts};
    row->login = hello->needs_credential ? &external->login : NULL;
    row->connections = hello->connections;
    row->never_resumes = hello->never_resumes;
    external->endpoints[1] = hello->base;
    g_atomic_pointer_set(&external->hello, hello);
}

/* What it said before in this run holds: others have read it. */
static gboolean take_hello(External *external, const char *line, gsize length, GError **error)
{
    if (external->hello_line) {
        if (strcmp(line, external->hello_line) == 0)
            return TRUE;
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("its first line is another one than before"));
        return FALSE;
    }
    ExternalHello *hello =
        external_hello_parse(line, length, external->name, external->label, error);
    if (!hello) {
        g_prefix_error(error, _("its first line is wrong: "));
        return FALSE;
    }
    external->hello_line = g_strndup(line, length);
    publish(external, hello);
    return TRUE;
}

static gboolean start(External *external, HostServices *services, const char *command,
                      GError **error)
{
    g_autofree char *program = external_program_check(external->path, error);
    if (!program)
        return FALSE;
    GError *why = NULL;
    gsize length = 0;
    event_log(EVENT_LOG_DEBUG, _("Starting %s."), program);
    external->process =
        external_process_start(program, external->label, external->silence_ms, &why);
    const char *line = external->process
                           ? external_process_read(external->process, &length,
                                                   external_is_cancelled, services, &why)
                           : NULL;
    if (line && take_hello(external, line, length, &why))
        return TRUE;
    return fail(external, why, command, error);
}

static gboolean ensure(External *external, const char *command, gboolean begins,
                       HostServices *services, GError **error)
{
    if (external->process)
        return TRUE;
    if (external->failure && (!begins || external->failures >= MOST_FAILURES)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("The fetcher of source %s, %s, failed before in this run and is not started "
                      "again: %s. What it says is told by: medmirror --verbose %s"),
                    external->name, external->path, external->failure, command);
        return FALSE;
    }
    return start(external, services, command, error);
}

gboolean external_open(External *external, const char *command, gboolean begins,
                       HostServices *services, GError **error)
{
    pthread_mutex_lock(&external->mutex);
    gboolean is_open = ensure(external, command, begins, services, error);
    pthread_mutex_unlock(&external->mutex);
    return is_open;
}

static gboolean send_request(Talk *talk, GError **error)
{
    External *external = talk->external;
    json_t *request = talk->question->request;
    const char *base = source_base(talk->services, &external->fetcher.row, 0);
    json_object_set_new(request, "id", json_integer(talk->id));
    json_object_set_new(request, "base", json_string(base));
    char *text = json_dumps(request, JSON_COMPACT);
    g_autofree char *line = g_strconcat(text, "\n", NULL);
    free(text);
    if (strlen(line) > EXTERNAL_MOST_LINE) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("What is to be asked of the fetcher %s is longer than a line may be."),
                    external->path);
        return FALSE;
    }
    return external_process_write(external->process, line, strlen(line), external_is_cancelled,
                                  talk->services, error);
}

/* Sends LINE, wipes it, and puts an LF behind it. */
static gboolean send_answer(Talk *talk, GString *line, GError **error)
{
    g_string_append(line, "}\n");
    gboolean sent = external_process_write(talk->external->process, line->str, line->len,
                                           external_is_cancelled, talk->services, error);
    explicit_bzero(line->str, line->len);
    return sent;
}

static gboolean answer_credential(Talk *talk, GError **error)
{
    External *external = talk->external;
    if (!external->hello->needs_credential) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("it asks for a credential, and its first line does not say that it needs "
                      "one"));
        return FALSE;
    }
    const char *base = source_base(talk->services, &external->fetcher.row, 0);
    GError *why = NULL;
    g_autoptr(Credential) credential =
        talk->question->credential
            ? credential_copy(talk->question->credential)
            : talk->services->credential(talk->services, external->name, base, &why);
    if (why)
        return external_documents_answer_failure(&talk->documents, talk->id, why, error);
    g_autoptr(GString) line = g_string_sized_new(4096); /* no copies are left behind by growing */
    g_string_printf(line, "{\"id\":%u,\"answer\":\"credential\"", talk->id);
    json_text_append_member(line, "method",
                            !credential                               ? "none"
                            : credential->kind == CREDENTIAL_PASSWORD ? "password"
                                                                      : "token");
    if (credential) {
        redact_add_secret(credential->secret);
        json_text_append_member(line, "user", credential->user);
        json_text_append_member(line, "secret", credential->secret);
        external->has_credential = talk->question->gave_credential = TRUE;
    }
    return send_answer(talk, line, error);
}

/* The program's own failure: its words, or those of the last document that did not come. */
static gboolean take_error(Talk *talk, const Message *message, GError **error)
{
    static const MedmirrorError codes[] = {
        [MESSAGE_ACCESS] = MEDMIRROR_ERROR_ACCESS,
        [MESSAGE_ORIGIN] = MEDMIRROR_ERROR_ORIGIN,
        [MESSAGE_ABSENT] = MEDMIRROR_ERROR_ABSENT,
        [MESSAGE_USAGE] = MEDMIRROR_ERROR_USAGE,
    };
    if (!message->text && talk->documents.failure) {
        g_propagate_error(error, g_steal_pointer(&talk->documents.failure));
        return FALSE;
    }
    g_autofree char *text =
        message->text
            ? redact_text(message->text)
            : g_strdup_printf(_("The fetcher of source %s gives no reason."), talk->external->name);
    g_set_error(error, MEDMIRROR_ERROR,
                message->text ? (int)codes[message->code] : MEDMIRROR_ERROR_ORIGIN, "%s%s", text,
                text[strlen(text) - 1] == '.' || strstr(text, "medmirror ") ? "" : ".");
    return FALSE;
}

static gboolean take_log(Talk *talk, const Message *message, GError **error)
{
    if (talk->logs++ < MOST_LOGS_TOLD)
        event_log(EVENT_LOG_DEBUG, "%s: %s", talk->external->label, message->text);
    if (talk->logs <= MOST_LOGS)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("it wrote more than %d lines for the log"), MOST_LOGS);
    return FALSE;
}

static gboolean check_message(const Talk *talk, const Message *message, GError **error)
{
    static const guint always = 1U << MESSAGE_GET | 1U << MESSAGE_MORE | 1U << MESSAGE_CREDENTIAL |
                                1U << MESSAGE_LOG | 1U << MESSAGE_DONE | 1U << MESSAGE_ERROR;
    if (message->id != talk->id) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("it answers request %u, and number %u is what it was asked"), message->id,
                    talk->id);
        return FALSE;
    }
    if (!((always | talk->question->kinds) & 1U << message->kind)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("it says \"%s\", which is no answer to \"%s\""),
                    message_kind_word(message->kind),
                    json_string_value(json_object_get(talk->question->request, "request")));
        return FALSE;
    }
    return TRUE;
}

/* A program may keep what it was told for what is asked later, or hold a login of its own. */
static void note_login(Talk *talk, const GPtrArray *headers, gboolean is_signed)
{
    gboolean has_login = talk->external->has_credential && (is_signed || headers->len > 0);
    for (guint i = 0; i < headers->len && !has_login; i++)
        has_login = g_ascii_strncasecmp(headers->pdata[i], "Authorization:", 14) == 0 ||
                    g_ascii_strncasecmp(headers->pdata[i], "Cookie:", 7) == 0;
    talk->question->gave_credential |= has_login;
}

typedef enum {
    TALK_GOES_ON,
    TALK_DONE,
    TALK_REFUSED, /* by the program itself, which lives on */
    TALK_FAILED,
} TalkState;

static TalkState take(Talk *talk, Message *message, GError **error)
{
    gboolean good = TRUE;
    switch (message->kind) {
    case MESSAGE_GET:
        note_login(talk, message->headers, FALSE);
        good = external_documents_get(&talk->documents, message, error);
        break;
    case MESSAGE_MORE:
        good = external_documents_more(&talk->documents, talk->id, error);
        break;
    case MESSAGE_CREDENTIAL:
        good = answer_credential(talk, error);
        break;
    case MESSAGE_LOG:
        good = take_log(talk, message, error);
        break;
    case MESSAGE_DONE:
        talk->question->unchanged = message->unchanged;
        if (talk->question->credential)
            talk->question->said = g_steal_pointer(&message->text);
        return TALK_DONE;
    case MESSAGE_ERROR:
        take_error(talk, message, error);
        return TALK_REFUSED;
    case MESSAGE_HEAD:
    case MESSAGE_FILE:
    case MESSAGE_DIGEST:
    case MESSAGE_VERSION:
    case MESSAGE_PREPARED:
    case MESSAGE_ADDRESS:
        if (message->kind == MESSAGE_PREPARED)
            note_login(talk, message->headers, message->address != NULL);
        good = talk->question->take(talk->question->data, message, error);
        break;
    }
    return good ? TALK_GOES_ON : TALK_FAILED;
}

static TalkState listen_once(Talk *talk, GError **error)
{
    gsize length = 0;
    const char *line = external_process_read(talk->external->process, &length,
                                             external_is_cancelled, talk->services, error);
    if (!line)
        return TALK_FAILED;
    if (++talk->lines > MOST_LINES) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE, _("it wrote more than %d lines"),
                    MOST_LINES);
        return TALK_FAILED;
    }
    g_autoptr(Message) message = message_parse(line, length, talk->external->label, error);
    if (!message || !check_message(talk, message, error))
        return TALK_FAILED;
    return take(talk, message, error);
}

static gboolean talk(External *external, Question *question, HostServices *services, GError **error)
{
    Talk talk = {.external = external,
                 .question = question,
                 .services = services,
                 .documents = {.external = external, .services = services},
                 .id = ++external->last_id};
    GError *why = NULL;
    TalkState state = send_request(&talk, &why) ? TALK_GOES_ON : TALK_FAILED;
    while (state == TALK_GOES_ON)
        state = listen_once(&talk, &why);
    external_documents_clear(&talk.documents);
    if (state == TALK_FAILED)
        return fail(external, why, question->command, error);
    if (state == TALK_REFUSED)
        g_propagate_error(error, why);
    return state == TALK_DONE;
}

gboolean external_ask(External *external, Question *question, HostServices *services,
                      GError **error)
{
    pthread_mutex_lock(&external->mutex);
    gboolean done = ensure(external, question->command, question->begins, services, error) &&
                    talk(external, question, services, error);
    question->lost = !done && !external->process;
    pthread_mutex_unlock(&external->mutex);
    json_decref(question->request);
    question->request = NULL;
    return done;
}
