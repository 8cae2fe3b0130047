#include "unpack_policy.h"

#include "error.h"
#include "i18n.h"
#include "relpath.h"

#include <fnmatch.h>
#include <string.h>

void member_decision_clear(MemberDecision *decision)
{
    g_free(decision->path);
    g_free(decision->member);
    g_free(decision->target);
    *decision = (MemberDecision){0};
}

static char *display_bytes(const char *bytes, gsize length)
{
    g_autofree char *text = g_strndup(bytes, length);
    return relpath_display(text);
}

static gboolean refuse(const UnpackMessage *entry, const char *reason, GError **error)
{
    g_autofree char *shown = display_bytes(entry->name, entry->name_length);
    /* TRANSLATORS: a member of an archive, and a clause such as "it is a device". */
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("The member \"%s\" is refused as unsafe: %s."), shown, reason);
    return FALSE;
}

/* Zips made by some Windows programs separate folders by backslashes, and have no slash then. */
static char *decode_windows_name(const UnpackPlace *place, const char *bytes, gsize length)
{
    if (place->rule->container != ARCHIVE_ZIP || !memchr(bytes, '\\', length) ||
        memchr(bytes, '/', length) || !g_utf8_validate_len(bytes, length, NULL))
        return NULL;
    return g_strdelimit(g_strndup(bytes, length), "\\", '/');
}

static char *decode_name(const UnpackPlace *place, const char *bytes, gsize length, GError **error)
{
    g_autofree char *windows = decode_windows_name(place, bytes, length);
    const char *name = windows ? windows : bytes;
    return relpath_from_bytes(name, length, place->rule->charset, error);
}

/* "", ".", "./", ".//.": the archive's root itself. */
static gboolean is_root(const char *name, gsize length)
{
    gboolean begins = length == 0 || name[0] == '.';
    for (gsize i = 0; i < length; i++) {
        if (name[i] != '.' && name[i] != '/')
            return FALSE;
        if (name[i] == '.' && i > 0 && name[i - 1] == '.')
            return FALSE;
    }
    return begins;
}

static const char *strip_parts(const char *path, guint parts)
{
    while (parts > 0 && path) {
        path = strchr(path, '/');
        path = path ? path + 1 : NULL;
        parts--;
    }
    return path;
}

/* Where MEMBER lies in the tree; NULL with an error. */
static char *place_member(const UnpackPlace *place, const char *member, GError **error)
{
    const char *rest = strip_parts(member, place->rule->strip);
    if (!rest) {
        g_autofree char *shown = relpath_display(member);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    ngettext("The rule for unpacking strips %u leading part, but the member \"%s\" "
                             "has no more than that.",
                             "The rule for unpacking strips %u leading parts, but the member "
                             "\"%s\" has no more than that.",
                             place->rule->strip),
                    place->rule->strip, shown);
        return NULL;
    }
    g_autoptr(GString) path = g_string_new(place->archive);
    char *slash = strrchr(path->str, '/');
    g_string_truncate(path, slash ? (gsize)(slash - path->str) + 1 : 0);
    if (place->rule->into)
        g_string_append_printf(path, "%s/", place->rule->into);
    g_string_append(path, rest);
    if (!relpath_check(path->str, error))
        return NULL;
    return g_string_free(g_steal_pointer(&path), FALSE);
}

static gboolean depth_allowed(const UnpackPlace *place, const UnpackMessage *entry,
                              const char *path, GError **error)
{
    guint depth = 1;
    for (const char *p = path; (p = strchr(p, '/')); p++)
        depth++;
    if (place->most_depth && depth > place->most_depth)
        return refuse(entry, _("it lies too many folders deep"), error);
    return TRUE;
}

static gboolean decide_file(const UnpackPlace *place, const UnpackMessage *entry,
                            MemberDecision *decision, GError **error)
{
    decision->member = decode_name(place, entry->name, entry->name_length, error);
    if (!decision->member)
        return FALSE;
    decision->path = place_member(place, decision->member, error);
    return decision->path && depth_allowed(place, entry, decision->path, error);
}

static gboolean decide_folder(const UnpackPlace *place, const UnpackMessage *entry,
                              MemberDecision *decision, GError **error)
{
    decision->kind = MEMBER_SKIP;
    if (is_root(entry->name, entry->name_length))
        return TRUE;
    decision->member = decode_name(place, entry->name, entry->name_length, error);
    if (!decision->member)
        return FALSE;
    if (!strip_parts(decision->member, place->rule->strip))
        return TRUE;
    decision->kind = MEMBER_FOLDER;
    decision->path = place_member(place, decision->member, error);
    return decision->path && depth_allowed(place, entry, decision->path, error);
}

/* ".." is taken in front only: behind another part, which may itself be a link, nobody can say
 * where it leads. */
static gboolean decide_symlink(const UnpackPlace *place, const UnpackMessage *entry,
                               MemberDecision *decision, GError **error)
{
    if (!decide_file(place, entry, decision, error))
        return FALSE;
    decision->kind = MEMBER_LINK;
    const char *target = entry->target, *end = entry->target + entry->target_length;
    if (target == end)
        return refuse(entry, _("it is a symbolic link to nothing"), error);
    if (target[0] == '/')
        return refuse(entry, _("it is a symbolic link to an absolute path"), error);
    g_autofree char *folder = g_path_get_dirname(decision->path);
    g_autoptr(GString) shown = g_string_new(NULL), inside = g_string_new(folder);
    if (g_str_equal(folder, "."))
        g_string_truncate(inside, 0);
    while (end - target >= 2 && memcmp(target, "..", 2) == 0 &&
           (end - target == 2 || target[2] == '/')) {
        if (inside->len == 0)
            return refuse(entry, _("it is a symbolic link that leads out of the dataset"), error);
        char *slash = strrchr(inside->str, '/');
        g_string_truncate(inside, slash ? (gsize)(slash - inside->str) : 0);
        g_string_append(shown, shown->len ? "/.." : "..");
        target += MIN(end - target, 3);
    }
    if (!is_root(target, (gsize)(end - target))) {
        g_autoptr(GError) wrong = NULL;
        g_autofree char *rest =
            relpath_from_bytes(target, (gsize)(end - target), place->rule->charset, &wrong);
        if (!rest)
            return refuse(entry, _("it is a symbolic link to an unsafe name"), error);
        g_string_append_printf(shown, "%s%s", shown->len ? "/" : "", rest);
    } else if (shown->len == 0) {
        g_string_append_c(shown, '.');
    }
    decision->target = g_string_free(g_steal_pointer(&shown), FALSE);
    return TRUE;
}

static gboolean decide_hardlink(const UnpackPlace *place, const UnpackMessage *entry,
                                MemberDecision *decision, GError **error)
{
    if (!decide_file(place, entry, decision, error))
        return FALSE;
    decision->kind = MEMBER_SAME;
    g_autofree char *target = decode_name(place, entry->target, entry->target_length, NULL);
    if (target)
        decision->target = place_member(place, target, NULL);
    return decision->target ||
           refuse(entry, _("it is a hard link to what can be no member"), error);
}

/* A compressed file alone has the archive's name without its ending. */
static gboolean decide_bare(const UnpackPlace *place, const UnpackMessage *entry,
                            MemberDecision *decision, GError **error)
{
    static const char *const endings[] = {".gz", ".z", ".bz2", ".xz", ".zst", ".lz4"};
    const char *slash = strrchr(place->archive, '/');
    const char *base = slash ? slash + 1 : place->archive;
    gsize length = strlen(base);
    for (gsize i = 0; i < G_N_ELEMENTS(endings); i++) {
        gsize ending = strlen(endings[i]);
        if (length > ending && g_ascii_strcasecmp(base + length - ending, endings[i]) == 0) {
            length -= ending;
            break;
        }
    }
    const UnpackRule plain = {.into = place->rule->into};
    const UnpackPlace here = {.rule = &plain, .archive = place->archive};
    const UnpackMessage named = {.type = UNPACK_FILE, .name = base, .name_length = length};
    return decide_file(&here, &named, decision, error);
}

gboolean unpack_decide(const UnpackPlace *place, const UnpackMessage *entry,
                       MemberDecision *decision, GError **error)
{
    *decision = (MemberDecision){.kind = MEMBER_STORE};
    gboolean decided = FALSE;
    if (entry->bare)
        return decide_bare(place, entry, decision, error);
    switch (entry->type) {
    case UNPACK_FILE:
        decided = decide_file(place, entry, decision, error);
        break;
    case UNPACK_FOLDER:
        decided = decide_folder(place, entry, decision, error);
        break;
    case UNPACK_SYMLINK:
        decided = decide_symlink(place, entry, decision, error);
        break;
    case UNPACK_HARDLINK:
        decided = decide_hardlink(place, entry, decision, error);
        break;
    case UNPACK_DEVICE:
        return refuse(entry, _("it is a device"), error);
    case UNPACK_FIFO:
        return refuse(entry, _("it is a named pipe"), error);
    case UNPACK_SOCKET:
        return refuse(entry, _("it is a socket"), error);
    case UNPACK_OTHER:
        return refuse(entry, _("it is neither a file nor a folder nor a link"), error);
    }
    if (!decided)
        member_decision_clear(decision);
    return decided;
}

const UnpackRule *unpack_nested_rule(const UnpackRule *rule, const char *member)
{
    const char *slash = strrchr(member, '/');
    for (guint i = 0; rule->nested && i < rule->nested->len; i++) {
        const UnpackRule *nested = g_ptr_array_index(rule->nested, i);
        if (!nested->member)
            continue;
        if (fnmatch(nested->member, member, 0) == 0 ||
            (slash && !strchr(nested->member, '/') && fnmatch(nested->member, slash + 1, 0) == 0))
            return nested;
    }
    return NULL;
}

static gboolean is_series_rule(const UnpackRule *rule)
{
    return rule->container == ARCHIVE_ZIP && rule->strip == 0 &&
           !(rule->volumes && rule->volumes->len > 0) && !(rule->nested && rule->nested->len > 0);
}

static gboolean has_series_within(const UnpackRule *rule)
{
    for (guint i = 0; rule->nested && i < rule->nested->len; i++) {
        const UnpackRule *nested = g_ptr_array_index(rule->nested, i);
        if (nested->series)
            return TRUE;
    }
    return FALSE;
}

gboolean unpack_rule_check(const UnpackRule *rule, GError **error)
{
    const char *wrong = NULL;
    if (rule->container == ARCHIVE_NONE && rule->filter == FILTER_NONE)
        wrong = _("it names neither a container nor a filter");
    else if (rule->filter != FILTER_NONE &&
             (rule->container == ARCHIVE_ZIP || rule->container == ARCHIVE_7Z))
        wrong = _("a zip or 7z archive within a filter cannot be read; name the filter alone, and "
                  "the archive within it as nested");
    else if (rule->series && !is_series_rule(rule))
        wrong = _("a series of images is a zip alone, without volumes, parts to strip or archives "
                  "within it");
    else if (has_series_within(rule))
        wrong = _("a series of images cannot lie within an archive");
    if (wrong)
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("The rule for unpacking is wrong: %s."), wrong);
    return wrong == NULL;
}
