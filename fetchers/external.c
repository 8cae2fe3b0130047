#include "external.h"

#include "error.h"
#include "event_log.h"
#include "external_program.h"
#include "external_talk.h"
#include "i18n.h"
#include "redact.h"
#include "relpath.h"
#include "source_facts.h"

#include <string.h>

#define MOST_NAME_PARTS 8
#define MOST_PART_BYTES 200 /* encoded; a suffix of the mirror's comes behind */
#define MOST_KEYS 16
#define MOST_VERSIONS 10000
#define MOST_ADDRESSES 64

static const char *const locator_keys[] = {"name", NULL};
static const char *const where_keys[] = {NULL}; /* its listings tell */
static GPtrArray *all;                          /* External*; to the end of the program */

static External *external_of(const Fetcher *fetcher)
{
    return (External *)fetcher; /* its first member */
}

static const ExternalHello *hello_of(const Fetcher *fetcher)
{
    return g_atomic_pointer_get(&external_of(fetcher)->hello);
}

static gboolean refuse_name(const Fetcher *fetcher, const char *name, GError **error)
{
    g_autofree char *shown = relpath_display(name);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s/%s names no dataset: behind %s/ stands its name, up to %d parts between "
                  "slashes without @, ?, # and %%."),
                fetcher->row.name, shown, fetcher->row.name, MOST_NAME_PARTS);
    return FALSE;
}

static gboolean check_name(const Fetcher *fetcher, const char *name, GError **error)
{
    if (!relpath_check(name, NULL) || strpbrk(name, "@?#%"))
        return refuse_name(fetcher, name, error);
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    if (g_strv_length(parts) > MOST_NAME_PARTS)
        return refuse_name(fetcher, name, error);
    for (char **part = parts; *part; part++) {
        g_autofree char *encoded = relpath_encode_part(*part);
        if (strlen(encoded) > MOST_PART_BYTES)
            return refuse_name(fetcher, name, error);
    }
    return TRUE;
}

static gboolean key_is_known(const ExternalHello *hello, const char *key)
{
    if (strcmp(key, "name") == 0)
        return TRUE;
    if (!hello) /* as long as the program was not asked: any that it could know */
        return g_ascii_islower(*key) &&
               strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key);
    return g_ptr_array_find_with_equal_func(hello->locator_keys, key, g_str_equal, NULL);
}

static gboolean value_is_plain(const json_t *value)
{
    return json_is_boolean(value) || json_is_integer(value) ||
           (json_is_string(value) && *json_string_value(value));
}

static gboolean refuse_key(const Fetcher *fetcher, const char *key, gboolean is_known,
                           GError **error)
{
    const ExternalHello *hello = hello_of(fetcher);
    g_autofree char *shown = relpath_display(key);
    g_autoptr(GString) keys = g_string_new("name");
    for (guint i = 0; hello && i < hello->locator_keys->len; i++)
        g_string_append_printf(keys, ", %s", (char *)hello->locator_keys->pdata[i]);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                is_known ? _("The locator of a dataset of %s has a value of the wrong type at "
                             "\"%s\" (its keys are: %s).")
                         : _("The locator of a dataset of %s does not know the key \"%s\" (its "
                             "keys are: %s)."),
                fetcher->row.name, shown, keys->str);
    return FALSE;
}

static gboolean external_check_locator(const Fetcher *fetcher, const json_t *locator,
                                       GError **error)
{
    const char *name = locator_text(locator, "name");
    if (!json_is_object(locator) || !name || json_object_size(locator) > MOST_KEYS) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The locator of a dataset of %s needs \"name\", what stands behind %s/ in "
                      "its REF, and at most %d keys."),
                    fetcher->row.name, fetcher->row.name, MOST_KEYS);
        return FALSE;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)locator, key, value)
    {
        gboolean is_known = key_is_known(hello_of(fetcher), key);
        if (!is_known || !value_is_plain(value))
            return refuse_key(fetcher, key, is_known, error);
    }
    return check_name(fetcher, name, error);
}

static json_t *external_locator_from_name(const Fetcher *fetcher, const char *name, char **version,
                                          GError **error)
{
    *version = NULL;
    gsize length = strlen(name);
    g_autofree char *plain = g_strndup(name, length - (length > 0 && name[length - 1] == '/'));
    return check_name(fetcher, plain, error) ? json_pack("{s:s}", "name", plain) : NULL;
}

static char *external_folder(const Fetcher *fetcher, const json_t *locator, const char *id)
{
    g_autoptr(GString) folder = g_string_new(fetcher->row.name);
    g_auto(GStrv) parts = g_strsplit(locator_text(locator, "name"), "/", -1);
    for (char **part = parts; *part; part++) {
        g_autofree char *encoded = relpath_encode_part(*part);
        g_string_append_printf(folder, "/%s", encoded);
    }
    return g_string_free(g_steal_pointer(&folder), FALSE);
}

static char *external_ref(const Fetcher *fetcher, const json_t *locator)
{
    return g_strconcat(fetcher->row.name, "/", locator_text(locator, "name"), NULL);
}

static gboolean open_program(const Fetcher *fetcher, GError **error)
{
    return external_open(external_of(fetcher), "doctor", TRUE, NULL, error);
}

static json_t *request_of(const char *request, const json_t *locator)
{
    return json_pack("{s:s, s:O?}", "request", request, "locator", (json_t *)locator);
}

static gboolean take_version(gpointer data, Message *message, GError **error)
{
    GPtrArray *versions = data;
    if (versions->len == MOST_VERSIONS) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("it named more than %d versions"), MOST_VERSIONS);
        return FALSE;
    }
    g_ptr_array_add(versions, g_steal_pointer(&message->version));
    return TRUE;
}

static GPtrArray *external_versions(const Fetcher *fetcher, const json_t *locator,
                                    HostServices *services, GError **error)
{
    External *external = external_of(fetcher);
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *ref = external_ref(fetcher, locator);
    g_autofree char *command = g_strdup_printf("versions %s", ref);
    if (!external_open(external, command, TRUE, services, error) ||
        !external_check_locator(fetcher, locator, error))
        return NULL;
    if (!hello_of(fetcher)->lists_versions)
        return g_steal_pointer(&versions);
    Question question = {.request = request_of("versions", locator),
                         .command = command,
                         .kinds = 1U << MESSAGE_VERSION,
                         .begins = TRUE,
                         .take = take_version,
                         .data = versions};
    return external_ask(external, &question, services, error) ? g_steal_pointer(&versions) : NULL;
}

typedef struct {
    External *external;
    HostServices *services;
    const Manifest *manifest;
    const ListingTaker *taker;
    ListingHead *head; /* the last one; NULL before the first */
    gboolean has_files;
} Resolving;

static gboolean take_head(Resolving *resolving, const Message *message, GError **error)
{
    listing_head_free(resolving->head);
    resolving->head = message_listing_head(message);
    return resolving->taker->head(resolving->taker->data, resolving->head, error);
}

static gboolean add_addresses(const Resolving *resolving, const Message *message, FileSpec *spec,
                              GError **error)
{
    for (guint i = 0; i < message->addresses->len; i++) {
        GError *why = NULL;
        g_autofree char *address = external_address(resolving->external, resolving->services,
                                                    message->addresses->pdata[i], &why);
        if (address) {
            file_spec_add_address(spec, address);
            continue;
        }
        gboolean is_last = i + 1 == message->addresses->len && spec->addresses->len == 0;
        if (is_last || !g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN)) {
            g_propagate_prefixed_error(error, why, "%s: ", spec->path);
            return FALSE;
        }
        g_error_free(why);
    }
    return TRUE;
}

static gboolean take_file(Resolving *resolving, Message *message, GError **error)
{
    if (!relpath_check(message->path, error))
        return FALSE;
    g_autoptr(FileSpec) spec = message_file_spec(message, error);
    if (!spec || !add_addresses(resolving, message, spec, error))
        return FALSE;
    file_spec_add_facts(spec, resolving->manifest);
    resolving->has_files = TRUE;
    return resolving->taker->file(resolving->taker->data, spec, error);
}

static gboolean take_digests(const Resolving *resolving, const Message *message, GError **error)
{
    const ListingTaker *taker = resolving->taker;
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(&message->declared, (DigestAlgorithm)i);
        if (digest && taker->digest && !taker->digest(taker->data, message->path, digest, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean take_listed(gpointer data, Message *message, GError **error)
{
    Resolving *resolving = data;
    if (message->kind == MESSAGE_HEAD)
        return take_head(resolving, message, error);
    if (!resolving->head) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("it says \"%s\" before \"head\""), message_kind_word(message->kind));
        return FALSE;
    }
    return message->kind == MESSAGE_FILE ? take_file(resolving, message, error)
                                         : take_digests(resolving, message, error);
}

/* What only the end of the request shows. */
static ResolveResult judge(const Resolving *resolving, const ResolveRequest *request,
                           const Question *question, GError **error)
{
    const char *why = NULL;
    if (!resolving->head)
        why = _("it was done without \"head\"");
    else if (question->unchanged && !request->state_token)
        why = _("it says that nothing has changed, though nobody told it a state");
    else if (question->unchanged && resolving->has_files)
        why = _("it lists files and says that nothing has changed");
    if (why || !resolving->head) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("The fetcher of source %s, %s, failed: %s."), resolving->external->name,
                    resolving->external->path, why);
        return RESOLVE_FAILED;
    }
    /* Nobody can tell what would have come without it. */
    if (question->gave_credential && !resolving->head->is_restricted) {
        resolving->head->is_restricted = TRUE;
        if (!resolving->taker->head(resolving->taker->data, resolving->head, error))
            return RESOLVE_FAILED;
    }
    return question->unchanged ? RESOLVE_UNCHANGED : RESOLVE_LISTED;
}

static ResolveResult external_resolve(const Fetcher *fetcher, const ResolveRequest *request,
                                      HostServices *services, const ListingTaker *taker,
                                      GError **error)
{
    External *external = external_of(fetcher);
    g_autofree char *ref = external_ref(fetcher, request->locator);
    g_autofree char *command = g_strdup_printf("pull %s", ref);
    if (!external_open(external, command, TRUE, services, error) ||
        !external_check_locator(fetcher, request->locator, error))
        return RESOLVE_FAILED;
    Resolving resolving = {
        .external = external, .services = services, .manifest = request->manifest, .taker = taker};
    json_t *ask = request_of("resolve", request->locator);
    if (request->version)
        json_object_set_new(ask, "version", json_string(request->version));
    if (request->state_token)
        json_object_set_new(ask, "state", json_string(request->state_token));
    Question question = {.request = ask,
                         .command = command,
                         .kinds = 1U << MESSAGE_HEAD | 1U << MESSAGE_FILE | 1U << MESSAGE_DIGEST,
                         .begins = TRUE,
                         .take = take_listed,
                         .data = &resolving};
    ResolveResult result = external_ask(external, &question, services, error)
                               ? judge(&resolving, request, &question, error)
                               : RESOLVE_FAILED;
    listing_head_free(resolving.head);
    return result;
}

static gboolean take_prepared(gpointer data, Message *message, GError **error)
{
    Message **prepared = data;
    if (*prepared) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE, _("it says \"prepared\" twice"));
        return FALSE;
    }
    *prepared = g_new0(Message, 1);
    (*prepared)->address = g_steal_pointer(&message->address);
    (*prepared)->headers = g_steal_pointer(&message->headers);
    return TRUE;
}

static json_t *request_of_file(const char *request, const json_t *locator, const FileSpec *file)
{
    json_t *ask = request_of(request, locator);
    json_t *addresses = json_array();
    for (guint i = 0; i < file->addresses->len; i++)
        json_array_append_new(addresses, json_string(file->addresses->pdata[i]));
    json_object_set_new(ask, "path", json_string(file->path));
    json_object_set_new(ask, "addresses", addresses);
    return ask;
}

/* A transfer is not tried again where its program is no more (transfer_round.c). */
static void set_given_up(GError **error)
{
    if (error && (g_error_matches(*error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN) ||
                  g_error_matches(*error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE)))
        (*error)->code = MEDMIRROR_ERROR_FAILED;
}

static Prepared *external_prepare(const Fetcher *fetcher, const json_t *locator,
                                  const FileSpec *file, const char *address, HostServices *services,
                                  GError **error)
{
    External *external = external_of(fetcher);
    g_autoptr(Message) message = NULL;
    g_autofree char *ref = locator ? external_ref(fetcher, locator) : g_strdup("REF");
    g_autofree char *command = g_strdup_printf("pull %s", ref);
    if (!hello_of(fetcher) && !external_open(external, command, FALSE, services, error)) {
        set_given_up(error);
        return NULL;
    }
    if (!hello_of(fetcher)->prepares)
        return NULL;
    Question question = {.request = request_of_file("prepare", locator, file),
                         .command = command,
                         .kinds = 1U << MESSAGE_PREPARED,
                         .take = take_prepared,
                         .data = &message};
    json_object_set_new(question.request, "address", json_string(address));
    if (!external_ask(external, &question, services, error)) {
        if (question.lost)
            set_given_up(error);
        return NULL;
    }
    if (!message)
        return NULL;
    g_autoptr(Prepared) prepared = g_new0(Prepared, 1);
    if (message->address)
        prepared->address = external_address(external, services, message->address, error);
    if (message->address && !prepared->address)
        return NULL;
    if (!external_check_headers(external, services, prepared->address ? prepared->address : address,
                                message->headers, error)) {
        g_prefix_error(error, _("The fetcher of source %s, %s, failed: "), external->name,
                       external->path);
        set_given_up(error);
        return NULL;
    }
    prepared->headers = g_steal_pointer(&message->headers);
    prepared->by_login = question.gave_credential;
    return g_steal_pointer(&prepared);
}

typedef struct {
    External *external;
    HostServices *services;
    GPtrArray *addresses;
} Refreshing;

static gboolean take_address(gpointer data, Message *message, GError **error)
{
    Refreshing *refreshing = data;
    if (refreshing->addresses->len == MOST_ADDRESSES) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("it named more than %d addresses of one file"), MOST_ADDRESSES);
        return FALSE;
    }
    GError *why = NULL;
    char *address =
        external_address(refreshing->external, refreshing->services, message->address, &why);
    if (address)
        g_ptr_array_add(refreshing->addresses, address);
    else if (!g_error_matches(why, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN)) {
        g_propagate_error(error, why);
        return FALSE;
    }
    g_clear_error(&why);
    return TRUE;
}

static GPtrArray *external_refresh(const Fetcher *fetcher, const json_t *locator,
                                   const Manifest *manifest, const FileSpec *file,
                                   HostServices *services, GError **error)
{
    External *external = external_of(fetcher);
    if (!hello_of(fetcher) || !hello_of(fetcher)->refreshes)
        return NULL;
    g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);
    Refreshing refreshing = {external, services, addresses};
    g_autofree char *ref = locator ? external_ref(fetcher, locator) : g_strdup("REF");
    g_autofree char *command = g_strdup_printf("pull %s", ref);
    Question question = {.request = request_of_file("refresh", locator, file),
                         .command = command,
                         .kinds = 1U << MESSAGE_ADDRESS,
                         .take = take_address,
                         .data = &refreshing};
    if (external_ask(external, &question, services, error))
        return g_steal_pointer(&addresses);
    /* What the file failed of is told for the file; of this failure nobody else would tell. */
    if (question.lost && error)
        event_log(EVENT_LOG_WARNING, "%s", (*error)->message);
    return NULL;
}

static gboolean take_nothing(gpointer data, Message *message, GError **error)
{
    return TRUE;
}

static gboolean external_prove_login(const Fetcher *fetcher, const Credential *credential,
                                     HostServices *services, char **said, GError **error)
{
    External *external = external_of(fetcher);
    g_autofree char *command = g_strdup_printf("login %s", fetcher->row.name);
    if (!external_open(external, command, TRUE, services, error))
        return FALSE;
    if (!hello_of(fetcher)->proves_logins) {
        *said = g_strdup_printf(_("Whether %s takes this login is not known yet: its fetcher "
                                  "cannot try it, and the first pull will."),
                                fetcher->row.name);
        return TRUE;
    }
    Question question = {.request = request_of("login", NULL),
                         .command = command,
                         .begins = TRUE,
                         .take = take_nothing,
                         .credential = credential};
    gboolean proven = external_ask(external, &question, services, error);
    if (proven)
        *said = question.said ? redact_text(question.said)
                              : g_strdup_printf(_("%s takes this login."), fetcher->row.name);
    g_free(question.said);
    return proven;
}

static AnswerKind external_classify(const Fetcher *fetcher, const AnswerHead *head)
{
    return external_hello_classify(hello_of(fetcher), head);
}

static char *external_describe_access(const Fetcher *fetcher, const json_t *locator,
                                      const Manifest *manifest, int status)
{
    const External *external = external_of(fetcher);
    const char *name = locator_text(locator, "name");
    g_autofree char *told = external_hello_access(hello_of(fetcher), name ? name : "", status);
    if (told)
        return redact_text(told);
    if (status != 401 && status != 403)
        return NULL;
    return g_strdup_printf(
        _("What %s asks for (an account, accepted terms, an application) is not known to its "
          "fetcher, %s: look at the source's own pages."),
        external->name, external->path);
}

static Fetcher make_fetcher(const External *external)
{
    return (Fetcher){
        .row = {.name = external->name,
                .title = external->name,
                .locator_keys = locator_keys,
                .where_keys = where_keys,
                .endpoints = external->endpoints,
                .version_help = external->name},
        .open = open_program,
        .check_locator = external_check_locator,
        .locator_from_name = external_locator_from_name,
        .folder = external_folder,
        .ref = external_ref,
        .versions = external_versions,
        .resolve = external_resolve,
        .prepare = external_prepare,
        .refresh = external_refresh,
        .classify = external_classify,
        .describe_access = external_describe_access,
        .prove_login = external_prove_login,
    };
}

static External *find(const char *name)
{
    for (guint i = 0; all && i < all->len; i++)
        if (strcmp(((External *)all->pdata[i])->name, name) == 0)
            return all->pdata[i];
    return NULL;
}

gboolean external_register(const char *name, const char *path, guint64 silence_ms, GError **error)
{
    if (!external_program_check_name(name, path, error))
        return FALSE;
    External *known = find(name);
    if (known && strcmp(known->path, path) == 0)
        return TRUE;
    External *external = g_new0(External, 1);
    external->name = g_strdup(name);
    external->path = g_strdup(path);
    external->label = g_path_get_basename(path);
    external->silence_ms = silence_ms ? silence_ms : EXTERNAL_SILENCE_MS;
    external->endpoints[0] = external->name;
    external->endpoints[1] = ""; /* known when the program has said it */
    pthread_mutex_init(&external->mutex, NULL);
    external->fetcher = make_fetcher(external);
    if (!fetcher_register(&external->fetcher, error)) {
        pthread_mutex_destroy(&external->mutex);
        g_free(external->name);
        g_free(external->path);
        g_free(external->label);
        g_free(external);
        return FALSE;
    }
    if (!all)
        all = g_ptr_array_new();
    g_ptr_array_add(all, external);
    return TRUE;
}

static const External *external_if(const Fetcher *fetcher)
{
    return fetcher->open == open_program ? external_of(fetcher) : NULL;
}

const char *external_path(const Fetcher *fetcher)
{
    const External *external = external_if(fetcher);
    return external ? external->path : NULL;
}

const char *external_title(const Fetcher *fetcher)
{
    const External *external = external_if(fetcher);
    const ExternalHello *hello = external ? hello_of(fetcher) : NULL;
    return hello ? hello->title : NULL;
}

void external_stop_all(void)
{
    for (guint i = 0; all && i < all->len; i++) {
        External *external = all->pdata[i];
        pthread_mutex_lock(&external->mutex);
        g_clear_pointer(&external->failure, g_free);
        external->failures = 0;
        external_process_free(external->process, TRUE);
        external->process = NULL;
        pthread_mutex_unlock(&external->mutex);
    }
}
