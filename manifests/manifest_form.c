#include "manifest_form.h"

#include "i18n.h"
#include "manifest.h"
#include "relpath.h"
#include "unpack_form.h"

#include <string.h>

const char *const manifest_kinds[] = {
    [KIND_DATASET] = "dataset",       [KIND_CHALLENGE] = "challenge",
    [KIND_COLLECTION] = "collection", [KIND_LINK_LIST] = "link-list",
    [KIND_SERIES] = "series",         [KIND_SERIES + 1] = NULL,
};
const char *const manifest_accesses[] = {
    [ACCESS_OPEN] = "open",      [ACCESS_ACCOUNT] = "account", [ACCESS_APPLICATION] = "application",
    [ACCESS_MANUAL] = "manual",  [ACCESS_GONE] = "gone",       [ACCESS_UNKNOWN] = "unknown",
    [ACCESS_UNKNOWN + 1] = NULL,
};
const char *const manifest_sames[] = {
    [SAME_UNKNOWN] = "unknown", [SAME_BYTES] = "bytes",     [SAME_MEMBERS] = "members",
    [SAME_PART] = "part",       [SAME_DERIVED] = "derived", [SAME_DERIVED + 1] = NULL,
};
const char *const manifest_page_states[] = {
    [PAGE_UNKNOWN] = "unknown", [PAGE_ALIVE] = "alive", [PAGE_MOVED] = "moved",
    [PAGE_GONE] = "gone",       [PAGE_GONE + 1] = NULL,
};
static const char *const needs[] = {"account", "terms", "training", "approval", NULL};
static const char *const sharings[] = {"free", "attribution", "none", "unknown", NULL};
const char *const manifest_modalities[] = {
    "ct",     "mri",       "xray",       "mammography", "ultrasound", "fundus",
    "oct",    "histology", "microscopy", "endoscopy",   "dermoscopy", "photo",
    "video",  "eeg",       "ecg",        "ehr",         "claims",     "genomics",
    "speech", "text",      "tabular",    "dicom",       "other",      NULL,
};

static const FormPattern id_pattern = {
    "^[a-z0-9]+(-[a-z0-9]+)*$", N_("an id of lower-case letters, digits and single hyphens")};
static const FormPattern source_pattern = {"^[a-z0-9]+(-[a-z0-9]+)*$",
                                           N_("the name of a source, such as physionet or uci")};
static const FormPattern ref_pattern = {"^[0-9]+(\\.[0-9]+)*$",
                                        N_("a place in the list, such as 5.4")};
static const FormPattern page_pattern = {
    "^https?://[^/?#@\\s]+([/?#][!-~]*)?$",
    N_("an http or https address without a user name, blanks percent-encoded")};
static const FormPattern address_pattern = {
    "^(https?|ftp|s3|gs)://[^/?#@\\s]+([/?#][!-~]*)?$",
    N_("an http, https, ftp, s3 or gs address without a user name, blanks percent-encoded")};
static const FormPattern doi_pattern = {"^10\\.[0-9]{4,9}/[!-~]+$", N_("a DOI, such as "
                                                                       "10.13026/dp1f-ex47")};
static const FormPattern date_pattern = {"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$",
                                         N_("a date, such as 2025-04")};
static const FormPattern region_pattern = {"^[A-Z]{2}$", N_("a region's two letters (ISO 3166)")};
static const FormPattern word_pattern = {
    "^[a-z0-9]+(-[a-z0-9]+)*$", N_("a word of lower-case letters, digits and single hyphens")};
static const FormPattern part_pattern = {"^[A-Za-z0-9][A-Za-z0-9._-]*$",
                                         N_("a name of letters, digits and . _ -")};

#define AT(type, field) G_STRUCT_OFFSET(type, field)
#define TEXT_KEY(name, type, field) name, FORM_TEXT, AT(type, field)

/* An object of both languages. */
#define LANGUAGES(group, type, field, kind, must, of)                                              \
    static const FormKey group##_keys[] = {                                                        \
        {"en", kind, AT(type, field##_en), .required = must, .help = N_("the English text")},      \
        {"zh", kind, AT(type, field##_zh), .help = N_("the Chinese text")},                        \
        {.name = NULL},                                                                            \
    };                                                                                             \
    static const FormObject group = {.keys = group##_keys, .help = of}

LANGUAGES(title, Manifest, title, FORM_TEXT, TRUE, N_("the title"));
LANGUAGES(description, Manifest, description, FORM_TEXT, FALSE, N_("the description"));
LANGUAGES(steps, Manifest, steps, FORM_TEXTS, FALSE, N_("the steps"));
LANGUAGES(notes, Manifest, notes, FORM_TEXT, FALSE, N_("the notes"));
LANGUAGES(part_title, ManifestPart, title, FORM_TEXT, FALSE, N_("the part's title"));

static const FormKey region_keys[] = {
    {"refused", FORM_TEXTS, AT(Manifest, regions_refused), .required = TRUE,
     .pattern = &region_pattern, .help = N_("the regions that the publisher refuses")},
    {TEXT_KEY("since", Manifest, regions_since), .pattern = &date_pattern,
     .help = N_("the date from which on it does")},
    {TEXT_KEY("page", Manifest, regions_page), .pattern = &page_pattern,
     .help = N_("the page that says so")},
    {.name = NULL},
};
static const FormObject regions = {.keys = region_keys, .help = N_("what regions are refused")};

static const FormKey part_keys[] = {
    {TEXT_KEY("name", ManifestPart, name), .required = TRUE, .pattern = &part_pattern,
     .help = N_("the part's name, such as train or labels")},
    {"title", FORM_GROUP, 0, .object = &part_title, .help = N_("the part's title")},
    {"size", FORM_COUNT, AT(ManifestPart, size), .help = N_("bytes")},
    {.name = NULL},
};

static void destroy_part(gpointer part);
static const FormObject part_form = {
    .name = "part",
    .help = N_("a named part of the dataset"),
    .keys = part_keys,
    .size = sizeof(ManifestPart),
    .destroy = destroy_part,
};
static void destroy_part(gpointer part)
{
    form_free(&part_form, part);
}

#define DIGEST_KEY(name, which)                                                                    \
    {                                                                                              \
        name, FORM_DIGEST, AT(ManifestFile, digests), .algorithm = which,                          \
                                                      .help = N_("a recorded digest")              \
    }

static const FormKey file_keys[] = {
    {TEXT_KEY("path", ManifestFile, path), .required = TRUE, .check = relpath_check,
     .help = N_("where the file lies in the dataset's tree")},
    {TEXT_KEY("member_of", ManifestFile, member_of), .check = relpath_check,
     .help = N_("the path of the download that it is unpacked from")},
    {"size", FORM_COUNT, AT(ManifestFile, size), .help = N_("bytes, exactly")},
    DIGEST_KEY("sha256", DIGEST_SHA256),
    DIGEST_KEY("sha512", DIGEST_SHA512),
    DIGEST_KEY("sha1", DIGEST_SHA1),
    DIGEST_KEY("md5", DIGEST_MD5),
    DIGEST_KEY("crc32c", DIGEST_CRC32C),
    DIGEST_KEY("git-blob", DIGEST_GIT_BLOB),
    {"addresses", FORM_TEXTS, AT(ManifestFile, addresses), .pattern = &address_pattern,
     .help = N_("addresses of the file alone, best first")},
    {"unpack", FORM_RECORD, AT(ManifestFile, unpack), .object = &unpack_form,
     .help = N_("how this archive is unpacked")},
    {TEXT_KEY("part", ManifestFile, part), .pattern = &part_pattern,
     .help = N_("the part that it belongs to")},
    {.name = NULL},
};

static void destroy_file(gpointer file);
static const FormObject file_form = {
    .name = "file",
    .help = N_("a file that the facts name"),
    .keys = file_keys,
    .size = sizeof(ManifestFile),
    .destroy = destroy_file,
};
static void destroy_file(gpointer file)
{
    form_free(&file_form, file);
}

static const FormKey alternative_keys[] = {
    {TEXT_KEY("id", ManifestAlternative, id), .pattern = &id_pattern,
     .help = N_("its id in the catalogue")},
    {TEXT_KEY("source", ManifestAlternative, source), .with = "locator", .pattern = &source_pattern,
     .help = N_("the source that can bring it")},
    {"locator", FORM_OPEN, AT(ManifestAlternative, locator), .with = "source",
     .help = N_("what that source needs to find it")},
    {TEXT_KEY("url", ManifestAlternative, url), .pattern = &address_pattern,
     .help = N_("its address")},
    {"same", FORM_WORD, AT(ManifestAlternative, same), .required = TRUE, .words = manifest_sames,
     .help = N_("whether it is the same: in every byte, in its members, a part of it, or made of "
                "it")},
    {TEXT_KEY("why", ManifestAlternative, why), .help = N_("what it is, in a clause")},
    {.name = NULL},
};

static const char *const some_place[] = {"id", "source", "url", NULL};
static void destroy_alternative(gpointer alternative);
static const FormObject alternative_form = {
    .name = "alternative",
    .help = N_("another place with the same or nearly the same data"),
    .keys = alternative_keys,
    .size = sizeof(ManifestAlternative),
    .destroy = destroy_alternative,
    .at_least_one = some_place,
};
static void destroy_alternative(gpointer alternative)
{
    form_free(&alternative_form, alternative);
}

static const FormKey page_keys[] = {
    {TEXT_KEY("url", ManifestPage, url), .required = TRUE, .pattern = &address_pattern,
     .help = N_("its address")},
    {"state", FORM_WORD, AT(ManifestPage, state), .required = TRUE, .words = manifest_page_states,
     .help = N_("what became of it")},
    {.name = NULL},
};

static void destroy_page(gpointer page);
static const FormObject page_form = {
    .name = "page",
    .help = N_("an address under which the dataset was once known"),
    .keys = page_keys,
    .size = sizeof(ManifestPage),
    .destroy = destroy_page,
};
static void destroy_page(gpointer page)
{
    form_free(&page_form, page);
}

static const FormKey manifest_keys[] = {
    {"$schema", FORM_IGNORED, 0, .help = N_("the schema, for editors")},
    {TEXT_KEY("id", Manifest, id), .required = TRUE, .pattern = &id_pattern,
     .help = N_("the dataset's id, which is the file's name without .json")},
    {"kind", FORM_WORD, AT(Manifest, kind), .words = manifest_kinds,
     .help = N_("what it is; a dataset where absent")},
    {"title", FORM_GROUP, 0, .required = TRUE, .object = &title, .help = N_("the title")},
    {"description", FORM_GROUP, 0, .object = &description,
     .help = N_("one or two sentences, with the words that people search for")},
    {TEXT_KEY("source", Manifest, source), .with = "locator", .pattern = &source_pattern,
     .help = N_("the source that brings it; absent where none can")},
    {"locator", FORM_OPEN, AT(Manifest, locator), .with = "source",
     .help = N_("what the source needs to find it; each source has its own keys")},
    {"access", FORM_WORD, AT(Manifest, access), .required = TRUE, .words = manifest_accesses,
     .help = N_("who gets it: everybody, who has an account, whom a person lets in ...")},
    {"needs", FORM_TEXTS, AT(Manifest, needs), .words = needs,
     .help = N_("what access asks for, one by one")},
    {"steps", FORM_GROUP, 0, .object = &steps, .help = N_("what a person must do, in order")},
    {TEXT_KEY("access_page", Manifest, access_page), .pattern = &page_pattern,
     .help = N_("the page where access is asked for")},
    {TEXT_KEY("sharing", Manifest, sharing), .words = sharings,
     .help = N_("whether it may be passed on; unknown where absent")},
    {TEXT_KEY("licence", Manifest, licence),
     .help = N_("the licence as the publisher words it, an SPDX id where there is one")},
    {TEXT_KEY("terms", Manifest, terms), .help = N_("the name of the terms to agree to")},
    {TEXT_KEY("terms_page", Manifest, terms_page), .pattern = &page_pattern,
     .help = N_("the page of the terms")},
    {"regions", FORM_GROUP, 0, .object = &regions, .help = N_("what regions are refused")},
    {TEXT_KEY("citation", Manifest, citation), .help = N_("the data's DOI, or how to cite it")},
    {TEXT_KEY("paper", Manifest, paper), .pattern = &doi_pattern,
     .help = N_("the DOI of the paper that describes it")},
    {TEXT_KEY("homepage", Manifest, homepage), .pattern = &page_pattern,
     .help = N_("its page today")},
    {"pages", FORM_RECORDS, AT(Manifest, pages), .object = &page_form,
     .help = N_("addresses under which it was once known")},
    {"modality", FORM_TEXTS, AT(Manifest, modality), .words = manifest_modalities,
     .help = N_("what kind of data it is")},
    {"organ", FORM_TEXTS, AT(Manifest, organ), .pattern = &word_pattern,
     .help = N_("the parts of the body it is about")},
    {"year", FORM_NUMBER, AT(Manifest, year), .most = 9999, .help = N_("the year of the edition")},
    {"size", FORM_COUNT, AT(Manifest, size), .help = N_("bytes")},
    {"size_is_rounded", FORM_FLAG, AT(Manifest, size_is_rounded), .with = "size",
     .help = N_("the size is a rounded figure, never compared")},
    {"subjects", FORM_COUNT, AT(Manifest, subjects), .help = N_("how many people or animals")},
    {"refs", FORM_TEXTS, AT(Manifest, refs), .pattern = &ref_pattern,
     .help = N_("places in the list of datasets")},
    {"parts", FORM_RECORDS, AT(Manifest, parts), .object = &part_form,
     .help = N_("named parts, which can be asked for by themselves")},
    {"files", FORM_RECORDS, AT(Manifest, files), .object = &file_form,
     .help = N_("files of which something is known: a digest, a size, an address of their own")},
    {"unpack", FORM_RECORD, AT(Manifest, unpack), .object = &unpack_form,
     .help = N_("how the one archive that is the dataset is unpacked")},
    {"alternatives", FORM_RECORDS, AT(Manifest, alternatives), .object = &alternative_form,
     .help = N_("other places with the same or nearly the same data")},
    {"below", FORM_TEXTS, AT(Manifest, below), .pattern = &id_pattern,
     .help = N_("ids: the editions of a series, the datasets of a collection or link list")},
    {"related", FORM_TEXTS, AT(Manifest, related), .pattern = &id_pattern,
     .help = N_("ids of other data that serve the same end")},
    {"notes", FORM_GROUP, 0, .object = &notes, .help = N_("what else a person must know")},
    {.name = NULL},
};

static gboolean check_parts(FormReader *reader, const Manifest *manifest)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < manifest->parts->len; i++) {
        const ManifestPart *part = manifest->parts->pdata[i];
        if (!g_hash_table_add(names, part->name)) {
            g_autofree char *place = g_strdup_printf("parts/%u/name", i);
            return form_fail(reader, place, _("there are two parts \"%s\"."), part->name);
        }
    }
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = manifest->files->pdata[i];
        if (file->part && !g_hash_table_contains(names, file->part)) {
            g_autofree char *place = g_strdup_printf("files/%u/part", i);
            return form_fail(reader, place, _("\"%s\" is none of the names in /parts."),
                             file->part);
        }
    }
    return TRUE;
}

static gboolean index_files(FormReader *reader, Manifest *manifest)
{
    manifest->files_by_path = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < manifest->files->len; i++) {
        ManifestFile *file = manifest->files->pdata[i];
        if (!g_hash_table_insert(manifest->files_by_path, file->path, file)) {
            g_autofree char *place = g_strdup_printf("files/%u/path", i);
            g_autofree char *shown = relpath_display(file->path);
            return form_fail(reader, place, _("\"%s\" stands twice in /files."), shown);
        }
    }
    return TRUE;
}

static gboolean check_manifest(FormReader *reader, gpointer record)
{
    Manifest *manifest = record;
    if (!manifest->sharing)
        manifest->sharing = g_strdup("unknown");
    if (manifest->below->len > 0 &&
        (manifest->kind == KIND_DATASET || manifest->kind == KIND_CHALLENGE))
        return form_fail(reader, "below", _("a %s has nothing below it; is /kind right?"),
                         manifest_kinds[manifest->kind]);
    return check_parts(reader, manifest) && index_files(reader, manifest);
}

static void destroy_manifest(gpointer manifest)
{
    manifest_free(manifest);
}

const FormObject manifest_form = {
    .name = "manifest",
    .help = N_("a dataset as medmirror's catalogue knows it"),
    .keys = manifest_keys,
    .size = sizeof(Manifest),
    .destroy = destroy_manifest,
    .check = check_manifest,
};
