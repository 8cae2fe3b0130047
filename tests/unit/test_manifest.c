#include "error.h"
#include "manifest.h"
#include "manifest_form.h"

#include <glib/gstdio.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>

#define SCHEMA_FILE SOURCE_DIR "/docs/manifest.schema.json"

/* What a manifest must have, to which a test adds. */
#define HEAD "{\"id\": \"x\", \"title\": {\"en\": \"X\"}, \"access\": \"open\""

static Manifest *parse(const char *json, GError **error)
{
    return manifest_parse(json, strlen(json), "x.json", error);
}

static Manifest *parse_good(const char *json)
{
    g_autoptr(GError) error = NULL;
    Manifest *manifest = parse(json, &error);
    g_assert_no_error(error);
    g_assert_nonnull(manifest);
    return manifest;
}

static void test_least(void)
{
    g_autoptr(Manifest) m = parse_good(HEAD "}");
    g_assert_cmpstr(m->id, ==, "x");
    g_assert_cmpstr(m->file, ==, "x.json");
    g_assert_cmpstr(m->title_en, ==, "X");
    g_assert_null(m->title_zh);
    g_assert_cmpint(m->kind, ==, KIND_DATASET);
    g_assert_cmpint(m->access, ==, ACCESS_OPEN);
    g_assert_cmpstr(m->sharing, ==, "unknown");
    g_assert_null(m->source);
    g_assert_null(m->locator);
    g_assert_cmpuint(m->size, ==, SIZE_UNKNOWN);
    g_assert_cmpuint(m->subjects, ==, SIZE_UNKNOWN);
    g_assert_false(m->size_is_rounded);
    g_assert_null(m->unpack);
    const GPtrArray *const arrays[] = {
        m->needs, m->steps_en, m->steps_zh,     m->regions_refused, m->modality, m->organ, m->refs,
        m->parts, m->files,    m->alternatives, m->below,           m->related,  m->pages};
    for (gsize i = 0; i < G_N_ELEMENTS(arrays); i++) {
        g_assert_nonnull(arrays[i]);
        g_assert_cmpuint(arrays[i]->len, ==, 0);
    }
}

static const char everything[] =
    "{\"$schema\": \"manifest.schema.json\", \"id\": \"big-set-2\", \"kind\": \"challenge\",\n"
    " \"title\": {\"en\": \"Big\", \"zh\": \"大\"},\n"
    " \"description\": {\"en\": \"d\", \"zh\": \"述\"},\n"
    " \"source\": \"kaggle\", \"locator\": {\"competition\": \"big\", \"deep\": {\"n\": [1, "
    "2.5]}},\n"
    " \"access\": \"application\", \"needs\": [\"account\", \"training\"],\n"
    " \"steps\": {\"en\": [\"one\", \"two\"], \"zh\": [\"一\"]},\n"
    " \"access_page\": \"https://example.org/apply?a=1#b\", \"sharing\": \"none\",\n"
    " \"licence\": \"custom\", \"terms\": \"The Terms\", \"terms_page\": "
    "\"http://example.org/t\",\n"
    " \"regions\": {\"refused\": [\"CN\", \"HK\"], \"since\": \"2025-04\",\n"
    "              \"page\": \"https://example.org/r\"},\n"
    " \"citation\": \"A. Author, 2020\", \"paper\": \"10.1038/s41597-020-0495-6\",\n"
    " \"homepage\": \"https://example.org\",\n"
    " \"pages\": [{\"url\": \"ftp://example.org/old\", \"state\": \"gone\"}],\n"
    " \"modality\": [\"ct\", \"dicom\"], \"organ\": [\"head-and-neck\"], \"year\": 2021,\n"
    " \"size\": 9007199254740993, \"size_is_rounded\": true, \"subjects\": 0,\n"
    " \"refs\": [\"1.14\", \"1.25.42\"],\n"
    " \"parts\": [{\"name\": \"train\", \"title\": {\"en\": \"T\", \"zh\": \"训\"}, \"size\": 5},\n"
    "            {\"name\": \"test\"}],\n"
    " \"files\": [\n"
    "  {\"path\": \"train.tar.gz.001\", \"part\": \"train\", \"size\": 7,\n"
    "   \"md5\": \"D41D8CD98F00B204E9800998ECF8427E\",\n"
    "   \"git-blob\": \"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\",\n"
    "   \"addresses\": [\"https://example.org/a%20b\", \"s3://bucket/a\"],\n"
    "   \"unpack\": {\"format\": \"tar\", \"filter\": \"gzip\", \"into\": \"train\", \"strip\": "
    "1,\n"
    "     \"charset\": \"GBK\", \"join\": [\"train.tar.gz.002\"],\n"
    "     \"nested\": [{\"member\": \"*.zip\", \"format\": \"zip\",\n"
    "                  \"nested\": [{\"member\": \"*.Z\", \"filter\": \"compress\"}]}]}},\n"
    "  {\"path\": \"train/a\", \"member_of\": \"train.tar.gz.001\"}],\n"
    " \"unpack\": {\"format\": \"7z\"},\n"
    " \"alternatives\": [{\"id\": \"other\", \"source\": \"s3\", \"locator\": {}, \"url\": "
    "\"gs://b/c\",\n"
    "   \"same\": \"members\", \"why\": \"w\"}, {\"url\": \"https://example.org/2\", \"same\": "
    "\"derived\"}],\n"
    " \"related\": [\"oasis-1\"], \"notes\": {\"en\": \"n\", \"zh\": \"注\"}}\n";

static void test_everything(void)
{
    g_autoptr(Manifest) m = parse_good(everything);
    g_assert_cmpint(m->kind, ==, KIND_CHALLENGE);
    g_assert_cmpint(m->access, ==, ACCESS_APPLICATION);
    g_assert_cmpstr(m->title_zh, ==, "大");
    g_assert_cmpstr(m->description_zh, ==, "述");
    g_assert_cmpstr(m->source, ==, "kaggle");
    g_assert_cmpstr(json_string_value(json_object_get(m->locator, "competition")), ==, "big");
    g_assert_cmpuint(m->needs->len, ==, 2);
    g_assert_cmpstr(m->needs->pdata[1], ==, "training");
    g_assert_cmpstr(m->steps_en->pdata[1], ==, "two");
    g_assert_cmpstr(m->steps_zh->pdata[0], ==, "一");
    g_assert_cmpstr(m->access_page, ==, "https://example.org/apply?a=1#b");
    g_assert_cmpstr(m->sharing, ==, "none");
    g_assert_cmpstr(m->regions_refused->pdata[1], ==, "HK");
    g_assert_cmpstr(m->regions_since, ==, "2025-04");
    g_assert_cmpstr(m->paper, ==, "10.1038/s41597-020-0495-6");
    const ManifestPage *page = m->pages->pdata[0];
    g_assert_cmpstr(page_state_name(page->state), ==, "gone");
    g_assert_cmpuint(m->year, ==, 2021);
    g_assert_cmpuint(m->size, ==, G_GUINT64_CONSTANT(9007199254740993));
    g_assert_true(m->size_is_rounded);
    g_assert_cmpuint(m->subjects, ==, 0);
    g_assert_cmpuint(m->parts->len, ==, 2);
    const ManifestPart *part = m->parts->pdata[0];
    g_assert_cmpstr(part->title_zh, ==, "训");
    g_assert_cmpuint(part->size, ==, 5);
    g_assert_cmpuint(((const ManifestPart *)m->parts->pdata[1])->size, ==, SIZE_UNKNOWN);
    g_assert_cmpint(m->unpack->container, ==, ARCHIVE_7Z);
    const ManifestAlternative *other = m->alternatives->pdata[0];
    g_assert_cmpstr(other->id, ==, "other");
    g_assert_cmpstr(same_as_name(other->same), ==, "members");
    g_assert_cmpstr(m->related->pdata[0], ==, "oasis-1");
    g_assert_cmpstr(m->notes_zh, ==, "注");
}

static void test_files(void)
{
    g_autoptr(Manifest) m = parse_good(everything);
    const ManifestFile *file = manifest_find_file(m, "train.tar.gz.001", NULL);
    g_assert_nonnull(file);
    g_assert_cmpuint(file->size, ==, 7);
    g_assert_cmpstr(file->part, ==, "train");
    g_assert_cmpuint(file->addresses->len, ==, 2);
    g_assert_cmpuint(digest_set_algorithms(&file->digests), ==,
                     1U << DIGEST_MD5 | 1U << DIGEST_GIT_BLOB);
    g_autofree char *md5 = digest_to_hex(digest_set_get(&file->digests, DIGEST_MD5));
    g_assert_cmpstr(md5, ==, "d41d8cd98f00b204e9800998ecf8427e");

    /* The rule is the same one that lock files keep. */
    g_autofree char *rule = unpack_rule_to_json(file->unpack);
    g_autoptr(UnpackRule) again = unpack_rule_from_json(rule, NULL);
    g_assert_nonnull(again);
    g_autofree char *rule_again = unpack_rule_to_json(again);
    g_assert_cmpstr(rule, ==, rule_again);
    g_assert_cmpuint(file->unpack->strip, ==, 1);
    g_assert_cmpstr(file->unpack->volumes->pdata[0], ==, "train.tar.gz.002");
    const UnpackRule *nested = file->unpack->nested->pdata[0];
    g_assert_cmpstr(nested->member, ==, "*.zip");
    const UnpackRule *innermost = nested->nested->pdata[0];
    g_assert_cmpint(innermost->filter, ==, FILTER_COMPRESS);
    g_assert_cmpint(innermost->container, ==, ARCHIVE_NONE);

    g_assert_null(manifest_find_file(m, "train/a", NULL));
    g_assert_nonnull(manifest_find_file(m, "train/a", "train.tar.gz.001"));
    g_assert_null(manifest_find_file(m, "none", NULL));
}

static const struct {
    const char *name, *json, *message;
} malformed[] = {
    {"empty", "", "x.json:1:0: this is not JSON: '[' or '{' expected near end of file."},
    {"syntax", "{\n  \"id\": \"x\",\n  \"title\" [\n}",
     "x.json:3:11: this is not JSON: ':' expected near '['."},
    {"cut", "{\"id\": \"x\"", "x.json:1:10: this is not JSON: '}' expected near end of file."},
    {"two documents", "{} {}", "x.json:1:4: this is not JSON: end of file expected near '{'."},
    {"comment", "{ // no\n}", "x.json:1:3: this is not JSON: string or '}' expected near '/'."},
    {"trailing comma", "{\"id\": \"x\",}",
     "x.json:1:12: this is not JSON: string or '}' expected near '}'."},
    {"NUL", "{\"id\": \"a\\u0000b\"}",
     "x.json:1:17: this is not JSON: \\u0000 may not stand in a text."},
    {"byte order mark", "\xef\xbb\xbf{}",
     "x.json:1:1: this begins with a byte order mark, which JSON has not; save it as UTF-8 without "
     "one."},
    {"Latin-1", "{\"id\": \"\xe9\"}",
     "x.json:1:8: this is not JSON: unable to decode byte 0xe9 near '\"'."},
    {"an array", "[]", "x.json: an object is wanted here, but a list stands there."},

    {"doubled key", HEAD ",\n \"id\": \"y\"}",
     "x.json:2:5: /id: this key stands twice in its object; keep one of them."},
    {"doubled key below", HEAD ", \"files\": [{}, {\"path\": \"a\",\n\"path\": \"b\"}]}",
     "x.json:2:6: /files/1/path: this key stands twice in its object; keep one of them."},
    {"doubled odd key", "{\"a/b~\\\"c\": 1, \"a/b~\\\"c\": 2}",
     "x.json:1:24: /a~1b~0\"c: this key stands twice in its object; keep one of them."},
    {"doubled long key",
     "{\"a key that is longer than twenty letters\": 1, \"a key that is longer than twenty "
     "letters\": 2}",
     "x.json:1:90: /a key that is longer than twenty letters: this key stands twice in its object; "
     "keep one of them."},
    {"doubled key in a locator", HEAD ", \"locator\": {\"a\": {\"b\": 1, \"b\": 1}}}",
     "x.json:1:81: /locator/a/b: this key stands twice in its object; keep one of them."},

    {"unknown key", HEAD ", \"licens\": \"MIT\"}",
     "x.json: /licens: the key \"licens\" is not known; did you mean \"licence\"?"},
    {"unknown key of the American", HEAD ", \"license\": \"MIT\"}",
     "x.json: /license: the key \"license\" is not known; did you mean \"licence\"?"},
    {"unknown key in a file", HEAD ", \"files\": [{\"path\": \"a\", \"sha-256\": \"0\"}]}",
     "x.json: /files/0/sha-256: the key \"sha-256\" is not known; did you mean \"sha256\"?"},
    {"unknown key, none near", HEAD ", \"pages\": [{\"colour\": 1}]}",
     "x.json: /pages/0/colour: the key \"colour\" is not known; the keys here are: url, state."},
    {"unknown key that plays with the terminal", HEAD ", \"notes\": {\"\\u001b[2J\": 1}}",
     "x.json: /notes/\\u001b[2J: the key \"\\u001b[2J\" is not known; the keys here are: en, zh."},
    {"pointer is escaped", HEAD ", \"title/~\": 1}",
     "x.json: /title~1~0: the key \"title/~\" is not known; did you mean \"title\"?"},

    {"text for a number", HEAD ", \"size\": \"5 GB\"}",
     "x.json: /size: a whole number is wanted here, but text stands there."},
    {"real number", HEAD ", \"size\": 1.5}",
     "x.json: /size: a whole number is wanted here, but a real number stands there."},
    {"negative", HEAD ", \"size\": -1}", "x.json: /size: -1 is less than 0."},
    {"too large a number", HEAD ", \"year\": 20210}", "x.json: /year: 20210 is more than 9999."},
    {"number for text", HEAD ", \"licence\": 4}",
     "x.json: /licence: text is wanted here, but a number stands there."},
    {"null", HEAD ", \"licence\": null}",
     "x.json: /licence: text is wanted here, but null stands there; what is not known is left "
     "out."},
    {"empty text", HEAD ", \"licence\": \"\"}",
     "x.json: /licence: this text is empty; what is not known is left out."},
    {"text for a list", HEAD ", \"modality\": \"ct\"}",
     "x.json: /modality: a list is wanted here, but text stands there."},
    {"object in a list", HEAD ", \"organ\": [\"lung\", {}]}",
     "x.json: /organ/1: text is wanted here, but an object stands there."},
    {"text for true", HEAD ", \"size\": 1, \"size_is_rounded\": \"yes\"}",
     "x.json: /size_is_rounded: true or false is wanted here, but text stands there."},
    {"text for an object", HEAD ", \"notes\": \"n\"}",
     "x.json: /notes: an object is wanted here, but text stands there."},
    {"list for a locator", HEAD ", \"source\": \"uci\", \"locator\": []}",
     "x.json: /locator: an object is wanted here, but a list stands there."},
    {"terminal sequence", HEAD ", \"licence\": \"\\u001b[31m\"}",
     "x.json: /licence: \"\\u001b[31m\" is not plain text on one line."},
    {"writing turned round", HEAD ", \"licence\": \"\\u202efdp\"}",
     "x.json: /licence: \"\\u202efdp\" is not plain text on one line."},

    {"no title", "{\"id\": \"x\", \"access\": \"open\"}",
     "x.json: /title: this key is missing; it holds the title."},
    {"no English title", "{\"id\": \"x\", \"title\": {\"zh\": \"X\"}, \"access\": \"open\"}",
     "x.json: /title/en: this key is missing; it holds the English text."},
    {"source without locator", HEAD ", \"source\": \"uci\"}",
     "x.json: /locator: this key is missing; \"source\" asks for it."},
    {"rounded nothing", HEAD ", \"size_is_rounded\": true}",
     "x.json: /size: this key is missing; \"size_is_rounded\" asks for it."},

    {"no such word", HEAD ", \"sharing\": \"atribution\"}",
     "x.json: /sharing: \"atribution\" is none of free, attribution, none, unknown; did you mean "
     "\"attribution\"?"},
    {"no word like it", HEAD ", \"needs\": [\"account\", \"money\"]}",
     "x.json: /needs/1: \"money\" is none of account, terms, training, approval."},
    {"word twice", HEAD ", \"modality\": [\"ct\", \"mri\", \"ct\"]}",
     "x.json: /modality/2: \"ct\" stands twice in this list."},
    {"no id", "{\"id\": \"Big Set\", \"title\": {\"en\": \"X\"}, \"access\": \"open\"}",
     "x.json: /id: \"Big Set\" is not an id of lower-case letters, digits and single hyphens."},
    {"id with a line feed", "{\"id\": \"x\\n\", \"title\": {\"en\": \"X\"}, \"access\": \"open\"}",
     "x.json: /id: \"x\\n\" is not an id of lower-case letters, digits and single hyphens."},
    {"address with a password", HEAD ", \"homepage\": \"https://me:secret@example.org/\"}",
     "x.json: /homepage: \"https://me:secret@example.org/\" is not an http or https address "
     "without "
     "a user name, blanks percent-encoded."},
    {"address with a blank",
     HEAD ", \"files\": [{\"path\": \"a\", \"addresses\": "
          "[\"https://example.org/a b\"]}]}",
     "x.json: /files/0/addresses/0: \"https://example.org/a b\" is not an http, https, ftp, s3 or "
     "gs address without a user name, blanks percent-encoded."},
    {"short digest", HEAD ", \"files\": [{\"path\": \"a\", \"sha256\": \"d41d8cd98f\"}]}",
     "x.json: /files/0/sha256: \"d41d8cd98f\" is not a digest of 64 hexadecimal digits."},
    {"file twice", HEAD ", \"files\": [{\"path\": \"a\"}, {\"path\": \"a\"}]}",
     "x.json: /files/1/path: \"a\" stands twice in /files."},
    {"part that is none", HEAD ", \"files\": [{\"path\": \"a\", \"part\": \"b\"}]}",
     "x.json: /files/0/part: \"b\" is none of the names in /parts."},
    {"part twice", HEAD ", \"parts\": [{\"name\": \"a\"}, {\"name\": \"a\"}]}",
     "x.json: /parts/1/name: there are two parts \"a\"."},
    {"alternative of nothing", HEAD ", \"alternatives\": [{\"same\": \"bytes\"}]}",
     "x.json: /alternatives/0: at least one of these keys is wanted here: id, source, url."},
    {"something below a dataset", HEAD ", \"below\": [\"y\"]}",
     "x.json: /below: a dataset has nothing below it; is /kind right?"},

    {"charset that is none", HEAD ", \"unpack\": {\"format\": \"zip\", \"charset\": \"GKB-1\"}}",
     "x.json: /unpack/charset: no character set \"GKB-1\" is known here; \"iconv -l\" lists them."},
    {"rule of nothing", HEAD ", \"unpack\": {}}",
     "x.json: /unpack: at least one of these keys is wanted here: format, filter, join."},
    {"rule of nothing, in words", HEAD ", \"unpack\": {\"format\": \"none\"}}",
     "x.json: /unpack: there is nothing to undo: name a format or a filter."},
    {"filter around a zip", HEAD ", \"unpack\": {\"format\": \"zip\", \"filter\": \"gzip\"}}",
     "x.json: /unpack/filter: only a tar or a bare file has a filter around it."},
    {"nested rule for no member",
     HEAD ", \"unpack\": {\"format\": \"zip\", \"nested\": [{\"format\": \"rar\"}]}}",
     "x.json: /unpack/nested/0/member: this key is missing; it holds a pattern, as fnmatch(3) "
     "takes "
     "it, of the member's path."},
    {"member of an outer rule", HEAD ", \"unpack\": {\"format\": \"zip\", \"member\": \"a\"}}",
     "x.json: /unpack/member: the key \"member\" is not known; the keys here are: format, filter, "
     "into, strip, charset, nested, dicom_series, join."},
};

static void test_malformed(gconstpointer data)
{
    const gsize i = GPOINTER_TO_SIZE(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(Manifest) manifest = parse(malformed[i].json, &error);
    g_assert_null(manifest);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_cmpstr(error->message, ==, malformed[i].message);
}

/* Their reasons are relpath's; here it counts that each is refused at its place. */
static void test_unsafe_paths(void)
{
    static const char *const unsafe[] = {"../x", "/x", "a//b", "a/./b", "a\\\\b", "a\\u0001"};
    static const char *const places[][2] = {
        {HEAD ", \"files\": [{\"path\": \"%s\"}]}", "x.json: /files/0/path: "},
        {HEAD ", \"files\": [{\"path\": \"a\", \"member_of\": \"%s\"}]}",
         "x.json: /files/0/member_of: "},
        {HEAD ", \"unpack\": {\"format\": \"zip\", \"into\": \"%s\"}}", "x.json: /unpack/into: "},
        {HEAD ", \"unpack\": {\"format\": \"zip\", \"join\": [\"%s\"]}}",
         "x.json: /unpack/join/0: "},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(places); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(unsafe); j++) {
            g_auto(GStrv) halves = g_strsplit(places[i][0], "%s", 2);
            g_autofree char *json = g_strconcat(halves[0], unsafe[j], halves[1], NULL);
            g_autoptr(GError) error = NULL;
            g_assert_null(parse(json, &error));
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
            g_assert_true(g_str_has_prefix(error->message, places[i][1]));
        }
    }
}

static char *repeated(const char *head, const char *part, guint times, const char *tail)
{
    g_autoptr(GString) text = g_string_new(head);
    for (guint i = 0; i < times; i++)
        g_string_append(text, part);
    g_string_append(text, tail);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void test_depth(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *lists = repeated("", "[", 100000, "");
    g_assert_null(parse(lists, &error));
    g_assert_cmpstr(error->message, ==,
                    "x.json:1:2049: this is not JSON: maximum parsing depth reached near '['.");
    g_clear_error(&error);

    g_autofree char *doubled = repeated("", "{\"a\":1,\"a\":", 50000, "");
    g_assert_null(parse(doubled, &error));
    g_assert_cmpstr(error->message, ==,
                    "x.json:1:10: this is not JSON: duplicate object key near '\"a\"'.");
    g_clear_error(&error);

    g_autofree char *open =
        repeated(HEAD ", \"unpack\": {\"format\": \"zip\"",
                 ", \"nested\": [{\"member\": \"*\", \"format\": \"zip\"", 9, "");
    g_autofree char *closed = repeated(open, "}]", 9, "}}");
    g_assert_null(parse(closed, &error));
    g_assert_cmpstr(error->message, ==, "x.json: /unpack: rules are nested more than 8 deep here.");
    g_clear_error(&error);
    g_autofree char *shallower =
        repeated(HEAD ", \"unpack\": {\"format\": \"zip\"",
                 ", \"nested\": [{\"member\": \"*\", \"format\": \"zip\"", 8, "");
    g_autofree char *right = repeated(shallower, "}]", 8, "}}");
    g_autoptr(Manifest) manifest = parse_good(right);
    g_assert_nonnull(manifest->unpack);
}

static void test_size(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *large = g_strnfill((1 << 20) + 1, ' ');
    g_assert_null(manifest_parse(large, (1 << 20) + 1, "x.json", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_cmpstr(error->message, ==, "x.json: this is larger than 1 MiB, which no manifest is.");
    const char small[] = HEAD "}";
    memcpy(large, small, strlen(small));
    g_autoptr(Manifest) manifest = manifest_parse(large, 1 << 20, "x.json", NULL);
    g_assert_nonnull(manifest);
}

static void test_load(void)
{
    g_autofree char *folder = g_dir_make_tmp("medmirror-XXXXXX", NULL);
    g_autofree char *good = g_build_filename(folder, "good.json", NULL);
    g_autofree char *large = g_build_filename(folder, "large.json", NULL);
    g_autofree char *pipe = g_build_filename(folder, "pipe.json", NULL);
    g_autofree char *none = g_build_filename(folder, "none.json", NULL);
    g_autofree char *spaces = g_strnfill((1 << 20) + 1, ' ');
    g_assert_true(g_file_set_contents(good, HEAD "}\n", -1, NULL));
    g_assert_true(g_file_set_contents(large, spaces, -1, NULL));
    g_assert_cmpint(mkfifo(pipe, 0600), ==, 0);

    g_autoptr(Manifest) manifest = manifest_load(good, NULL);
    g_assert_nonnull(manifest);
    g_assert_cmpstr(manifest->file, ==, good);

    const struct {
        const char *path, *message;
        MedmirrorError code;
    } wrong[] = {
        {large, "%s: this is larger than 1 MiB, which no manifest is.", MEDMIRROR_ERROR_USAGE},
        {pipe, "%s: this is not a regular file.", MEDMIRROR_ERROR_USAGE},
        {folder, "%s: this is not a regular file.", MEDMIRROR_ERROR_USAGE},
        {none, "There is no file %s.", MEDMIRROR_ERROR_ABSENT},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_auto(GStrv) halves = g_strsplit(wrong[i].message, "%s", 2);
        g_autofree char *message = g_strconcat(halves[0], wrong[i].path, halves[1], NULL);
        g_assert_null(manifest_load(wrong[i].path, &error));
        g_assert_error(error, MEDMIRROR_ERROR, (int)wrong[i].code);
        g_assert_cmpstr(error->message, ==, message);
    }
    g_assert_cmpint(g_unlink(good) | g_unlink(large) | g_unlink(pipe) | g_rmdir(folder), ==, 0);
}

static const json_t *definition(const json_t *schema, const json_t *value)
{
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    g_assert_nonnull(reference);
    g_assert_true(g_str_has_prefix(reference, "#/$defs/"));
    return json_object_get(json_object_get(schema, "$defs"), reference + strlen("#/$defs/"));
}

/* Every key of the table is in the schema, with its kind, and nothing else is. */
static void compare_schema(const FormObject *object, const json_t *schema, const json_t *at,
                           GHashTable *seen)
{
    const json_t *properties = json_object_get(at, "properties");
    gsize keys = 0, required = 0;
    g_assert_true(json_is_false(json_object_get(at, "additionalProperties")));
    for (const FormKey *key = object->keys; key->name; key++, keys++) {
        const json_t *value = json_object_get(properties, key->name);
        g_assert_nonnull(value);
        g_assert_cmpstr(json_string_value(json_object_get(value, "description")), ==, key->help);
        required += key->required ? 1 : 0;
        if (key->type == FORM_GROUP)
            compare_schema(key->object, schema, value, seen);
        if (key->type == FORM_RECORDS)
            value = json_object_get(value, "items");
        if ((key->type == FORM_RECORD || key->type == FORM_RECORDS) &&
            g_hash_table_add(seen, (gpointer)key->object))
            compare_schema(key->object, schema, definition(schema, value), seen);
        if (key->type == FORM_TEXTS)
            value = json_object_get(value, "items");
        for (gsize i = 0; key->words && key->words[i]; i++)
            g_assert_cmpstr(json_string_value(json_array_get(json_object_get(value, "enum"), i)),
                            ==, key->words[i]);
        if (key->pattern) {
            g_assert_cmpstr(json_string_value(json_object_get(value, "pattern")), ==,
                            key->pattern->regex);
            g_autoptr(GRegex) regex = g_regex_new(key->pattern->regex, 0, 0, NULL);
            g_assert_nonnull(regex);
        }
    }
    g_assert_cmpuint(json_object_size(properties), ==, keys);
    g_assert_cmpuint(json_array_size(json_object_get(at, "required")), ==, required);
}

static void test_schema(void)
{
    g_autofree char *text = manifest_schema();
    json_t *schema = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    g_assert_nonnull(schema);
    g_assert_cmpstr(json_string_value(json_object_get(schema, "$schema")), ==,
                    "https://json-schema.org/draft/2020-12/schema");
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    compare_schema(&manifest_form, schema, schema, seen);
    json_decref(schema);
}

static void test_schema_file(void)
{
    g_autofree char *text = manifest_schema();
    g_autofree char *kept = NULL;
    if (!g_file_get_contents(SCHEMA_FILE, &kept, NULL, NULL) || strcmp(kept, text) != 0) {
        g_test_message("docs/manifest.schema.json is not what the table makes; run this program "
                       "with --write-schema and look at the difference");
        g_test_fail();
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--write-schema") == 0) {
        g_autofree char *text = manifest_schema();
        return g_file_set_contents(SCHEMA_FILE, text, -1, NULL) ? 0 : 1;
    }
    setlocale(LC_ALL, "C");
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/manifest/least", test_least);
    g_test_add_func("/manifest/everything", test_everything);
    g_test_add_func("/manifest/files", test_files);
    for (gsize i = 0; i < G_N_ELEMENTS(malformed); i++) {
        g_autofree char *path = g_strdup_printf("/manifest/malformed/%s", malformed[i].name);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_malformed);
    }
    g_test_add_func("/manifest/unsafe paths", test_unsafe_paths);
    g_test_add_func("/manifest/depth", test_depth);
    g_test_add_func("/manifest/size", test_size);
    g_test_add_func("/manifest/load", test_load);
    g_test_add_func("/manifest/schema", test_schema);
    g_test_add_func("/manifest/schema file", test_schema_file);
    return g_test_run();
}
