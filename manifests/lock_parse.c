#include "lock_form.h"

#include "file_facts.h"
#include "i18n.h"

#include <jansson.h>
#include <string.h>

/* Each reader of a value leaves its target as it is where the key is not there, and says why the
 * value is wrong in *REASON (owned), with FALSE. */

static gboolean wrong_value(const char *key, const char *expected, char **reason)
{
    /* TRANSLATORS: a key, and what its value must be, such as "a string". */
    *reason = g_strdup_printf(_("the value of \"%s\" is not %s"), key, expected);
    return FALSE;
}

static gboolean get_text(const json_t *object, const char *key, char **text, char **reason)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return TRUE;
    const char *string = json_string_value(value);
    if (!string || strlen(string) != json_string_length(value))
        return wrong_value(key, _("a string"), reason);
    g_free(*text);
    *text = g_strdup(string);
    return TRUE;
}

static gboolean get_number(const json_t *object, const char *key, guint64 *number, char **reason)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return TRUE;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return wrong_value(key, _("a whole number of 0 or more"), reason);
    *number = (guint64)json_integer_value(value);
    return TRUE;
}

static gboolean get_digests(const json_t *object, DigestSet *set, char **reason)
{
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const char *key = digest_algorithm_name((DigestAlgorithm)i);
        const json_t *value = json_object_get(object, key);
        Digest digest;
        if (!value)
            continue;
        if (!digest_parse_hex((DigestAlgorithm)i, json_string_value(value), &digest))
            return wrong_value(key, _("such a digest in hexadecimal digits"), reason);
        digest_set_add(set, &digest);
    }
    return TRUE;
}

static gboolean get_digest_object(const json_t *object, const char *key, DigestSet *set,
                                  char **reason)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return TRUE;
    if (!json_is_object(value))
        return wrong_value(key, _("an object"), reason);
    return get_digests(value, set, reason);
}

static gboolean get_state(const json_t *object, LockState *state, char **reason)
{
    const json_t *value = json_object_get(object, "state");
    if (!value || lock_state_parse(json_string_value(value), state))
        return TRUE;
    return wrong_value("state", _("a known state"), reason);
}

static gboolean get_trust(const json_t *object, Trust *trust, char **reason)
{
    const json_t *value = json_object_get(object, "trust");
    if (!value || trust_parse(json_string_value(value), trust))
        return TRUE;
    return wrong_value("trust", _("a known kind of trust"), reason);
}

static gboolean get_role(const json_t *object, FileRole *role, char **reason)
{
    const json_t *value = json_object_get(object, "role");
    if (!value || file_role_parse(json_string_value(value), role))
        return TRUE;
    return wrong_value("role", _("a known role"), reason);
}

static gboolean get_addresses(const json_t *object, GPtrArray **addresses, char **reason)
{
    const json_t *value = json_object_get(object, "addresses");
    if (!value)
        return TRUE;
    if (!json_is_array(value))
        return wrong_value("addresses", _("a list of strings"), reason);
    *addresses = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < json_array_size(value); i++) {
        const char *address = json_string_value(json_array_get(value, i));
        if (!address)
            return wrong_value("addresses", _("a list of strings"), reason);
        g_ptr_array_add(*addresses, g_strdup(address));
    }
    return TRUE;
}

static gboolean get_unpack(const json_t *object, UnpackRule **rule, char **reason)
{
    const json_t *value = json_object_get(object, "unpack");
    g_autoptr(GError) wrong = NULL;
    if (!value)
        return TRUE;
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    *rule = unpack_rule_from_json(text, &wrong);
    free(text);
    if (!*rule)
        *reason = g_strdup(wrong->message);
    return *rule != NULL;
}

static gboolean get_facts(const json_t *object, json_t **facts, char **reason)
{
    json_t *value = json_object_get(object, "facts");
    if (!value)
        return TRUE;
    if (!file_facts_are_flat(value))
        return wrong_value("facts", _("an object of strings"), reason);
    *facts = json_incref(value);
    return TRUE;
}

static gboolean parse_download(const json_t *object, LockDownload *download, char **reason)
{
    return get_text(object, "download", &download->path, reason) &&
           get_state(object, &download->state, reason) &&
           get_role(object, &download->role, reason) &&
           get_number(object, "size", &download->size, reason) &&
           get_trust(object, &download->trust, reason) &&
           get_digest_object(object, "declared", &download->declared, reason) &&
           get_digest_object(object, "seen", &download->seen, reason) &&
           get_addresses(object, &download->addresses, reason) &&
           get_unpack(object, &download->unpack, reason) &&
           get_facts(object, &download->facts, reason);
}

static gboolean parse_file(const json_t *object, LockFile *file, char **reason)
{
    return get_text(object, "file", &file->path, reason) &&
           get_state(object, &file->state, reason) &&
           get_number(object, "size", &file->size, reason) &&
           get_digests(object, &file->digests, reason) && get_trust(object, &file->trust, reason) &&
           get_text(object, "archive", &file->archive, reason) &&
           get_text(object, "member", &file->member, reason) &&
           get_text(object, "link", &file->link_target, reason);
}

static gboolean parse_end(const json_t *object, LockEnd *end, char **reason)
{
    const json_t *value = json_object_get(object, "end");
    if (!get_number(value, "downloads", &end->downloads, reason))
        return FALSE;
    return get_number(value, "files", &end->files, reason);
}

static json_t *load_object(const char *line, gsize length, char **reason)
{
    json_error_t wrong;
    json_t *object = json_loadb(line, length, JSON_REJECT_DUPLICATES, &wrong);
    if (json_is_object(object))
        return object;
    g_autofree char *valid = g_utf8_make_valid(wrong.text, -1);
    if (object)
        *reason = g_strdup(_("it is no JSON object"));
    else
        *reason = g_strdup_printf(_("it is no JSON (column %d: %s)"), wrong.column, valid);
    json_decref(object);
    return NULL;
}

LockForm lock_parse_line(const char *line, gsize length, LockDownload *download, LockFile *file,
                         LockEnd *end, char **reason)
{
    json_t *object = load_object(line, length, reason);
    LockForm form = LOCK_FORM_UNKNOWN;
    gboolean right = TRUE;
    if (!object)
        return LOCK_FORM_WRONG;
    if (json_object_get(object, "file")) {
        form = LOCK_FORM_FILE;
        right = parse_file(object, file, reason);
    } else if (json_object_get(object, "download")) {
        form = LOCK_FORM_DOWNLOAD;
        right = parse_download(object, download, reason);
    } else if (json_object_get(object, "end")) {
        form = LOCK_FORM_END;
        right = parse_end(object, end, reason);
    } else if (json_object_get(object, "lock")) {
        form = LOCK_FORM_HEADER;
    }
    json_decref(object);
    return right ? form : LOCK_FORM_WRONG;
}

static gboolean parse_counts(const json_t *object, LockHeader *header, char **reason)
{
    const json_t *listed = json_object_get(object, "listed");
    const json_t *held = json_object_get(object, "held");
    const json_t *trust = json_object_get(object, "trust");
    for (guint i = TRUST_LOCKED; i <= TRUST_FIRST_USE; i++) {
        if (!get_number(trust, trust_name((Trust)i), &header->trust_count[i], reason))
            return FALSE;
    }
    return get_number(listed, "downloads", &header->listed_downloads, reason) &&
           get_number(listed, "bytes", &header->listed_bytes, reason) &&
           get_number(held, "files", &header->held_files, reason) &&
           get_number(held, "bytes", &header->held_bytes, reason) &&
           get_number(object, "skipped", &header->skipped, reason) &&
           get_number(object, "absent", &header->absent, reason) &&
           get_number(object, "failed", &header->failed, reason);
}

static gboolean parse_selection(const json_t *object, LockHeader *header, char **reason)
{
    const json_t *value = json_object_get(object, "selection");
    g_autoptr(GError) wrong = NULL;
    if (!value)
        return TRUE;
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    Selection *selection = selection_from_json(text, &wrong);
    free(text);
    if (!selection) {
        *reason = g_strdup(wrong->message);
        return FALSE;
    }
    selection_free(header->selection);
    header->selection = selection;
    return TRUE;
}

static gboolean parse_header_of(const json_t *object, LockHeader *header, char **reason)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lock_texts); i++) {
        char **text = G_STRUCT_MEMBER_P(header, lock_texts[i].offset);
        if (!get_text(object, lock_texts[i].key, text, reason))
            return FALSE;
    }
    header->state_is_weak = json_is_true(json_object_get(object, "state_is_weak"));
    if (!parse_selection(object, header, reason) || !parse_counts(object, header, reason))
        return FALSE;
    if (header->folder && header->version)
        return TRUE;
    *reason = g_strdup(_("it names no folder or no version"));
    return FALSE;
}

LockHeader *lock_parse_header(const char *line, gsize length, gboolean *needs_newer, char **reason)
{
    *needs_newer = FALSE;
    json_t *object = load_object(line, length, reason);
    if (!object)
        return NULL;
    g_autoptr(LockHeader) header = lock_header_new();
    guint64 format = 0, min_reader = 1;
    gboolean right = get_number(object, "lock", &format, reason) &&
                     get_number(object, "min_reader", &min_reader, reason);
    if (right && format == 0) {
        *reason = g_strdup(_("it is no header of a lock"));
        right = FALSE;
    }
    if (right && min_reader > LOCK_FORMAT) {
        *needs_newer = TRUE;
        right = FALSE;
    }
    header->format = (guint)MIN(format, G_MAXUINT);
    header->min_reader = (guint)MIN(min_reader, G_MAXUINT);
    right = right && parse_header_of(object, header, reason);
    json_decref(object);
    return right ? g_steal_pointer(&header) : NULL;
}
