#include "durable.h"
#include "error.h"
#include "i18n.h"
#include "manifest_check.h"
#include "manifest_draft.h"
#include "relpath.h"
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENDING ".json"

static int compare_texts(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every .json of FOLDER, sorted, whose name is not in SEEN (NULL: all); FALSE where it cannot be
 * read. */
static gboolean add_folder(GPtrArray *paths, const char *folder, GHashTable *seen, GError **error)
{
    g_autoptr(GError) failure = NULL;
    GDir *dir = g_dir_open(folder, 0, &failure);
    if (!dir) {
        if (seen && g_error_matches(failure, G_FILE_ERROR, G_FILE_ERROR_NOENT))
            return TRUE;
        g_set_error_literal(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE, failure->message);
        return FALSE;
    }
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    for (const char *name; (name = g_dir_read_name(dir));) {
        if (!g_str_has_suffix(name, ENDING) || name[0] == '.')
            continue;
        if (!seen || g_hash_table_add(seen, g_strdup(name)))
            g_ptr_array_add(found, g_build_filename(folder, name, NULL));
    }
    g_dir_close(dir);
    g_ptr_array_sort(found, compare_texts);
    for (guint i = 0; i < found->len; i++)
        g_ptr_array_add(paths, found->pdata[i]);
    return TRUE;
}

/* The files that were named, and those of folders that were; without any the catalogue's, each id
 * where it counts. */
static GPtrArray *collect(Invocation *invocation, char *const *arguments, GError **error)
{
    g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func(g_free);
    for (char *const *argument = arguments; *argument; argument++) {
        if (!g_file_test(*argument, G_FILE_TEST_IS_DIR))
            g_ptr_array_add(paths, g_strdup(*argument));
        else if (!add_folder(paths, *argument, NULL, error))
            return NULL;
    }
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const GPtrArray *folders = catalogue_folders(invocation->catalogue);
    for (guint i = 0; !*arguments && i < folders->len; i++)
        if (!add_folder(paths, folders->pdata[i], seen, error))
            return NULL;
    return g_steal_pointer(&paths);
}

static void tell_finding(ManifestFinding finding, const char *path, const char *sentence,
                         gpointer data)
{
    Console *console = data;
    gboolean wrong = finding == MANIFEST_WRONG;
    console_json(console, wrong ? "wrong-manifest" : "manifest-note",
                 json_pack("{s:s, s:s}", "path", path, "message", sentence));
    if (wrong)
        console_error(console, sentence);
    else
        console_note(console, _("note: %s"), sentence);
}

static int check(Invocation *invocation, char *const *arguments, GError **error)
{
    g_autoptr(GPtrArray) paths = collect(invocation, arguments, error);
    if (!paths)
        return 1;
    ManifestCounts counts;
    manifest_check(paths, invocation->catalogue, tell_finding, invocation->console, &counts);
    console_json(invocation->console, "summary",
                 json_pack("{s:i, s:i, s:i, s:i}", "exit", counts.wrong ? 2 : 0, "right",
                           (int)counts.right, "wrong", (int)counts.wrong, "notes",
                           (int)counts.notes));
    if (counts.wrong == 0) {
        console_answer(invocation->console,
                       ngettext("%u manifest is right.", "%u manifests are right.", counts.right),
                       counts.right);
        return 0;
    }
    g_autofree char *named = g_strjoinv(" ", (char **)arguments);
    console_note(invocation->console,
                 ngettext("%u of %u manifests is wrong. What each key holds is told by "
                          "docs/manifest.md; once it is mended: medmirror manifest check%s%s",
                          "%u of %u manifests are wrong. What each key holds is told by "
                          "docs/manifest.md; once they are mended: medmirror manifest check%s%s",
                          counts.wrong),
                 counts.wrong, counts.wrong + counts.right, *named ? " " : "", named);
    return 2;
}

/* The text that FILE should hold; *IS_CLEAN where it holds it already. NULL with an error. */
static char *format_file(const char *path, gboolean *is_clean, GError **error)
{
    gsize length = 0;
    g_autofree char *text = manifest_read_text(path, &length, error);
    g_autofree char *name = relpath_display(path);
    char *canonical = text ? manifest_canonical(text, length, name, error) : NULL;
    *is_clean = canonical && strlen(canonical) == length && memcmp(canonical, text, length) == 0;
    return canonical;
}

/* Beside it and renamed: what reads it meanwhile reads the old one or the new one. A link keeps
 * pointing to it. */
static gboolean replace(const char *path, const char *text, GError **error)
{
    g_autofree char *real = realpath(path, NULL);
    g_autofree char *folder = real ? g_path_get_dirname(real) : NULL;
    g_autofree char *name = real ? g_path_get_basename(real) : NULL;
    struct stat status;
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0 || fstatat(fd, name, &status, 0) != 0) {
        error_set_storage(error, errno, _("cannot write %s"), path);
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    gboolean done = durable_replace(fd, name, text, status.st_mode & 0777, error);
    close(fd);
    return done;
}

static int format_one(Invocation *invocation, const char *path, gboolean check_only, GError **error)
{
    gboolean is_clean = FALSE;
    g_autofree char *text = format_file(path, &is_clean, error);
    if (!text || (!is_clean && !check_only && !replace(path, text, error)))
        return -1;
    if (is_clean)
        return 0;
    g_autofree char *shown = relpath_display(path);
    console_answer(invocation->console, "%s", shown);
    console_json(invocation->console, "formatted",
                 json_pack("{s:s, s:b}", "path", path, "written", !check_only));
    return 1;
}

static int format(Invocation *invocation, char *const *arguments, gboolean check_only,
                  GError **error)
{
    if (!*arguments)
        return invocation_usage(invocation, _("Which manifests? Name files or folders, as in: "
                                              "medmirror manifest fmt my-dataset.json"));
    g_autoptr(GPtrArray) paths = collect(invocation, arguments, error);
    int worst = paths ? 0 : 1;
    guint changed = 0;
    for (guint i = 0; paths && i < paths->len; i++) {
        g_autoptr(GError) wrong = NULL;
        int result = format_one(invocation, paths->pdata[i], check_only, &wrong);
        changed += result > 0;
        if (result < 0)
            worst = exit_status_worst(worst, invocation_fail(invocation, wrong));
    }
    if (check_only && changed) {
        console_note(invocation->console,
                     ngettext("%u manifest is not written as it should be. Type: medmirror "
                              "manifest fmt FILE",
                              "%u manifests are not written as they should be. Type: medmirror "
                              "manifest fmt FILE...",
                              changed),
                     changed);
        worst = exit_status_worst(worst, 1);
    }
    return worst;
}

static int draft(Invocation *invocation, char *const *arguments, const char *id)
{
    if (!arguments[0] || arguments[1])
        return invocation_usage(invocation, _("manifest new takes one address, as in: medmirror "
                                              "manifest new https://physionet.org/content/mitdb/"));
    g_auto(ManifestDraft) new_one = {.text = arguments[0], .id = id};
    int status = invocation_run(invocation, manifest_draft_make, &new_one);
    if (new_one.error)
        return invocation_fail(invocation, new_one.error);
    Console *console = invocation->console;
    json_auto_t *manifest = json_loads(new_one.json, 0, NULL);
    console_json(console, "draft",
                 json_pack("{s:s, s:O}", "ref", new_one.ref, "manifest", manifest));
    g_strchomp(new_one.json);
    console_answer(console, "%s", new_one.json);
    for (guint i = 0; i < new_one.lack->len; i++)
        console_note(console, "%s", (const char *)new_one.lack->pdata[i]);
    const char *new_id = json_string_value(json_object_get(manifest, "id"));
    g_autofree char *folder =
        g_build_filename(g_get_user_config_dir(), "medmirror", "manifests", NULL);
    console_note(console, _("It counts once it lies in %s as %s%s; then: medmirror manifest check"),
                 folder, new_id, ENDING);
    return status;
}

static int run_sub(Invocation *invocation, const char *id, gboolean check_only, GError **error)
{
    const char *sub = invocation->arguments[0];
    char *const *rest = invocation->arguments + 1;
    if (strcmp(sub, "new") != 0 && id)
        return invocation_usage(invocation, _("--id belongs to manifest new."));
    if (strcmp(sub, "fmt") != 0 && check_only)
        return invocation_usage(invocation, _("--check belongs to manifest fmt; to prove manifests "
                                              "type: medmirror manifest check"));
    if (strcmp(sub, "check") == 0)
        return check(invocation, rest, error);
    if (strcmp(sub, "new") == 0)
        return draft(invocation, rest, id);
    if (strcmp(sub, "fmt") == 0)
        return format(invocation, rest, check_only, error);
    g_autofree char *shown = relpath_display(sub);
    return invocation_usage(invocation, _("There is no manifest %s; there are check, new and fmt."),
                            shown);
}

static int run(Invocation *invocation)
{
    g_autofree char *id = NULL;
    gboolean check_only = FALSE;
    const GOptionEntry entries[] = {
        {"id", 0, 0, G_OPTION_ARG_FILENAME, &id, N_("new: the id of the manifest"), "ID"},
        {"check", 0, 0, G_OPTION_ARG_NONE, &check_only,
         N_("fmt: write nothing; exit status 1 where something would be written"), NULL},
        {NULL}};
    int status = 0;
    if (!invocation_parse(invocation, entries, &status))
        return status;
    if (!invocation->arguments[0])
        return invocation_usage(invocation, _("What is to be done? Type one of: medmirror manifest "
                                              "check, medmirror manifest new ADDRESS, medmirror "
                                              "manifest fmt FILE"));
    g_autoptr(GError) error = NULL;
    if (!invocation_open(invocation, &error))
        return invocation_fail(invocation, error);
    status = run_sub(invocation, id, check_only, &error);
    return error ? invocation_fail(invocation, error) : status;
}

const Verb verb_manifest = {
    .name = "manifest",
    .summary = N_("Prove, draft and tidy the catalogue's manifests"),
    .arguments = "check [FILE|DIR...] | new ADDRESS [--id ID] | fmt [--check] FILE|DIR...",
    .help = N_("check proves every manifest of the catalogue, or these: its form, its locator, its "
               "name, the ids that it points to. new drafts one from an address, to standard "
               "output; with --offline from the address alone. fmt writes manifests as they should "
               "be written, in place.\n\n"
               "Examples:\n"
               "  medmirror manifest check ./my-manifests\n"
               "  medmirror manifest new https://physionet.org/content/mitdb/ > mitdb.json"),
    .run = run,
};
