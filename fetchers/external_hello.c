#include "external_hello.h"

#include "classify_answer.h"
#include "error.h"
#include "form.h"
#include "form_syntax.h"
#include "i18n.h"
#include "web_address.h"

#include <string.h>

#define MOST_RULES 64
#define MOST_ACCESS 32
#define MOST_HOSTS 32
#define MOST_KEYS 16
#define MOST_CONNECTIONS 64

typedef struct {
    guint status; /* 0: any */
    char *type;
    char *header; /* "Name: text in its value" */
    char *body;
    int kind; /* place in rule_words */
} ExternalRule;

typedef struct {
    guint status;
    char *text;
} ExternalAccess;

/* No rule can say "data": what comes is data where nothing speaks against it. */
static const struct {
    const char *word;
    AnswerKind kind;
} rule_kinds[] = {
    {"login-page", ANSWER_LOGIN_PAGE},
    {"terms", ANSWER_TERMS},
    {"quota", ANSWER_QUOTA},
    {"not-ready", ANSWER_NOT_READY},
    {"expired", ANSWER_EXPIRED},
    {"nothing-there", ANSWER_NOTHING_THERE},
    {"absent", ANSWER_ABSENT},
    {"transient", ANSWER_TRANSIENT},
    {"not-the-sources-own", ANSWER_NOT_THE_SOURCES_OWN},
    {"unexpected-html", ANSWER_UNEXPECTED_HTML},
};
static const char *const rule_words[] = {"login-page",      "terms",     "quota",
                                         "not-ready",       "expired",   "nothing-there",
                                         "absent",          "transient", "not-the-sources-own",
                                         "unexpected-html", NULL};
G_STATIC_ASSERT(G_N_ELEMENTS(rule_kinds) + 1 == G_N_ELEMENTS(rule_words));

static const char *const ability_words[] = {"versions", "prepare", "refresh", "login", NULL};
static const char *const need_words[] = {"password", "token", NULL};

static const FormPattern source_pattern = {"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
                                           N_("a name of lower-case letters, digits and hyphens")};
static const FormPattern base_pattern = {
    "^https?://[^/?#@\\s]+(/[!-~]*)?$",
    N_("an http or https address without a user name and a query")};
static const FormPattern host_pattern = {"^[a-z0-9.-]+$",
                                         N_("the name of a host, in lower case, without a port")};
static const FormPattern key_pattern = {"^[a-z][a-z0-9_]*$",
                                        N_("a key of lower-case letters, digits and _")};
static const FormPattern header_pattern = {"^[A-Za-z0-9-]+:.*$",
                                           N_("a header's name, a colon and a part of its value")};

#define AT(type, field) G_STRUCT_OFFSET(type, field)

static const FormKey rule_keys[] = {
    {"status", FORM_NUMBER, AT(ExternalRule, status), .most = 599,
     .help = N_("the answer's HTTP status")},
    {"type", FORM_TEXT, AT(ExternalRule, type),
     .help = N_("the beginning of its Content-Type, any case")},
    {"header", FORM_TEXT, AT(ExternalRule, header), .pattern = &header_pattern,
     .help = N_("a header that it has, and a part of that one's value, any case")},
    {"body", FORM_TEXT, AT(ExternalRule, body), .help = N_("a part of its body, any case")},
    {"is", FORM_WORD, AT(ExternalRule, kind), .required = TRUE, .words = rule_words,
     .help = N_("what such an answer is")},
    {.name = NULL},
};
static const char *const some_mark[] = {"status", "type", "header", "body", NULL};
static void destroy_rule(gpointer rule);
static const FormObject rule_form = {
    .name = "rule",
    .help = N_("a rule for answers"),
    .keys = rule_keys,
    .size = sizeof(ExternalRule),
    .destroy = destroy_rule,
    .at_least_one = some_mark,
};
static void destroy_rule(gpointer rule)
{
    form_free(&rule_form, rule);
}

static const FormKey access_keys[] = {
    {"status", FORM_NUMBER, AT(ExternalAccess, status), .required = TRUE, .most = 599,
     .help = N_("the HTTP status of the refusal; 0: beforehand")},
    {"text", FORM_TEXT, AT(ExternalAccess, text), .required = TRUE,
     .help = N_("what the person must do, as whole sentences; {name} stands for the dataset's")},
    {.name = NULL},
};
static void destroy_access(gpointer access);
static const FormObject access_form = {
    .name = "access",
    .help = N_("words for a refusal"),
    .keys = access_keys,
    .size = sizeof(ExternalAccess),
    .destroy = destroy_access,
};
static void destroy_access(gpointer access)
{
    form_free(&access_form, access);
}

static const FormKey hello_keys[] = {
    {"protocol", FORM_NUMBER, AT(ExternalHello, protocol), .required = TRUE, .most = 1000,
     .help = N_("the number of the protocol that is spoken, 1")},
    {"name", FORM_TEXT, AT(ExternalHello, name), .required = TRUE, .pattern = &source_pattern,
     .help = N_("the source's name")},
    {"title", FORM_TEXT, AT(ExternalHello, title), .required = TRUE,
     .help = N_("the source's name for people")},
    {"base", FORM_TEXT, AT(ExternalHello, base), .required = TRUE, .pattern = &base_pattern,
     .help = N_("the address below which its files lie")},
    {"hosts", FORM_TEXTS, AT(ExternalHello, hosts), .pattern = &host_pattern,
     .help = N_("further hosts that are the source's own")},
    {"locator_keys", FORM_TEXTS, AT(ExternalHello, locator_keys), .pattern = &key_pattern,
     .help = N_("keys of its locators besides \"name\"")},
    {"abilities", FORM_TEXTS, AT(ExternalHello, abilities), .words = ability_words,
     .help = N_("what it can do besides resolve")},
    {"needs", FORM_TEXTS, AT(ExternalHello, needs), .words = need_words,
     .help = N_("which credential it may ask for")},
    {"connections", FORM_NUMBER, AT(ExternalHello, connections), .most = MOST_CONNECTIONS,
     .help = N_("the polite number of connections to one host")},
    {"never_resumes", FORM_FLAG, AT(ExternalHello, never_resumes),
     .help = N_("whether its hosts send neither length nor ranges")},
    {"classify", FORM_RECORDS, AT(ExternalHello, classify), .object = &rule_form,
     .help = N_("rules for answers, the first that fits counts")},
    {"access", FORM_RECORDS, AT(ExternalHello, access), .object = &access_form,
     .help = N_("words for refusals")},
    {.name = NULL},
};

static gboolean check_count(FormReader *reader, const char *key, const GPtrArray *array, guint most)
{
    return array->len <= most ||
           form_fail(reader, key, _("there are %u of these, and at most %u are taken."), array->len,
                     most);
}

static gboolean has_word(const GPtrArray *texts, const char *word)
{
    return g_ptr_array_find_with_equal_func((GPtrArray *)texts, word, g_str_equal, NULL);
}

static gboolean check_hello(FormReader *reader, gpointer record)
{
    ExternalHello *hello = record;
    g_autoptr(GError) why = NULL;
    g_autoptr(WebAddress) base = web_address_parse(hello->base, &why);
    if (!base)
        return form_fail(reader, "base", "%s", why->message);
    if (has_word(hello->locator_keys, "name"))
        return form_fail(reader, "locator_keys", _("\"name\" is a key of every locator."));
    for (gsize length = strlen(hello->base); hello->base[length - 1] == '/';)
        hello->base[--length] = '\0';
    /* First: it is this host that a login of the source is kept for. */
    guint place = 0;
    if (g_ptr_array_find_with_equal_func(hello->hosts, base->host, g_str_equal, &place))
        g_ptr_array_remove_index(hello->hosts, place);
    g_ptr_array_insert(hello->hosts, 0, g_strdup(base->host));
    hello->lists_versions = has_word(hello->abilities, "versions");
    hello->prepares = has_word(hello->abilities, "prepare");
    hello->refreshes = has_word(hello->abilities, "refresh");
    hello->proves_logins = has_word(hello->abilities, "login");
    hello->needs_credential = hello->needs->len > 0;
    hello->credential = has_word(hello->needs, "token") ? CREDENTIAL_TOKEN : CREDENTIAL_PASSWORD;
    return check_count(reader, "needs", hello->needs, 1) &&
           check_count(reader, "hosts", hello->hosts, MOST_HOSTS) &&
           check_count(reader, "locator_keys", hello->locator_keys, MOST_KEYS) &&
           check_count(reader, "classify", hello->classify, MOST_RULES) &&
           check_count(reader, "access", hello->access, MOST_ACCESS);
}

static void destroy_hello(gpointer hello);
static const FormObject hello_form = {
    .name = "hello",
    .help = N_("what a fetcher's program says of itself"),
    .keys = hello_keys,
    .size = sizeof(ExternalHello),
    .destroy = destroy_hello,
    .check = check_hello,
};
static void destroy_hello(gpointer hello)
{
    form_free(&hello_form, hello);
}

void external_hello_free(ExternalHello *hello)
{
    form_free(&hello_form, hello);
}

/* Before the keys: those of another protocol are not ours to know. */
static gboolean check_protocol(const json_t *tree, const char *name, GError **error)
{
    const json_t *protocol = json_object_get(tree, "protocol");
    if (!json_is_integer(protocol) || json_integer_value(protocol) == EXTERNAL_PROTOCOL)
        return TRUE;
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("%s: it speaks protocol %" JSON_INTEGER_FORMAT
                  ", and this medmirror speaks %d. Install the one that fits the other."),
                name, json_integer_value(protocol), EXTERNAL_PROTOCOL);
    return FALSE;
}

ExternalHello *external_hello_parse(const char *line, gsize length, const char *source,
                                    const char *name, GError **error)
{
    json_t *tree = form_parse(line, length, name, error);
    g_autoptr(ExternalHello) hello = NULL;
    if (tree && check_protocol(tree, name, error))
        hello = form_read_tree(&hello_form, tree, name, error);
    json_decref(tree);
    if (!hello)
        return NULL;
    if (strcmp(hello->name, source) != 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s: it says that its source is \"%s\", but the configuration names it for "
                      "\"%s\"."),
                    name, hello->name, source);
        return NULL;
    }
    return g_steal_pointer(&hello);
}

static gboolean contains(const char *lower_text, const char *part)
{
    g_autofree char *lower = g_ascii_strdown(part, -1);
    return strstr(lower_text, lower) != NULL;
}

static gboolean has_header(const AnswerHead *head, const char *wanted)
{
    const char *colon = strchr(wanted, ':');
    g_autofree char *name = g_strndup(wanted, (gsize)(colon - wanted));
    g_autofree char *part = g_strstrip(g_strdup(colon + 1));
    const char *value = answer_header(head, name);
    g_autofree char *lower = value ? g_ascii_strdown(value, -1) : NULL;
    return lower && contains(lower, part);
}

static gboolean rule_fits(const ExternalRule *rule, const AnswerHead *head, const char *text)
{
    if (rule->status != 0 && (int)rule->status != head->status)
        return FALSE;
    if (rule->type && (!head->content_type || g_ascii_strncasecmp(head->content_type, rule->type,
                                                                  strlen(rule->type)) != 0))
        return FALSE;
    return (!rule->header || has_header(head, rule->header)) &&
           (!rule->body || contains(text, rule->body));
}

AnswerKind external_hello_classify(const ExternalHello *hello, const AnswerHead *head)
{
    /* Bytes from further on in a file are nobody's page. */
    gboolean may_be_page = head->status != 206 || answer_starts_at_zero(head);
    g_autofree char *text =
        hello && hello->classify->len > 0 && may_be_page ? answer_text(head) : NULL;
    for (guint i = 0; text && i < hello->classify->len; i++) {
        const ExternalRule *rule = hello->classify->pdata[i];
        if (rule_fits(rule, head, text))
            return rule_kinds[rule->kind].kind;
    }
    return fetcher_classify_common(head);
}

char *external_hello_access(const ExternalHello *hello, const char *name, int status)
{
    for (guint i = 0; hello && i < hello->access->len; i++) {
        const ExternalAccess *access = hello->access->pdata[i];
        if ((int)access->status != status)
            continue;
        g_autoptr(GString) text = g_string_new(access->text);
        g_string_replace(text, "{name}", name, 0);
        return g_string_free(g_steal_pointer(&text), FALSE);
    }
    return NULL;
}
