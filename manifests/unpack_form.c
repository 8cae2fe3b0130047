#include "unpack_form.h"

#include "error.h"
#include "filespec.h"
#include "i18n.h"
#include "relpath.h"

/* Archives in archives in archives: more is nobody's dataset. */
#define MOST_NESTING 8

#define KEY(name, type, field) name, type, G_STRUCT_OFFSET(UnpackRule, field)

const char *const unpack_format_words[] = {
    [ARCHIVE_NONE] = "none", [ARCHIVE_TAR] = "tar", [ARCHIVE_ZIP] = "zip",
    [ARCHIVE_7Z] = "7z",     [ARCHIVE_RAR] = "rar", [ARCHIVE_RAR + 1] = NULL,
};

const char *const unpack_filter_words[] = {
    [FILTER_NONE] = "none",   [FILTER_GZIP] = "gzip",  [FILTER_COMPRESS] = "compress",
    [FILTER_BZIP2] = "bzip2", [FILTER_XZ] = "xz",      [FILTER_ZSTD] = "zstd",
    [FILTER_LZ4] = "lz4",     [FILTER_LZ4 + 1] = NULL,
};

static const FormPattern charset = {"^[A-Za-z0-9][A-Za-z0-9._:+-]*$",
                                    N_("the name of a character set, such as GBK or CP437")};

static gboolean charset_check(const char *text, GError **error)
{
    GIConv converter = g_iconv_open("UTF-8", text);
    if (converter == (GIConv)-1) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("no character set \"%s\" is known here; \"iconv -l\" lists them."), text);
        return FALSE;
    }
    g_iconv_close(converter);
    return TRUE;
}

static const FormObject nested_form;

/* What a rule has, nested or not. */
#define RULE_KEYS                                                                                  \
    {KEY("format", FORM_WORD, container), .words = unpack_format_words,                            \
     .help = N_("the container; absent for a bare compressed file")},                              \
        {KEY("filter", FORM_WORD, filter), .words = unpack_filter_words,                           \
         .help = N_("the compression around a tar or a bare file; absent where none")},            \
        {KEY("into", FORM_TEXT, into), .check = relpath_check,                                     \
         .help = N_("the folder, below where the archive lies, for its members")},                 \
        {KEY("strip", FORM_NUMBER, strip), .most = RELPATH_MAX_DEPTH,                              \
         .help = N_("how many leading parts of the members' names are dropped")},                  \
        {KEY("charset", FORM_TEXT, charset), .pattern = &charset, .check = charset_check,          \
         .help = N_("the character set of member names that are not UTF-8")},                      \
    {                                                                                              \
        KEY("nested", FORM_RECORDS, nested),                                                       \
            .object = &nested_form,                                                                \
            .help = N_("rules for members that are archives themselves; one whose member is not "  \
                       "there does nothing")                                                       \
    }

static const FormPattern uid = {"^[0-9]+(\\.[0-9]+)+$",
                                N_("a UID of DICOM: numbers with dots between them")};

static const FormKey rule_keys[] = {
    RULE_KEYS,
    {KEY("dicom_series", FORM_TEXT, series), .pattern = &uid,
     .help = N_("the SeriesInstanceUID whose images the members are; each gets its SOPInstanceUID "
                "for a name")},
    {KEY("join", FORM_TEXTS, volumes), .check = relpath_check,
     .help = N_("the paths of the further volumes, in order")},
    {.name = NULL},
};

static const FormKey nested_keys[] = {
    {KEY("member", FORM_TEXT, member), .required = TRUE,
     .help = N_("a pattern, as fnmatch(3) takes it, of the member's path")},
    RULE_KEYS,
    {.name = NULL},
};

static gpointer make_rule(void)
{
    return unpack_rule_new(ARCHIVE_NONE, FILTER_NONE);
}

static void destroy_rule(gpointer rule)
{
    unpack_rule_free(rule);
}

static guint depth_of(const UnpackRule *rule)
{
    guint deepest = 0;
    for (guint i = 0; rule->nested && i < rule->nested->len; i++)
        deepest = MAX(deepest, depth_of(rule->nested->pdata[i]));
    return deepest + 1;
}

static gboolean check_rule(FormReader *reader, gpointer record)
{
    const UnpackRule *rule = record;
    if (depth_of(rule) > MOST_NESTING + 1)
        return form_fail(reader, NULL, _("rules are nested more than %d deep here."), MOST_NESTING);
    if (rule->container > ARCHIVE_TAR && rule->filter != FILTER_NONE)
        return form_fail(reader, "filter", _("only a tar or a bare file has a filter around it."));
    if (rule->container != ARCHIVE_NONE)
        return TRUE;
    if (rule->filter == FILTER_NONE && !rule->volumes)
        return form_fail(reader, NULL, _("there is nothing to undo: name a format or a filter."));
    if (rule->nested)
        return form_fail(reader, "nested", _("a bare file has no members."));
    if (rule->strip > 0)
        return form_fail(reader, "strip", _("a bare file has no members."));
    return TRUE;
}

static const char *const something[] = {"format", "filter", "join", NULL};
static const char *const something_nested[] = {"format", "filter", NULL};

const FormObject unpack_form = {
    .name = "unpack",
    .help = N_("how one archive is unpacked"),
    .keys = rule_keys,
    .size = sizeof(UnpackRule),
    .make = make_rule,
    .destroy = destroy_rule,
    .at_least_one = something,
    .check = check_rule,
};

static const FormObject nested_form = {
    .name = "nested",
    .help = N_("how a member that is an archive is unpacked in turn"),
    .keys = nested_keys,
    .size = sizeof(UnpackRule),
    .make = make_rule,
    .destroy = destroy_rule,
    .at_least_one = something_nested,
    .check = check_rule,
};
