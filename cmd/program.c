#include "program.h"

#include "i18n.h"
#include "invocation.h"
#include "redact.h"
#include "uid_list.h"
#include "unpacking.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What people bring from other tools, and the right word for it here. */
static const struct {
    const char *word, *verb;
} foreign_verbs[] = {
    {"download", "pull"},  {"get", "pull"},      {"fetch", "pull"},     {"update", "sync"},
    {"check", "verify"},   {"fsck", "verify"},   {"ls", "list"},        {"info", "show"},
    {"extract", "unpack"}, {"unzip", "unpack"},  {"import", "adopt"},   {"add", "adopt"},
    {"rm", "remove"},      {"delete", "remove"}, {"unhold", "release"}, {"pin", "hold"},
    {"clean", "prune"},    {"gc", "prune"},      {"cp", "copy"},        {"settings", "config"},
};

static void print_help(FILE *to)
{
    fputs(_("medmirror brings medical datasets from the places that publish them into a local "
            "mirror, and keeps them "
            "right.\n\n"
            "Usage: medmirror COMMAND [OPTION...] [ARGUMENT...]\n\n"
            "Commands:\n"),
          to);
    for (guint i = 0; verbs[i]; i++) {
        fprintf(to, "  %-10s%s\n", verbs[i]->name, _(verbs[i]->summary));
    }
    fputs(_("\nOptions of every command: --mirror DIR, --endpoint NAME=URL, --json, --quiet, "
            "--verbose, --offline,\n"
            "--color=auto|always|never, --proxy URL, --cacert FILE, --lang en|zh; each command has "
            "--help.\n\n"
            "Examples:\n"
            "  medmirror pull mitdb                      bring the MIT-BIH Arrhythmia Database\n"
            "  medmirror verify mitdb                    prove every file of it\n"),
          to);
}

/* The first argument that is neither an option nor the value of a global one. */
static int find_verb(int argc, char **argv)
{
    static const char *const with_value[] = {"--mirror", "--endpoint", "--color",
                                             "--proxy",  "--cacert",   "--lang"};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || !argv[i][1]) {
            return i;
        }
        for (gsize k = 0; k < G_N_ELEMENTS(with_value); k++) {
            if (strcmp(argv[i], with_value[k]) == 0) {
                i++;
                break;
            }
        }
    }
    return 0;
}

static const Verb *verb_find(const char *name)
{
    for (guint i = 0; verbs[i]; i++) {
        if (strcmp(verbs[i]->name, name) == 0) {
            return verbs[i];
        }
    }
    for (gsize i = 0; i < G_N_ELEMENTS(foreign_verbs); i++) {
        if (strcmp(foreign_verbs[i].word, name) == 0) {
            fprintf(stderr, _("medmirror: '%s' is called '%s' here.\n"), name,
                    foreign_verbs[i].verb);
            return verb_find(foreign_verbs[i].verb);
        }
    }
    return NULL;
}

static int unknown_verb(const char *typed)
{
    g_autofree char *name = redact_text(typed);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (guint i = 0; verbs[i]; i++) {
        g_ptr_array_add(names, (gpointer)verbs[i]->name);
    }
    g_autoptr(GPtrArray) near = nearest_words(name, names, 1);
    if (uid_list_is_name(name)) {
        fprintf(stderr,
                _("medmirror: a list of series comes behind a command: medmirror pull %s\n"), name);
    } else if (near->len) {
        fprintf(stderr,
                _("medmirror: there is no command '%s'. The nearest one is: medmirror %s\n"), name,
                (const char *)g_ptr_array_index(near, 0));
    } else {
        fprintf(stderr,
                _("medmirror: there is no command '%s'. See them all with: medmirror --help\n"),
                name);
    }
    return 2;
}

static gboolean has_argument(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return TRUE;
        }
        if (strcmp(argv[i], "--") == 0) {
            return FALSE;
        }
    }
    return FALSE;
}

static int without_verb(int argc, char **argv)
{
    if (has_argument(argc, argv, "--version")) {
        printf("medmirror %s\n", MEDMIRROR_VERSION);
        return 0;
    }
    gboolean asked = has_argument(argc, argv, "--help") || has_argument(argc, argv, "-h");
    print_help(asked ? stdout : stderr);
    if (!asked && argc > 1) {
        fprintf(stderr, _("\nmedmirror: no command was named, as in: medmirror pull mitdb\n"));
    }
    return asked ? 0 : 2;
}

int program_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], UNPACK_CHILD_VERB) == 0) {
        return unpack_child_main(argc, argv);
    }
    setlocale(LC_ALL, "");
    bindtextdomain(GETTEXT_PACKAGE, MEDMIRROR_LOCALEDIR);
    bind_textdomain_codeset(GETTEXT_PACKAGE, "UTF-8");
    textdomain(GETTEXT_PACKAGE);
    g_set_prgname("medmirror");
    int at = find_verb(argc, argv);
    if (!at) {
        return without_verb(argc, argv);
    }
    if (strcmp(argv[at], "help") == 0) {
        if (at + 1 >= argc) {
            print_help(stdout);
            return 0;
        }
        char *help[] = {argv[0], argv[at + 1], (char *)"--help", NULL};
        return program_main(3, help);
    }
    const Verb *verb = verb_find(argv[at]);
    if (!verb) {
        return unknown_verb(argv[at]);
    }
    Invocation invocation = {
        .verb = verb, .argc = argc - 2, .json = has_argument(argc, argv, "--json")};
    invocation.argv = g_new0(char *, (gsize)argc);
    for (int i = 1, n = 0; i < argc; i++) {
        if (i != at) {
            invocation.argv[n++] = g_strdup(argv[i]);
        }
    }
    int status = verb->run(&invocation);
    invocation_end(&invocation, status);
    invocation_clear(&invocation);
    if (fflush(stdout) != 0 && status == 0) {
        fprintf(stderr, _("medmirror: standard output could not be written.\n"));
        return 6;
    }
    return status;
}
