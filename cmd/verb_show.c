#include "error.h"
#include "i18n.h"
#include "progress.h"
#include "size_text.h"
#include "verbs.h"
#include "version_choice.h"

#include <string.h>

/* What the person chose counts, whether or not the system has that locale. */
static gboolean speaks_chinese(void)
{
    return g_str_has_prefix(g_get_language_names()[0], "zh");
}

static void line(Invocation *invocation, const char *name, const char *value)
{
    if (value && *value) {
        g_autofree char *padded = text_pad(name, 13);
        console_answer(invocation->console, "%s%s", padded, value);
    }
}

static char *join(const GPtrArray *words)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; words && i < words->len; i++) {
        g_string_append_printf(text, "%s%s", i ? ", " : "",
                               (const char *)g_ptr_array_index(words, i));
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void show_size(Invocation *invocation, const Manifest *manifest)
{
    g_autofree char *size =
        manifest->size == SIZE_UNKNOWN ? g_strdup(_("not known")) : size_text(manifest->size);
    line(invocation, _("size"), size);
    if (manifest->subjects != SIZE_UNKNOWN) {
        g_autofree char *subjects = g_strdup_printf("%" G_GUINT64_FORMAT, manifest->subjects);
        line(invocation, _("subjects"), subjects);
    }
}

static void show_steps(Invocation *invocation, const Manifest *manifest, gboolean chinese)
{
    const GPtrArray *steps = chinese && manifest->steps_zh && manifest->steps_zh->len
                                 ? manifest->steps_zh
                                 : manifest->steps_en;
    for (guint i = 0; steps && i < steps->len; i++) {
        console_answer(invocation->console, "%3u  %s", i + 1,
                       (const char *)g_ptr_array_index(steps, i));
    }
}

static void show_alternatives(Invocation *invocation, const Manifest *manifest)
{
    for (guint i = 0; manifest->alternatives && i < manifest->alternatives->len; i++) {
        const ManifestAlternative *other = g_ptr_array_index(manifest->alternatives, i);
        g_autofree char *text =
            g_strdup_printf(_("%s (same: %s) %s"), other->url ? other->url : other->source,
                            same_as_name(other->same), other->why ? other->why : "");
        line(invocation, _("also at"), text);
    }
}

static void show_manifest(Invocation *invocation, const Reference *reference)
{
    const Manifest *manifest = reference->manifest;
    gboolean chinese = speaks_chinese();
    const char *first = chinese ? manifest->title_zh : manifest->title_en;
    const char *second = chinese ? manifest->title_en : manifest->title_zh;
    g_autofree char *modality = join(manifest->modality);
    g_autofree char *organ = join(manifest->organ);
    g_autofree char *needs = join(manifest->needs);
    console_answer(invocation->console, "%s  %s", manifest->id, access_name(manifest->access));
    console_answer(invocation->console, "%s  %s", first ? first : "", second ? second : "");
    const char *description = chinese ? manifest->description_zh : manifest->description_en;
    if (description) {
        console_answer(invocation->console, "  %s", description);
    }
    line(invocation, _("source"), reference->ref);
    line(invocation, _("needs"), needs);
    line(invocation, _("page"), manifest->access_page);
    line(invocation, _("licence"), manifest->licence ? manifest->licence : _("not known"));
    line(invocation, _("sharing"), manifest->sharing);
    line(invocation, _("terms"), manifest->terms);
    line(invocation, _("terms page"), manifest->terms_page);
    line(invocation, _("modality"), modality);
    line(invocation, _("organ"), organ);
    show_size(invocation, manifest);
    line(invocation, _("cite"), manifest->citation);
    line(invocation, _("home page"), manifest->homepage);
    line(invocation, _("notes"),
         chinese && manifest->notes_zh ? manifest->notes_zh : manifest->notes_en);
    show_steps(invocation, manifest, chinese);
    show_alternatives(invocation, manifest);
}

static void show_header(Invocation *invocation, const Mirror *mirror, const LockHeader *header)
{
    g_autofree char *path = mirror_version_path(mirror, header->folder, header->version);
    g_autofree char *size = size_text(header->held_bytes);
    g_autofree char *text =
        g_strdup_printf(_("%s: %" G_GUINT64_FORMAT " files, %s, since %.10s"), header->version,
                        header->held_files, size, header->created ? header->created : "");
    line(invocation, _("here"), text);
    line(invocation, "", path);
    if (!lock_header_is_whole(header)) {
        g_autofree char *what = selection_describe(header->selection);
        line(invocation, _("part"), what);
    }
    line(invocation, _("fingerprint"), header->fingerprint);
    console_json(invocation->console, "version",
                 json_pack("{s:s, s:s, s:s, s:I, s:I, s:b}", "version", header->version, "path",
                           path, "fingerprint", header->fingerprint, "files",
                           (json_int_t)header->held_files, "bytes", (json_int_t)header->held_bytes,
                           "whole", lock_header_is_whole(header)));
}

/* The manifest file itself is the fullest account; --json gives it as it is. */
static void show_manifest_json(Invocation *invocation, const Manifest *manifest)
{
    json_t *facts = manifest->file ? json_load_file(manifest->file, 0, NULL) : NULL;
    if (facts) {
        console_json(invocation->console, "manifest", facts);
    }
}

static int show_one(Invocation *invocation, const char *text, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(text, invocation->catalogue, error);
    if (!reference) {
        return 1;
    }
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, NULL);
    g_autoptr(GPtrArray) versions =
        mirror ? mirror_versions(mirror, reference->folder, NULL) : NULL;
    gboolean here = versions && versions->len;
    if (!reference->manifest && !here) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
            _("%s is in no catalogue and not here. What its source has: medmirror files %s"),
            reference->text, reference->text);
        return 1;
    }
    if (reference->manifest) {
        show_manifest(invocation, reference);
        show_manifest_json(invocation, reference->manifest);
        g_autofree char *access =
            reference->fetcher && reference->fetcher->describe_access
                ? reference->fetcher->describe_access(reference->fetcher, reference->locator,
                                                      reference->manifest, 0)
                : NULL;
        line(invocation, _("access"), access);
    } else {
        const LockHeader *newest = g_ptr_array_index(versions, 0);
        console_answer(invocation->console, "%s", reference->ref);
        line(invocation, _("title"), newest->title);
        line(invocation, _("licence"), newest->licence);
        line(invocation, _("cite"), newest->citation);
        line(invocation, _("home page"), newest->homepage);
    }
    for (guint i = 0; here && i < versions->len; i++) {
        show_header(invocation, mirror, g_ptr_array_index(versions, i));
    }
    if (!here && reference->fetcher) {
        g_autofree char *next = g_strdup_printf(_("not here; bring it with: medmirror pull %s"),
                                                reference->id ? reference->id : reference->ref);
        line(invocation, _("here"), next);
    }
    return 0;
}

/* What the catalogue says, else what the source said of the newest version that is here. */
static int cite_one(Invocation *invocation, const char *text, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(text, invocation->catalogue, error);
    if (!reference) {
        return 1;
    }
    g_autoptr(Mirror) mirror = mirror_open(invocation->mirror_path, MIRROR_OPEN_READ, NULL);
    g_autoptr(GPtrArray) versions =
        mirror ? mirror_versions(mirror, reference->folder, NULL) : NULL;
    const LockHeader *newest = versions && versions->len ? g_ptr_array_index(versions, 0) : NULL;
    const char *citation = reference->manifest && reference->manifest->citation
                               ? reference->manifest->citation
                           : newest ? newest->citation
                                    : NULL;
    if (!citation) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("How to cite %s is not known here. What is known: medmirror show %s"),
                    reference->ref, reference->ref);
        return 1;
    }
    console_answer(invocation->console, "%s", citation);
    console_json(invocation->console, "citation",
                 json_pack("{s:s, s:s}", "ref", reference->ref, "citation", citation));
    return 0;
}

static int run(Invocation *invocation)
{
    gboolean cite = FALSE;
    const GOptionEntry entries[] = {
        {"cite", 0, 0, G_OPTION_ARG_NONE, &cite, N_("Only how to cite it"), NULL}, {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    if (!invocation->arguments[0]) {
        return invocation_usage(invocation,
                                _("Which dataset? Name one, as in: medmirror show mitdb"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    for (guint i = 0; invocation->arguments[i]; i++) {
        if (cite ? cite_one(invocation, invocation->arguments[i], &error)
                 : show_one(invocation, invocation->arguments[i], &error)) {
            return invocation_fail(invocation, error);
        }
    }
    return 0;
}

const Verb verb_show = {
    .name = "show",
    .summary = N_("All that is known of a dataset: access, licence, citation, size, what is here"),
    .arguments = "REF...",
    .help = N_("From the catalogue and from the mirror; opens no connection.\n\n"
               "Examples:\n"
               "  medmirror show mitdb\n"
               "  medmirror show --cite uci-heart-disease"),
    .run = run,
};
