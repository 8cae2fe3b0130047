#include "config_edit.h"
#include "disks.h"
#include "error.h"
#include "i18n.h"
#include "mirror.h"
#include "size_text.h"
#include "verbs.h"

#include <grp.h>
#include <string.h>

typedef struct {
    Invocation *invocation;
    char *group, *max_size, *max_files;
    gboolean no_remember;
    MirrorPolicy policy;
    gid_t gid;
    char *path;
    gboolean existed;
} Init;

static void init_clear(Init *init)
{
    g_free(init->group);
    g_free(init->max_size);
    g_free(init->max_files);
    g_free(init->path);
    mirror_policy_clear(&init->policy);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Init, init_clear)

static gboolean find_group(Init *init, GError **error)
{
    struct group entry, *found = NULL;
    g_autofree char *buffer = g_malloc(1 << 20);
    if (!init->policy.group) {
        return TRUE;
    }
    int problem = getgrnam_r(init->policy.group, &entry, buffer, 1 << 20, &found);
    if (found) {
        init->gid = found->gr_gid;
        return TRUE;
    }
    if (problem) {
        return error_set_storage(error, problem, _("The group %s cannot be looked up"),
                                 init->policy.group);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                _("There is no group %s on this machine. Your groups are told by: id -Gn"),
                init->policy.group);
    return FALSE;
}

/* "none" takes a limit away; where nothing is said the mirror keeps what it had. */
static gboolean take_limit(const char *text, guint64 *limit)
{
    if (text && strcmp(text, "none") == 0) {
        *limit = SIZE_UNKNOWN;
        return TRUE;
    }
    return !text || (bytes_parse(text, limit) && *limit > 0);
}

/* What the mirror that stands there has already. */
static gboolean take_standing(Init *init, GError **error)
{
    g_autoptr(GError) absent = NULL;
    g_autoptr(Mirror) mirror = mirror_open(init->path, MIRROR_OPEN_READ, &absent);
    init->policy = (MirrorPolicy){NULL, SIZE_UNKNOWN, SIZE_UNKNOWN};
    if (!mirror && !g_error_matches(absent, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT) &&
        !g_error_matches(absent, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED)) {
        g_propagate_error(error, g_steal_pointer(&absent));
        return FALSE;
    }
    if (mirror) {
        const MirrorPolicy *policy = mirror_policy(mirror);
        init->policy = (MirrorPolicy){g_strdup(policy->group), policy->max_size, policy->max_files};
    }
    if (init->group) {
        g_free(init->policy.group);
        init->policy.group = g_strdup(init->group);
    }
    return TRUE;
}

static void tell_mirror(const Init *init)
{
    Console *console = init->invocation->console;
    if (init->policy.group) {
        console_note(console,
                     _("mirror       %s: group %s works in it (2775); restricted data stays its "
                       "puller's alone"),
                     init->path, init->policy.group);
    } else {
        console_note(console, _("mirror       %s: yours alone to write"), init->path);
    }
    if (init->policy.max_size != SIZE_UNKNOWN) {
        g_autofree char *size = size_text(init->policy.max_size);
        console_note(console, _("limit        %s, for everybody who works with it"), size);
    }
    if (init->policy.max_files != SIZE_UNKNOWN) {
        console_note(console,
                     _("limit        %" G_GUINT64_FORMAT " files, for everybody who works with it"),
                     init->policy.max_files);
    }
}

/* What differs from what people expect of a disk. */
static json_t *tell_file_system(const Init *init, const Mirror *mirror)
{
    Console *console = init->invocation->console;
    g_autofree char *type = file_system_type(mirror_fd(mirror));
    gboolean is_network = file_system_is_network(mirror_fd(mirror));
    console_note(console, _("file system  %s%s"), type ? type : _("not known"),
                 is_network
                     ? _(": a network file system. The index lies on each machine's own disk "
                         "($XDG_CACHE_HOME); a run that died elsewhere is taken for dead after "
                         "10 minutes")
                     : "");
    return json_pack("{s:s?, s:b}", "type", type, "is_network", is_network);
}

static gboolean tell_room(const Init *init, json_t *facts, GError **error)
{
    const Config *config = init->invocation->config;
    const RoomLimits limits = {config->max_size, config->max_files, config->reserve};
    g_auto(Room) room = {0};
    g_autoptr(Mirror) mirror = mirror_open(init->path, MIRROR_OPEN_READ, error);
    if (!mirror || !room_measure(mirror, &limits, &room, error)) {
        return FALSE;
    }
    json_object_set_new(facts, "file_system", tell_file_system(init, mirror));
    json_object_set_new(facts, "room_bytes", json_integer((json_int_t)room.bytes));
    g_autofree char *size = size_text(room.bytes);
    console_note(init->invocation->console, _("room         %s (%s)"), size, room.limited_by);
    return TRUE;
}

static gboolean remember(const Init *init, json_t *facts, GError **error)
{
    const char *before = init->invocation->config->mirror;
    Console *console = init->invocation->console;
    g_autofree char *file = NULL;
    gboolean changed = FALSE;
    json_object_set_new(facts, "remembered", json_boolean(!init->no_remember));
    if (init->no_remember) {
        console_note(console, _("not remembered; name it with --mirror %s, or MEDMIRROR_DIR"),
                     init->path);
        return TRUE;
    }
    if (!config_edit("mirror", "dir", init->path, &file, &changed, error)) {
        return FALSE;
    }
    json_object_set_new(facts, "file", json_string(file));
    console_note(console, _("remembered   mirror.dir in %s%s%s"), file,
                 before && changed ? _("; before it was ") : "", before && changed ? before : "");
    const char *environment = g_getenv("MEDMIRROR_DIR");
    if (environment && *environment) {
        console_note(console,
                     _("MEDMIRROR_DIR is set to %s and counts before it. Without: unset "
                       "MEDMIRROR_DIR"),
                     environment);
    }
    return TRUE;
}

static json_t *number_or_null(guint64 number)
{
    return number == SIZE_UNKNOWN ? json_null() : json_integer((json_int_t)number);
}

static gboolean init_mirror(Init *init, GError **error)
{
    Invocation *invocation = init->invocation;
    if (!take_standing(init, error)) {
        return FALSE;
    }
    if (!take_limit(init->max_size, &init->policy.max_size) ||
        !take_limit(init->max_files, &init->policy.max_files)) {
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                            _("--max-size and --max-files take a number, as in 18T or 1000000, or "
                              "none: medmirror init --max-size 18T DIR"));
        return FALSE;
    }
    if (!find_group(init, error) ||
        !mirror_init(init->path, &init->policy, init->gid, &init->existed, error)) {
        return FALSE;
    }
    json_t *facts =
        json_pack("{s:s, s:b, s:s?, s:o, s:o}", "path", init->path, "existed", init->existed,
                  "group", init->policy.group, "max_size", number_or_null(init->policy.max_size),
                  "max_files", number_or_null(init->policy.max_files));
    tell_mirror(init);
    gboolean done = tell_room(init, facts, error) && remember(init, facts, error);
    console_answer(invocation->console, "%s", init->path);
    console_json(invocation->console, "mirror", facts);
    return done;
}

static int run(Invocation *invocation)
{
    g_auto(Init) init = {.invocation = invocation, .gid = (gid_t)-1};
    const GOptionEntry entries[] = {
        {"group", 0, 0, G_OPTION_ARG_FILENAME, &init.group,
         N_("All members of GROUP bring, repair and remove in it"), "GROUP"},
        {"max-size", 0, 0, G_OPTION_ARG_FILENAME, &init.max_size,
         N_("No more than SIZE in all, as in 18T; none: no limit"), "SIZE"},
        {"max-files", 0, 0, G_OPTION_ARG_FILENAME, &init.max_files,
         N_("No more than N files in all; none: no limit"), "N"},
        {"no-remember", 0, 0, G_OPTION_ARG_NONE, &init.no_remember,
         N_("Do not write it into the configuration"), NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status)) {
        return status;
    }
    const char *text = invocation->arguments[0] ? invocation->arguments[0] : invocation->mirror;
    if (text && invocation->arguments[0] && invocation->mirror && !invocation->arguments[1]) {
        return invocation_usage(invocation, _("The folder is named twice, as DIR and by --mirror. "
                                              "Once is enough: medmirror init DIR"));
    }
    if (!text || (invocation->arguments[0] && invocation->arguments[1])) {
        return invocation_usage(invocation,
                                _("Which folder? Name one, as in: medmirror init /data/mirror"));
    }
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error)) {
        return invocation_fail(invocation, error);
    }
    init.path = g_canonicalize_filename(text, NULL);
    return init_mirror(&init, &error) ? 0 : invocation_fail(invocation, error);
}

const Verb verb_init = {
    .name = "init",
    .summary = N_("Make a mirror's folder and remember it; for a group, with limits"),
    .arguments = "DIR",
    .help = N_("DIR is absent, empty, or a mirror, whose group and limits are changed. With "
               "--group, folders are set-group-ID and group-writable, whatever anybody's umask "
               "says, so that members go on with and repair what another began; restricted data "
               "stays its puller's alone. Limits hold for everybody. Standard output is the "
               "absolute path.\n\n"
               "Examples:\n"
               "  medmirror init /scratch/ana/mirror --max-size 95G\n"
               "  medmirror init /srv/medmirror --group lab --max-size 18T"),
    .run = run,
};
