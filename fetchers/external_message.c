#include "external_message.h"

#include "error.h"
#include "file_facts.h"
#include "form.h"
#include "form_syntax.h"
#include "i18n.h"
#include "nearest_words.h"
#include "relpath.h"
#include "source_facts.h"
#include "unpack_form.h"

#include <string.h>

#define MOST_ITEMS 64
#define MOST_TEXT 8192 /* bytes of any text */

static const char *const kind_words[] = {
    [MESSAGE_HEAD] = "head",
    [MESSAGE_FILE] = "file",
    [MESSAGE_DIGEST] = "digest",
    [MESSAGE_VERSION] = "version",
    [MESSAGE_PREPARED] = "prepared",
    [MESSAGE_ADDRESS] = "address",
    [MESSAGE_GET] = "get",
    [MESSAGE_MORE] = "more",
    [MESSAGE_CREDENTIAL] = "credential",
    [MESSAGE_LOG] = "log",
    [MESSAGE_DONE] = "done",
    [MESSAGE_ERROR] = "error",
    [MESSAGE_ERROR + 1] = NULL,
};
static const char *const code_words[] = {
    [MESSAGE_ACCESS] = "access", [MESSAGE_ORIGIN] = "origin", [MESSAGE_ABSENT] = "absent",
    [MESSAGE_USAGE] = "usage",   [MESSAGE_USAGE + 1] = NULL,
};
static const char *const size_words[] = {
    [MESSAGE_SIZE_EXACT] = "exact",
    [MESSAGE_SIZE_HINT] = "hint",
    [MESSAGE_SIZE_ROUNDED] = "rounded",
    [MESSAGE_SIZE_ROUNDED + 1] = NULL,
};
static const char *const role_words[] = {
    [FILE_ROLE_DATA] = "data",           [FILE_ROLE_ARCHIVE] = "archive",
    [FILE_ROLE_CHECKSUMS] = "checksums", [FILE_ROLE_LICENCE] = "licence",
    [FILE_ROLE_LICENCE + 1] = NULL,
};

/* Paths are looked at by relpath_check(). */
static const FormPattern path_pattern = {"^(?s:.+)$", N_("a path")};
static const FormPattern day_pattern = {"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                                        N_("a day, as in 2025-04-30")};
static const FormPattern date_pattern = {
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$",
    N_("a day, or a time of UTC as in 2025-04-30T13:05:00")};
static const FormPattern part_pattern = {"^[A-Za-z0-9][A-Za-z0-9._-]*$",
                                         N_("a name of letters, digits and . _ -")};
/* One line of visible characters: nothing is smuggled behind it. */
static const FormPattern header_pattern = {
    "^[A-Za-z0-9!#$%&'*+.^_`|~-]+: ?[!-~]([ -~]*[!-~])?$",
    N_("a header as in \"Accept: text/csv\", in visible ASCII characters")};
static const FormPattern address_pattern = {
    "^[!-~]+$", N_("an address in visible ASCII characters, others percent-encoded")};
static const FormPattern tag_pattern = {"^[ -~]+$", N_("a validator as its host sent it")};

#define KEY(name, type, field) name, type, G_STRUCT_OFFSET(Message, field)
#define TEXT(name, field, of)                                                                      \
    {                                                                                              \
        KEY(name, FORM_TEXT, field), .help = of                                                    \
    }
#define FLAG(name, field, of)                                                                      \
    {                                                                                              \
        KEY(name, FORM_FLAG, field), .help = of                                                    \
    }
#define DIGEST_KEY(name, field, which)                                                             \
    {                                                                                              \
        KEY(name, FORM_DIGEST, field), .algorithm = which, .help = N_("a digest")                  \
    }
#define DIGEST_KEYS(field)                                                                         \
    DIGEST_KEY("sha256", field, DIGEST_SHA256), DIGEST_KEY("sha512", field, DIGEST_SHA512),        \
        DIGEST_KEY("sha1", field, DIGEST_SHA1), DIGEST_KEY("md5", field, DIGEST_MD5),              \
        DIGEST_KEY("crc32c", field, DIGEST_CRC32C), DIGEST_KEY("git-blob", field, DIGEST_GIT_BLOB)
/* What every line has. */
#define COMMON_KEYS                                                                                \
    {KEY("id", FORM_NUMBER, id), .required = TRUE, .most = G_MAXINT,                               \
     .help = N_("the request's number")},                                                          \
    {                                                                                              \
        KEY("kind", FORM_WORD, kind), .required = TRUE, .words = kind_words,                       \
                                      .help = N_("what the line is")                               \
    }
#define ADDRESS_KEY                                                                                \
    {                                                                                              \
        KEY("address", FORM_TEXT, address), .required = TRUE, .pattern = &address_pattern,         \
                                            .help = N_("an address, absolute or below the base")   \
    }
#define HEADERS_KEY                                                                                \
    {                                                                                              \
        KEY("headers", FORM_TEXTS, headers), .pattern = &header_pattern,                           \
                                             .help = N_("headers of the request")                  \
    }

static const FormKey head_keys[] = {
    COMMON_KEYS,
    TEXT("version", version, N_("the source's own name of the version")),
    {KEY("newest_change", FORM_TEXT, newest_change), .pattern = &day_pattern,
     .help = N_("the day of the newest change")},
    TEXT("state", state, N_("what tells this state of the source from others")),
    FLAG("state_is_weak", state_is_weak, N_("whether the source tells little of change")),
    TEXT("title", title, N_("the dataset's title")),
    TEXT("licence", licence, N_("its licence")),
    TEXT("citation", citation, N_("its DOI, or how to cite it")),
    TEXT("homepage", homepage, N_("its page")),
    TEXT("access_note", access_note, N_("what a person must know of access")),
    {KEY("total_bytes", FORM_COUNT, total_bytes), .help = N_("the source's own total")},
    FLAG("is_one_archive", is_one_archive, N_("whether the dataset is one archive")),
    FLAG("is_restricted", is_restricted, N_("whether the source says that it is not open")),
    {KEY("notes", FORM_TEXTS, notes), .help = N_("sentences to tell the person")},
    {.name = NULL},
};
static const FormKey hint_keys[] = {DIGEST_KEYS(hinted), {.name = NULL}};
static const FormObject hints_form = {.keys = hint_keys, .help = N_("digests nobody promises")};
static const FormKey file_keys[] = {
    COMMON_KEYS,
    {KEY("path", FORM_TEXT, path), .required = TRUE, .pattern = &path_pattern,
     .help = N_("where the file lies in the dataset's tree")},
    {KEY("addresses", FORM_TEXTS, addresses), .required = TRUE, .pattern = &address_pattern,
     .help = N_("its addresses, best first")},
    {KEY("size", FORM_COUNT, size), .help = N_("its bytes")},
    {KEY("size_is", FORM_WORD, size_is), .words = size_words, .help = N_("how sure that is")},
    DIGEST_KEYS(declared),
    {"hints", FORM_GROUP, 0, .object = &hints_form, .help = N_("digests nobody promises")},
    {KEY("role", FORM_WORD, role), .words = role_words, .help = N_("what the file is for")},
    {KEY("unpack", FORM_RECORD, unpack), .object = &unpack_form,
     .help = N_("how this archive is unpacked")},
    {KEY("etag", FORM_TEXT, etag), .pattern = &tag_pattern, .help = N_("its ETag")},
    {KEY("last_modified", FORM_TEXT, last_modified), .pattern = &tag_pattern,
     .help = N_("its Last-Modified, as HTTP has it")},
    {KEY("modified", FORM_TEXT, modified), .pattern = &date_pattern,
     .help = N_("when it was changed")},
    {KEY("part", FORM_TEXT, part), .pattern = &part_pattern,
     .help = N_("the part that it belongs to")},
    {KEY("facts", FORM_OPEN, facts),
     .help = N_("what the source says of it by its own keys, each a text")},
    {.name = NULL},
};
static const char *const some_digest[] = {"sha256", "sha512",   "sha1", "md5",
                                          "crc32c", "git-blob", NULL};
static const FormKey digest_keys[] = {
    COMMON_KEYS,
    {KEY("path", FORM_TEXT, path), .required = TRUE, .pattern = &path_pattern,
     .help = N_("the file's path")},
    DIGEST_KEYS(declared),
    {.name = NULL},
};
static const FormKey version_keys[] = {
    COMMON_KEYS,
    {KEY("version", FORM_TEXT, version), .required = TRUE, .help = N_("a version's name")},
    {.name = NULL},
};
static const FormKey prepared_keys[] = {
    COMMON_KEYS,
    {KEY("address", FORM_TEXT, address), .pattern = &address_pattern,
     .help = N_("the address to ask instead")},
    HEADERS_KEY,
    {.name = NULL},
};
static const FormKey address_keys[] = {COMMON_KEYS, ADDRESS_KEY, {.name = NULL}};
static const FormKey get_keys[] = {
    COMMON_KEYS,
    ADDRESS_KEY,
    HEADERS_KEY,
    {KEY("most_bytes", FORM_COUNT, most_bytes), .help = N_("more bytes are a failure")},
    FLAG("optional", optional, N_("whether it is asked for once only, for 10 s")),
    FLAG("head_only", head_only, N_("whether its headers are enough")),
    FLAG("any_status", any_status, N_("whether answers of 4xx and 5xx are wanted too")),
    FLAG("html", html, N_("whether a page is wanted")),
    {KEY("if_none_match", FORM_TEXT, if_none_match), .pattern = &tag_pattern,
     .help = N_("an ETag: 304 where it is still that one")},
    {KEY("if_modified_since", FORM_TEXT, if_modified_since), .pattern = &tag_pattern,
     .help = N_("a Last-Modified: 304 where it is still that one")},
    {.name = NULL},
};
static const FormKey common_keys[] = {COMMON_KEYS, {.name = NULL}};
static const FormKey log_keys[] = {
    COMMON_KEYS,
    {KEY("text", FORM_TEXT, text), .required = TRUE, .help = N_("a line for the log")},
    {.name = NULL},
};
static const FormKey done_keys[] = {
    COMMON_KEYS,
    FLAG("unchanged", unchanged, N_("whether the state that was sent is still the source's")),
    {KEY("text", FORM_TEXT, text), .help = N_("what a login was proven to open")},
    {.name = NULL},
};
static const FormKey error_keys[] = {
    COMMON_KEYS,
    {KEY("code", FORM_WORD, code), .with = "text", .words = code_words,
     .help = N_("what kind of failure it is")},
    {KEY("text", FORM_TEXT, text), .with = "code", .help = N_("what happened, as whole sentences")},
    {.name = NULL},
};

static gboolean check_file(FormReader *reader, gpointer record)
{
    const Message *message = record;
    return (message->addresses->len > 0 && message->addresses->len <= MOST_ITEMS) ||
           form_fail(reader, "addresses", _("from 1 to %d addresses are taken."), MOST_ITEMS);
}

static gboolean check_lists(FormReader *reader, gpointer record)
{
    const Message *message = record;
    const GPtrArray *list = message->notes ? message->notes : message->headers;
    return !list || list->len <= MOST_ITEMS ||
           form_fail(reader, NULL, _("there are %u of these, and at most %d are taken."), list->len,
                     MOST_ITEMS);
}

static void destroy_message(gpointer message)
{
    message_free(message);
}

#define FORM(words, of, ...)                                                                       \
    {                                                                                              \
        .name = words, .help = words, .keys = of, .size = sizeof(Message),                         \
        .destroy = destroy_message, __VA_ARGS__                                                    \
    }
static const FormObject forms[] = {
    [MESSAGE_HEAD] = FORM("head", head_keys, .check = check_lists),
    [MESSAGE_FILE] = FORM("file", file_keys, .check = check_file),
    [MESSAGE_DIGEST] = FORM("digest", digest_keys, .at_least_one = some_digest),
    [MESSAGE_VERSION] = FORM("version", version_keys, .check = NULL),
    [MESSAGE_PREPARED] = FORM("prepared", prepared_keys, .check = check_lists),
    [MESSAGE_ADDRESS] = FORM("address", address_keys, .check = NULL),
    [MESSAGE_GET] = FORM("get", get_keys, .check = check_lists),
    [MESSAGE_MORE] = FORM("more", common_keys, .check = NULL),
    [MESSAGE_CREDENTIAL] = FORM("credential", common_keys, .check = NULL),
    [MESSAGE_LOG] = FORM("log", log_keys, .check = NULL),
    [MESSAGE_DONE] = FORM("done", done_keys, .check = NULL),
    [MESSAGE_ERROR] = FORM("error", error_keys, .check = NULL),
};

const char *message_kind_word(MessageKind kind)
{
    return kind_words[kind];
}

/* -1 with an error. */
static int kind_of(const json_t *tree, const char *name, GError **error)
{
    const char *word = json_string_value(json_object_get(tree, "kind"));
    for (int i = 0; word && kind_words[i]; i++)
        if (strcmp(word, kind_words[i]) == 0)
            return i;
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    for (guint i = 0; kind_words[i]; i++)
        g_ptr_array_add(words, (gpointer)kind_words[i]);
    g_autoptr(GPtrArray) near = word ? nearest_words(word, words, 1) : g_ptr_array_new();
    g_autofree char *whole = relpath_display(word ? word : "");
    g_autofree char *shown = g_utf8_substring(whole, 0, MIN(g_utf8_strlen(whole, -1), 60));
    if (!word)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s: the key \"kind\" is missing, or is no text."), name);
    else if (near->len > 0)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s: /kind: \"%s\" is not known; did it mean \"%s\"?"), name, shown,
                    (const char *)near->pdata[0]);
    else
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s: /kind: \"%s\" is not known."), name, shown);
    return -1;
}

/* The places of all texts of a message. */
static const gsize text_places[] = {
    G_STRUCT_OFFSET(Message, version),       G_STRUCT_OFFSET(Message, newest_change),
    G_STRUCT_OFFSET(Message, state),         G_STRUCT_OFFSET(Message, title),
    G_STRUCT_OFFSET(Message, licence),       G_STRUCT_OFFSET(Message, citation),
    G_STRUCT_OFFSET(Message, homepage),      G_STRUCT_OFFSET(Message, access_note),
    G_STRUCT_OFFSET(Message, path),          G_STRUCT_OFFSET(Message, etag),
    G_STRUCT_OFFSET(Message, last_modified), G_STRUCT_OFFSET(Message, modified),
    G_STRUCT_OFFSET(Message, part),          G_STRUCT_OFFSET(Message, address),
    G_STRUCT_OFFSET(Message, if_none_match), G_STRUCT_OFFSET(Message, if_modified_since),
    G_STRUCT_OFFSET(Message, text),
};
static const gsize list_places[] = {
    G_STRUCT_OFFSET(Message, notes),
    G_STRUCT_OFFSET(Message, addresses),
    G_STRUCT_OFFSET(Message, headers),
};

static gboolean texts_are_short(Message *message)
{
    for (guint i = 0; i < G_N_ELEMENTS(text_places); i++) {
        const char *text = G_STRUCT_MEMBER(char *, message, text_places[i]);
        if (text && strlen(text) > MOST_TEXT)
            return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(list_places); i++) {
        const GPtrArray *list = G_STRUCT_MEMBER(GPtrArray *, message, list_places[i]);
        for (guint j = 0; list && j < list->len; j++)
            if (strlen(list->pdata[j]) > MOST_TEXT)
                return FALSE;
    }
    return TRUE;
}

Message *message_parse(const char *line, gsize length, const char *name, GError **error)
{
    json_t *tree = form_parse(line, length, name, error);
    if (!tree)
        return NULL;
    int kind = kind_of(tree, name, error);
    g_autoptr(Message) message = kind < 0 ? NULL : form_read_tree(&forms[kind], tree, name, error);
    json_decref(tree);
    if (message && !texts_are_short(message)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s: a text has more than %d bytes."), name, MOST_TEXT);
        return NULL;
    }
    return g_steal_pointer(&message);
}

void message_free(Message *message)
{
    if (!message)
        return;
    for (guint i = 0; i < G_N_ELEMENTS(text_places); i++)
        g_free(G_STRUCT_MEMBER(char *, message, text_places[i]));
    for (guint i = 0; i < G_N_ELEMENTS(list_places); i++)
        g_clear_pointer(&G_STRUCT_MEMBER(GPtrArray *, message, list_places[i]), g_ptr_array_unref);
    unpack_rule_free(message->unpack);
    json_decref(message->facts);
    g_free(message);
}

ListingHead *message_listing_head(const Message *message)
{
    ListingHead *head = listing_head_new();
    head->version = g_strdup(message->version);
    head->newest_change = g_strdup(message->newest_change);
    head->state_token = g_strdup(message->state);
    head->state_is_weak = message->state_is_weak;
    head->title = g_strdup(message->title);
    head->licence = g_strdup(message->licence);
    head->citation = g_strdup(message->citation);
    head->homepage = g_strdup(message->homepage);
    head->access_note = g_strdup(message->access_note);
    head->total_bytes = message->total_bytes;
    head->is_one_archive = message->is_one_archive;
    head->is_restricted = message->is_restricted;
    for (guint i = 0; i < message->notes->len; i++)
        listing_head_add_note(head, "%s", (const char *)message->notes->pdata[i]);
    return head;
}

FileSpec *message_file_spec(Message *message, GError **error)
{
    g_autoptr(FileSpec) spec = file_spec_new(message->path);
    spec->size = message->size;
    spec->size_is_exact = message->size != SIZE_UNKNOWN && message->size_is == MESSAGE_SIZE_EXACT;
    spec->size_is_rounded = message->size_is == MESSAGE_SIZE_ROUNDED;
    spec->declared = message->declared;
    spec->hinted = message->hinted;
    spec->modified = g_strdup(message->modified);
    spec->part = g_strdup(message->part);
    if (message->facts && !file_facts_are_flat(message->facts)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The facts of \"%s\" are no object of texts."), message->path);
        return NULL;
    }
    spec->facts = json_incref(message->facts);
    if (message->etag || message->last_modified)
        spec->validators = validators_new(message->etag, message->last_modified,
                                          spec->size_is_exact ? spec->size : SIZE_UNKNOWN);
    spec->role = message->role != FILE_ROLE_DATA ? (FileRole)message->role
                                                 : file_role_from_name(message->path);
    UnpackRule *rule = g_steal_pointer(&message->unpack);
    if (!rule && spec->role == FILE_ROLE_ARCHIVE) {
        rule = unpack_rule_from_name(message->path);
        if (!rule) {
            g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                        _("\"%s\" is called an archive, but its name does not tell its format, and "
                          "\"unpack\" is missing."),
                        message->path);
            return NULL;
        }
    }
    if (rule)
        file_spec_set_unpack(spec, rule);
    return g_steal_pointer(&spec);
}
