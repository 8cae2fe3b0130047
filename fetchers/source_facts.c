#include "source_facts.h"

#include "checksum_list.h"
#include "error.h"
#include "i18n.h"
#include "redact.h"

#include <stdlib.h>
#include <string.h>

#define JSON_MOST (4 * 1024 * 1024)

void file_spec_set_unpack(FileSpec *spec, UnpackRule *rule)
{
    unpack_rule_free(spec->unpack);
    spec->unpack = rule;
    spec->role = FILE_ROLE_ARCHIVE;
}

void file_spec_add_recorded(FileSpec *spec, const ManifestFile *recorded)
{
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(&recorded->digests, (DigestAlgorithm)i);
        if (digest && !digest_set_get(&spec->declared, (DigestAlgorithm)i))
            digest_set_add(&spec->declared, digest);
    }
    if (spec->size == SIZE_UNKNOWN || spec->size_is_rounded) {
        if (recorded->size != SIZE_UNKNOWN) {
            spec->size = recorded->size;
            spec->size_is_rounded = FALSE;
        }
    }
    if (recorded->unpack)
        file_spec_set_unpack(spec, unpack_rule_copy(recorded->unpack));
    if (recorded->part && !spec->part)
        spec->part = g_strdup(recorded->part);
}

void file_spec_add_facts(FileSpec *spec, const Manifest *manifest)
{
    if (!manifest || !manifest->files || manifest->files->len == 0)
        return;
    const ManifestFile *recorded = manifest_find_file(manifest, spec->path, NULL);
    if (recorded)
        file_spec_add_recorded(spec, recorded);
}

FileRole file_role_from_name(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    if (checksum_list_is_name(base))
        return FILE_ROLE_CHECKSUMS;
    static const char *const licences[] = {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE",
                                           "COPYING", "LICENCE.txt", "LICENCE.md", NULL};
    return g_strv_contains(licences, base) ? FILE_ROLE_LICENCE : FILE_ROLE_DATA;
}

const char *source_base(HostServices *services, const FetcherRow *row, guint endpoint)
{
    return services->endpoint(services, row->endpoints[2 * endpoint], row->name,
                              row->endpoints[2 * endpoint + 1]);
}

static gboolean was_sent_elsewhere(HostServices *services, const FetcherRow *row)
{
    return row->endpoints[0] && g_strcmp0(source_base(services, row, 0), row->endpoints[1]) != 0;
}

char *source_address(HostServices *services, const FetcherRow *row, const char *address)
{
    for (guint i = 0; row->endpoints[2 * i]; i++) {
        const char *usual = row->endpoints[2 * i + 1];
        gsize length = strlen(usual);
        if (strncmp(address, usual, length) != 0 || address[length] != '/')
            continue;
        const char *base = source_base(services, row, i);
        return base ? g_strconcat(base, address + length, NULL) : NULL;
    }
    return was_sent_elsewhere(services, row) ? NULL : g_strdup(address);
}

static FileSpec *recorded_file(HostServices *services, const FetcherRow *row,
                               const ManifestFile *recorded)
{
    FileSpec *spec = file_spec_new(recorded->path);
    spec->role = file_role_from_name(recorded->path);
    file_spec_add_recorded(spec, recorded);
    for (guint i = 0; i < recorded->addresses->len; i++) {
        g_autofree char *address = source_address(services, row, recorded->addresses->pdata[i]);
        if (address)
            file_spec_add_address(spec, address);
    }
    return spec;
}

gboolean source_list_recorded(HostServices *services, const FetcherRow *row,
                              const Manifest *manifest, const char *except,
                              const ListingTaker *taker, guint *count, GError **error)
{
    for (guint i = 0; manifest && manifest->files && i < manifest->files->len; i++) {
        const ManifestFile *recorded = manifest->files->pdata[i];
        if (recorded->member_of || !recorded->addresses || recorded->addresses->len == 0 ||
            g_strcmp0(recorded->path, except) == 0)
            continue;
        g_autoptr(FileSpec) spec = recorded_file(services, row, recorded);
        if (spec->addresses->len == 0)
            continue;
        ++*count;
        if (!taker->file(taker->data, spec, error))
            return FALSE;
    }
    return TRUE;
}

const char *locator_text(const json_t *locator, const char *key)
{
    return json_string_value(json_object_get(locator, key));
}

static gboolean has_type(const json_t *value, char type)
{
    switch (type) {
    case 's':
        return json_is_string(value) && *json_string_value(value);
    case 'i':
        return json_is_integer(value) && json_integer_value(value) > 0;
    case 'a':
        return json_is_array(value) && json_array_size(value) > 0;
    default:
        return json_is_boolean(value);
    }
}

gboolean locator_check_keys(const FetcherRow *row, const char *types, const json_t *locator,
                            GError **error)
{
    if (!json_is_object(locator)) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The locator of a dataset of %s must be a JSON object."), row->title);
        return FALSE;
    }
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)locator, key, value)
    {
        guint at = 0;
        while (row->locator_keys[at] && strcmp(row->locator_keys[at], key) != 0)
            at++;
        if (row->locator_keys[at] && has_type(value, types[at]))
            continue;
        g_autofree char *keys = g_strjoinv(", ", (char **)row->locator_keys);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    row->locator_keys[at]
                        ? _("The locator of a dataset of %s has a value of the wrong type at "
                            "\"%s\" (its keys are: %s).")
                        : _("The locator of a dataset of %s does not know the key \"%s\" (its "
                            "keys are: %s)."),
                    row->title, key, keys);
        return FALSE;
    }
    return TRUE;
}

char *state_token_text(const json_t *token)
{
    char *text = json_dumps(token, JSON_COMPACT | JSON_SORT_KEYS);
    char *copy = g_strdup(text);
    free(text);
    return copy;
}

json_t *source_get_json(HostServices *services, const char *url, gboolean optional, int *status,
                        GError **error)
{
    DocumentRequest request = {
        .url = url, .max_bytes = JSON_MOST, .optional = optional, .any_status = optional};
    g_autoptr(Document) document = services->get(services, &request, error);
    if (!document)
        return NULL;
    if (status)
        *status = document->status;
    gsize length;
    g_autofree char *text = document_read(document, JSON_MOST, &length, error);
    if (!text)
        return NULL;
    json_error_t why;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
    if (!json) {
        g_autofree char *shown = redact_address(url);
        g_autofree char *valid = g_utf8_make_valid(why.text, -1);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ORIGIN,
                    _("The answer of %s (HTTP status %d) is no JSON: %s."), shown, document->status,
                    valid);
    }
    return json;
}
