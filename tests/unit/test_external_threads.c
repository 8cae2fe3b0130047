/* Programs that bring a source: what they may do, and what happens to those that misbehave. */
#include "event_log.h"
#include "external.h"
#include "external_program.h"
#include "own_folders.h"
#include "redact.h"
#include "support_fake_host.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

/* Only where silence is what is waited for: a loaded machine is slow to start a shell. */
#define SHORT_MS 400
#define LONG_MS 30000
#define BASE "https://data.example.org"
#define HEAD "echo '{\"id\":1,\"kind\":\"head\",\"version\":\"1\"}'; "
#define DONE "echo '{\"id\":1,\"kind\":\"done\"}'; "
#define LINGER "read end; "

static char *top; /* an own folder, 0700 */
static guint names;
static guint64 silence_ms = LONG_MS;

/* What the log was told. */
static GString *logged;
static pthread_mutex_t logged_mutex = PTHREAD_MUTEX_INITIALIZER;

static void write_log(EventLogLevel level, const char *line, gpointer data)
{
    pthread_mutex_lock(&logged_mutex);
    g_string_append_printf(logged, "%s\n", line);
    pthread_mutex_unlock(&logged_mutex);
}

static gboolean was_logged(const char *text)
{
    pthread_mutex_lock(&logged_mutex);
    gboolean found = strstr(logged->str, text) != NULL;
    pthread_mutex_unlock(&logged_mutex);
    return found;
}

static char *program_path(const char *name)
{
    g_autofree char *file = g_strconcat("medmirror-fetch-", name, NULL);
    return g_build_filename(top, file, NULL);
}

static void write_program(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(path, text, -1, &error));
    g_assert_no_error(error);
    g_assert_cmpint(chmod(path, 0755), ==, 0);
}

/* A shell script that says HELLO (with NAME for the first %s), then runs BODY. */
static const Fetcher *make_fetcher(const char *hello, const char *body)
{
    g_autofree char *name = g_strdup_printf("source-%u", ++names);
    g_autofree char *path = program_path(name);
    g_autoptr(GString) text = g_string_new("#!/bin/sh\n");
    g_autoptr(GString) first = g_string_new(hello);
    g_string_replace(first, "NAME", name, 0);
    if (first->len > 0)
        g_string_append_printf(text, "echo '%s'\n", first->str);
    g_string_append_printf(text, "%s\n", body);
    write_program(path, text->str);
    g_autoptr(GError) error = NULL;
    g_assert_true(external_register(name, path, silence_ms, &error));
    g_assert_no_error(error);
    const Fetcher *fetcher = fetcher_find(name);
    g_assert_nonnull(fetcher);
    g_assert_cmpstr(external_path(fetcher), ==, path);
    return fetcher;
}

#define HELLO(more)                                                                                \
    "{\"protocol\":1,\"name\":\"NAME\",\"title\":\"Title\",\"base\":\"" BASE "\"" more "}"

static ResolveResult resolve_state(const Fetcher *fetcher, FakeHost *host, FakeTaker *taker,
                                   const char *state, GError **error)
{
    json_auto_t *locator = json_pack("{s:s}", "name", "heart");
    const ResolveRequest request = {.locator = locator, .state_token = state};
    return fetcher->resolve(fetcher, &request, &host->services, &taker->taker, error);
}

static ResolveResult resolve(const Fetcher *fetcher, FakeHost *host, FakeTaker *taker,
                             GError **error)
{
    return resolve_state(fetcher, host, taker, NULL, error);
}

/* What a failing resolve says. */
static char *failure_of(const Fetcher *fetcher, int code)
{
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, BASE "/list.txt", 200, "text/plain", "a list");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(fetcher, host, &taker, &error), ==, RESOLVE_FAILED);
    g_assert_nonnull(error);
    if (!g_error_matches(error, MEDMIRROR_ERROR, code))
        g_error("%s", error->message);
    return g_strdup(error->message);
}

static void test_misbehaviour(void)
{
    static const struct {
        const char *what, *hello, *body, *words;
    } cases[] = {
        {"silent from the start", "", "sleep 60", "it was silent for 0.4 s"},
        {"silent when asked", HELLO(""), "read request; sleep 60", "it was silent for 0.4 s"},
        {"silent in the middle of a line", HELLO(""), "read request; printf '{\"id\":1,'; sleep 60",
         "it was silent"},
        {"a flood of errors is no word", HELLO(""), "yes error >&2", "it was silent"},
        {"a long line", HELLO(""), "read request; head -c 1100000 /dev/zero | tr '\\0' a; sleep 60",
         "a line of more than 1048576 bytes"},
        {"an end", HELLO(""), "read request; exit 3", "it ended by itself, with status 3"},
        {"an end before the first word", "", "exit 0", "it ended by itself, with status 0"},
        {"a death", HELLO(""), "read request; kill -9 $$", "it died of signal 9"},
        {"an end in the middle of a line", HELLO(""), "read request; printf '{\"id\":1'; exit 0",
         "it ended by itself"},
        {"last words", HELLO(""), "read request; echo 'KeyError: date' >&2; exit 1",
         "Its last words: \"KeyError: date\"."},
        {"no JSON", HELLO(""), "read request; echo hello; sleep 60", "this is not JSON"},
        {"an array", HELLO(""), "read request; echo '[]'; sleep 60", "\"kind\" is missing"},
        {"another request", HELLO(""),
         "read request; echo '{\"id\":2,\"kind\":\"done\"}'; sleep 60",
         "it answers request 2, and number 1 is what it was asked"},
        {"an unknown kind", HELLO(""),
         "read request; echo '{\"id\":1,\"kind\":\"flie\"}'; sleep 60",
         "\"flie\" is not known; did it mean \"file\"?"},
        {"an unknown key", HELLO(""),
         "read request; echo '{\"id\":1,\"kind\":\"head\",\"licens\":\"x\"}'; sleep 60",
         "did you mean \"licence\"?"},
        {"no number", HELLO(""), "read request; echo '{\"kind\":\"done\"}'; sleep 60",
         "/id: this key is missing"},
        {"an answer to nothing", HELLO(""),
         "read request; echo '{\"id\":1,\"kind\":\"version\",\"version\":\"1\"}'; sleep 60",
         "it says \"version\", which is no answer to \"resolve\""},
        {"files first", HELLO(""),
         "read request; echo '{\"id\":1,\"kind\":\"file\",\"path\":\"a\",\"addresses\":[\"a\"]}'; "
         "sleep 60",
         "it says \"file\" before \"head\""},
        {"no head", HELLO(""), "read request; " DONE LINGER, "it was done without \"head\""},
        {"unchanged since when", HELLO(""),
         "read request; " HEAD "echo '{\"id\":1,\"kind\":\"done\",\"unchanged\":true}'; " LINGER,
         "nobody told it a state"},
        {"no address", HELLO(""),
         "read request; " HEAD
         "echo '{\"id\":1,\"kind\":\"file\",\"path\":\"a\",\"addresses\":[]}'; sleep 60",
         "from 1 to 64 addresses"},
        {"a password in an address", HELLO(""),
         "read request; " HEAD "echo '{\"id\":1,\"kind\":\"file\",\"path\":\"a\",\"addresses\":"
         "[\"https://ana:pw@data.example.org/a\"]}'; sleep 60",
         "holds a user name or a password"},
        {"a scheme that is not asked", HELLO(""),
         "read request; " HEAD "echo '{\"id\":1,\"kind\":\"file\",\"path\":\"a\",\"addresses\":"
         "[\"file:///etc/passwd\"]}'; sleep 60",
         "no address of http or https"},
        {"an archive of no format", HELLO(""),
         "read request; " HEAD "echo '{\"id\":1,\"kind\":\"file\",\"path\":\"a.dat\",\"role\":"
         "\"archive\",\"addresses\":[\"a\"]}'; sleep 60",
         "its name does not tell its format"},
        {"a need that was not declared", HELLO(""),
         "read request; echo '{\"id\":1,\"kind\":\"credential\"}'; sleep 60",
         "its first line does not say that it needs one"},
        {"more of nothing", HELLO(""),
         "read request; echo '{\"id\":1,\"kind\":\"more\"}'; sleep 60", "or never asked for"},
        {"asking without reading", HELLO(""),
         "read request; yes '{\"id\":1,\"kind\":\"get\",\"address\":\"list.txt\"}'",
         "it writes on without reading"},
        {"another name", "{\"protocol\":1,\"name\":\"x\",\"title\":\"T\",\"base\":\"" BASE "\"}",
         "sleep 60", "it says that its source is \"x\""},
        {"another protocol", "{\"protocol\":2,\"name\":\"NAME\",\"speaks\":\"more\"}", "sleep 60",
         "it speaks protocol 2, and this medmirror speaks 1"},
        {"a wrong first line", HELLO(",\"abilites\":[]"), "sleep 60",
         "did you mean \"abilities\"?"},
        {"a rule that makes data of anything",
         HELLO(",\"classify\":[{\"status\":200,\"is\":\"data\"}]"), "sleep 60",
         "\"data\" is none of"},
        {"no first line", "hello", "sleep 60", "its first line is wrong"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        silence_ms = strstr(cases[i].words, "silent") ? SHORT_MS : LONG_MS;
        const Fetcher *fetcher = make_fetcher(cases[i].hello, cases[i].body);
        silence_ms = LONG_MS;
        g_autofree char *message = failure_of(fetcher, MEDMIRROR_ERROR_ORIGIN);
        if (!strstr(message, cases[i].words))
            g_error("%s: %s", cases[i].what, message);
        g_assert_nonnull(strstr(message, fetcher->row.name));
        g_assert_nonnull(strstr(message, external_path(fetcher)));
    }
    external_stop_all();
}

static void test_unsafe_path(void)
{
    const Fetcher *fetcher =
        make_fetcher(HELLO(""), "read request; " HEAD "echo '{\"id\":1,\"kind\":\"file\",\"path\":"
                                "\"../../a\",\"addresses\":[\"a\"]}'; sleep 60");
    g_autofree char *message = failure_of(fetcher, MEDMIRROR_ERROR_UNSAFE);
    g_assert_nonnull(strstr(message, "../../a"));
    external_stop_all();
}

/* The next dataset gets a fresh process, three times. */
static void test_restart(void)
{
    const Fetcher *fetcher = make_fetcher(HELLO(""), "read request; exit 1");
    for (guint i = 0; i < 3; i++) {
        g_autofree char *message = failure_of(fetcher, MEDMIRROR_ERROR_ORIGIN);
        g_assert_nonnull(strstr(message, "it ended by itself"));
    }
    g_autofree char *path = program_path("restart-count");
    g_autofree char *message = failure_of(fetcher, MEDMIRROR_ERROR_ORIGIN);
    g_assert_nonnull(strstr(message, "is not started again: it ended by itself"));
    external_stop_all();
    g_autofree char *anew = failure_of(fetcher, MEDMIRROR_ERROR_ORIGIN);
    g_assert_null(strstr(anew, "not started again"));
    external_stop_all();
}

static void test_other_hello_later(void)
{
    g_autofree char *mark = g_build_filename(top, "mark", NULL);
    g_autofree char *body = g_strdup_printf(
        "if [ -e %s ]; then t=Other; else t=Title; : > %s; fi\n"
        "echo \"{\\\"protocol\\\":1,\\\"name\\\":\\\"source-%u\\\",\\\"title\\\":\\\"$t\\\","
        "\\\"base\\\":\\\"" BASE "\\\"}\"\nread request; exit 1",
        mark, mark, names + 1);
    const Fetcher *fetcher = make_fetcher("", body);
    g_assert_null(external_title(fetcher));
    g_autofree char *first = failure_of(fetcher, MEDMIRROR_ERROR_ORIGIN);
    g_assert_nonnull(strstr(first, "it ended by itself"));
    g_assert_cmpstr(external_title(fetcher), ==, "Title");
    g_autofree char *second = failure_of(fetcher, MEDMIRROR_ERROR_ORIGIN);
    g_assert_nonnull(strstr(second, "its first line is another one than before"));
    g_assert_cmpstr(external_title(fetcher), ==, "Title");
    external_stop_all();
}

/* Its own words end a request, and nothing else. */
static void test_own_error(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(""), "n=0; while read request; do n=$((n+1)); echo \"{\\\"id\\\":$n,\\\"kind\\\":"
                   "\\\"error\\\",\\\"code\\\":\\\"absent\\\",\\\"text\\\":\\\"Nothing, said "
                   "$n.\\\"}\"; done");
    g_autofree char *first = failure_of(fetcher, MEDMIRROR_ERROR_ABSENT);
    g_autofree char *second = failure_of(fetcher, MEDMIRROR_ERROR_ABSENT);
    g_assert_cmpstr(first, ==, "Nothing, said 1.");
    g_assert_cmpstr(second, ==, "Nothing, said 2.");
    external_stop_all();
    /* Without words of its own: what we know. */
    fetcher = make_fetcher(
        HELLO(""), "read request; echo '{\"id\":1,\"kind\":\"get\",\"address\":\"nowhere\"}'; read "
                   "answer; echo '{\"id\":1,\"kind\":\"error\"}'; " LINGER);
    g_autofree char *known = failure_of(fetcher, MEDMIRROR_ERROR_ABSENT);
    g_assert_cmpstr(known, ==, BASE "/nowhere: HTTP status 404.");
    external_stop_all();
}

static void test_listing(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(""),
        "read request; "
        "echo '{\"id\":1,\"kind\":\"get\",\"address\":\"list.txt\"}'; read -r answer; "
        "echo \"$answer\" >&2; " HEAD
        "echo '{\"id\":1,\"kind\":\"file\",\"path\":\"a/b.dat\",\"size\":5,\"size_is\":\"hint\","
        "\"md5\":\"d41d8cd98f00b204e9800998ecf8427e\",\"modified\":\"2024-01-02\",\"addresses\":"
        "[\"x/b%20.dat\",\"https://cdn.example.net/b\"]}'; "
        "echo '{\"id\":1,\"kind\":\"digest\",\"path\":\"a/b.dat\",\"sha1\":"
        "\"da39a3ee5e6b4b0d3255bfef95601890afd80709\"}'; "
        "echo "
        "'{\"id\":1,\"kind\":\"file\",\"path\":\"x.tar.gz\",\"role\":\"archive\",\"addresses\":"
        "[\"" BASE "/x.tar.gz\"]}'; "
        "echo '{\"id\":1,\"kind\":\"head\",\"version\":\"1\",\"notes\":[\"A note.\"]}'; " DONE
            LINGER);
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, BASE "/list.txt", 200, "text/plain", "a list")->etag = "\"1\"";
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    ResolveResult result = resolve(fetcher, host, &taker, &error);
    g_assert_no_error(error);
    g_assert_cmpint(result, ==, RESOLVE_LISTED);
    g_assert_cmpstr(taker.files->str, ==,
                    "a/b.dat 5 2024-01-02 data +md5:d41d8cd9\nx.tar.gz - archive\n");
    g_assert_cmpstr(taker.addresses->str, ==,
                    "a/b.dat " BASE "/x/b%20.dat\na/b.dat https://cdn.example.net/b\n"
                    "x.tar.gz " BASE "/x.tar.gz\n");
    g_assert_cmpstr(taker.digests->str, ==, "a/b.dat da39a3ee5e6b4b0d3255bfef95601890afd80709\n");
    g_autofree char *notes = fake_notes(&taker);
    g_assert_cmpstr(notes, ==, "A note.\n");
    g_assert_false(taker.head->is_restricted);
    g_autofree char *asked = fake_asked(host);
    g_assert_cmpstr(asked, ==, "GET " BASE "/list.txt\n");
    g_assert_cmpstr(fetcher->row.hosts[0], ==, "data.example.org");
    external_stop_all();
    g_assert_true(was_logged("\"answer\":\"document\",\"status\":200"));
    g_assert_true(was_logged("\"etag\":\"\\\"1\\\"\",\"length\":6,\"body\":\"YSBsaXN0\","
                             "\"more\":false"));
}

static void test_unchanged(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(""), "read -r request; case \"$request\" in *'\"state\":\"s1\"'*) " HEAD
                   "echo '{\"id\":1,\"kind\":\"done\",\"unchanged\":true}';; esac; " LINGER);
    g_autoptr(FakeHost) host = fake_host_new();
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve_state(fetcher, host, &taker, "s1", &error), ==, RESOLVE_UNCHANGED);
    g_assert_no_error(error);
    g_assert_cmpuint(taker.heads, ==, 1);
    external_stop_all();
}

/* What is below its own base goes where the source is sent, and nothing else is asked then. */
static void test_sent_elsewhere(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(""),
        "read -r request; " HEAD "echo '{\"id\":1,\"kind\":\"file\",\"path\":\"a\",\"addresses\":"
        "[\"https://cdn.example.net/a\",\"" BASE "/a\",\"b\"]}'; " DONE LINGER);
    g_autoptr(FakeHost) host = fake_host_new();
    g_hash_table_insert(host->bases, (gpointer)fetcher->row.name,
                        (gpointer) "http://127.0.0.1:9/copy");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(fetcher, host, &taker, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.addresses->str, ==,
                    "a http://127.0.0.1:9/copy/a\na http://127.0.0.1:9/copy/b\n");
    external_stop_all();
}

/* Documents come in pieces, and a page is no document. */
static void test_documents(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(",\"classify\":[{\"body\":\"Sign The Agreement\",\"is\":\"terms\"}]"),
        "read -r request; ask() { echo \"{\\\"id\\\":1,\\\"kind\\\":$1}\"; read -r answer; echo "
        "\"$2 $(echo \"$answer\" | cut -c 1-60) ${#answer}\" >&2; }\n"
        "ask '\"get\",\"address\":\"large\"' first; ask '\"more\"' second; "
        "ask '\"get\",\"address\":\"page\"' page; "
        "ask '\"get\",\"address\":\"page\",\"html\":true' wanted; "
        "ask '\"get\",\"address\":\"terms\"' terms; "
        "ask '\"get\",\"address\":\"https://ana:pw@x.example/\"' odd; "
        "ask '\"get\",\"address\":\"page\",\"headers\":[\"Range: bytes=1-2\"]' range; "
        "ask '\"get\",\"address\":\"http://data.example.org/\",\"headers\":[\"Authorization: "
        "Basic eA==\"]' plain; "
        "ask '\"get\",\"address\":\"https://x.example/\",\"headers\":[\"X-Key: 1\"]' foreign; "
        "ask '\"get\",\"address\":\"large\",\"head_only\":true' empty; " HEAD DONE LINGER);
    g_autofree char *large = g_strnfill(400 * 1024, 'x');
    g_autoptr(FakeHost) host = fake_host_new();
    fake_serve(host, BASE "/large", 200, "text/plain", large);
    fake_serve(host, BASE "/page", 200, "text/html", "<!DOCTYPE html><title>Welcome</title>");
    fake_serve(host, BASE "/terms", 200, "text/plain", "please SIGN the agreement first");
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(fetcher, host, &taker, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    external_stop_all();
    static const char *const said[] = {
        "first {\"id\":1,\"answer\":\"document\",\"status\":200",
        "second {\"id\":1,\"answer\":\"more\",\"body\":\"eHh4",
        "page {\"id\":1,\"answer\":\"failed\",\"code\":\"origin\"",
        "wanted {\"id\":1,\"answer\":\"document\"",
        "terms {\"id\":1,\"answer\":\"failed\",\"code\":\"access\"",
        "odd {\"id\":1,\"answer\":\"failed\",\"code\":\"usage\"",
        "range {\"id\":1,\"answer\":\"failed\",\"code\":\"usage\"",
        "plain {\"id\":1,\"answer\":\"failed\",\"code\":\"usage\"",
        "foreign {\"id\":1,\"answer\":\"failed\",\"code\":\"usage\"",
        "empty {\"id\":1,\"answer\":\"document\",\"status\":200",
    };
    for (gsize i = 0; i < G_N_ELEMENTS(said); i++)
        if (!was_logged(said[i]))
            g_error("%s is not in: %s", said[i], logged->str);
    g_autofree char *asked = fake_asked(host);
    g_assert_cmpstr(asked, ==,
                    "GET " BASE "/large\nGET " BASE "/page\nGET " BASE "/page\nGET " BASE
                    "/terms\nHEAD " BASE "/large\n");
}

static Credential *give_credential(HostServices *services, const char *source, const char *address,
                                   GError **error)
{
    g_assert_cmpstr(address, ==, BASE);
    return credential_new(CREDENTIAL_PASSWORD, "ana", "a-secret-of-ana", "the test");
}

/* Given as the answer to a declared need; nowhere else, and not in the log. */
static void test_credential(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(",\"needs\":[\"password\"]"),
        "read -r request; echo '{\"id\":1,\"kind\":\"credential\"}'; read -r answer; echo \"heard "
        "$answer\" >&2; case \"$answer\" in *'\"user\":\"ana\",\"secret\":\"a-secret-of-ana\"'*) "
        "version=right;; *) version=wrong;; esac; echo "
        "\"{\\\"id\\\":1,\\\"kind\\\":\\\"head\\\",\\\"version\\\":\\\"$version\\\"}\"; " DONE
            LINGER);
    g_autoptr(FakeHost) host = fake_host_new();
    host->services.credential = give_credential;
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(fetcher, host, &taker, &error), ==, RESOLVE_LISTED);
    g_assert_no_error(error);
    g_assert_cmpstr(taker.head->version, ==, "right");
    g_assert_true(taker.head->is_restricted);
    g_assert_nonnull(fetcher->row.login);
    external_stop_all();
    g_assert_true(was_logged("heard"));
    g_assert_false(was_logged("a-secret-of-ana"));
}

/* What was typed is tried by the program, where it can. */
static void test_login(void)
{
    static const struct {
        const char *hello, *ending, *said;
        gboolean is_proven;
    } cases[] = {
        {HELLO(",\"needs\":[\"token\"],\"abilities\":[\"login\"]"),
         "\"done\\\",\\\"text\\\":\\\"You are in.", "You are in.", TRUE},
        {HELLO(",\"needs\":[\"token\"],\"abilities\":[\"login\"]"),
         "\"error\\\",\\\"code\\\":\\\"access\\\",\\\"text\\\":\\\"It is not known there.",
         "It is not known there.", FALSE},
        {HELLO(",\"needs\":[\"token\"]"), "", "is not known yet", TRUE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *body = g_strdup_printf(
            "read request; echo '{\"id\":1,\"kind\":\"credential\"}'; read -r answer; case "
            "\"$answer\" in *'\"method\":\"token\",\"secret\":\"a-typed-token\"'*) echo "
            "\"{\\\"id\\\":1,\\\"kind\\\":\\%s\\\"}\";; esac; " LINGER,
            cases[i].ending);
        const Fetcher *fetcher = make_fetcher(cases[i].hello, body);
        g_autoptr(FakeHost) host = fake_host_new();
        g_autoptr(Credential) credential =
            credential_new(CREDENTIAL_TOKEN, NULL, "a-typed-token", "the test");
        g_autofree char *said = NULL;
        g_autoptr(GError) error = NULL;
        gboolean is_proven =
            fetcher->prove_login(fetcher, credential, &host->services, &said, &error);
        const char *words = is_proven ? said : error->message;
        if (is_proven != cases[i].is_proven || !strstr(words, cases[i].said))
            g_error("%s", words);
        g_assert_true(is_proven || g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS));
        g_assert_cmpint(fetcher->row.login->kind, ==, CREDENTIAL_TOKEN);
        g_assert_cmpstr(fetcher->row.login->hosts[0], ==, "data.example.org");
        external_stop_all();
    }
    g_assert_false(was_logged("a-typed-token"));
}

/* Its environment, folder, arguments and descriptors are made for it; 10 (255) is the shell's own,
 * and 3 is the folder that it looks into; a pipeline would have more. */
static void test_surroundings(void)
{
    g_setenv("MEDMIRROR_TEST_SECRET", "x", TRUE);
    const Fetcher *fetcher = make_fetcher(
        HELLO(""), "read request; echo \"env $(tr '\\0' ' ' < /proc/$$/environ)\" >&2; echo \"cwd "
                   "$(readlink /proc/$$/cwd) $# end\" >&2; for f in /proc/$$/fd/*; do "
                   "fds=\"$fds${f##*/} \"; done; echo \"${fds}fds\" >&2; " HEAD DONE LINGER);
    g_autoptr(FakeHost) host = fake_host_new();
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    int left_open = dup(STDERR_FILENO);
    g_assert_cmpint(resolve(fetcher, host, &taker, NULL), ==, RESOLVE_LISTED);
    close(left_open);
    external_stop_all();
    g_assert_true(was_logged("env PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \n"));
    g_assert_true(was_logged("cwd / 0 end\n"));
    g_assert_true(was_logged("0 1 10 2 3 fds") || was_logged("0 1 2 255 3 fds"));
}

static void test_log_is_redacted(void)
{
    redact_add_secret("hunter2-hunter2");
    const Fetcher *fetcher = make_fetcher(
        HELLO(""),
        "read request; echo 'tried hunter2-hunter2 here' >&2; echo "
        "'{\"id\":1,\"kind\":\"log\",\"text\":\"page 1 with hunter2-hunter2\"}'; exit 1");
    g_autofree char *message = failure_of(fetcher, MEDMIRROR_ERROR_ORIGIN);
    g_assert_null(strstr(message, "hunter2"));
    g_assert_nonnull(strstr(message, "Its last words: \"tried"));
    g_assert_true(was_logged("tried "));
    g_assert_true(was_logged("page 1 with "));
    g_assert_false(was_logged("hunter2"));
    external_stop_all();
}

static void test_interrupted(void)
{
    const Fetcher *fetcher = make_fetcher(HELLO(""), "read request; sleep 60");
    g_autoptr(FakeHost) host = fake_host_new();
    host->cancelled = TRUE;
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(resolve(fetcher, host, &taker, &error), ==, RESOLVE_FAILED);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED);
    external_stop_all();
}

static void test_versions(void)
{
    const char *body = "read request; for v in 3 2 1; do echo \"{\\\"id\\\":1,\\\"kind\\\":"
                       "\\\"version\\\",\\\"version\\\":\\\"$v\\\"}\"; done; " DONE LINGER;
    json_auto_t *locator = json_pack("{s:s}", "name", "heart");
    g_autoptr(FakeHost) host = fake_host_new();
    g_autoptr(GError) error = NULL;
    const Fetcher *fetcher = make_fetcher(HELLO(",\"abilities\":[\"versions\"]"), body);
    g_autoptr(GPtrArray) versions = fetcher->versions(fetcher, locator, &host->services, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(versions->len, ==, 3);
    g_assert_cmpstr(versions->pdata[0], ==, "3");
    fetcher = make_fetcher(HELLO(""), body);
    g_autoptr(GPtrArray) none = fetcher->versions(fetcher, locator, &host->services, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(none->len, ==, 0);
    external_stop_all();
}

static Prepared *prepare(const char *headers, const char *address, GError **error)
{
    g_autofree char *body = g_strdup_printf(
        "read request; echo '{\"id\":1,\"kind\":\"prepared\",\"address\":\"signed?sig=1\","
        "\"headers\":[%s]}'; " DONE LINGER,
        headers);
    const Fetcher *fetcher = make_fetcher(HELLO(",\"abilities\":[\"prepare\"]"), body);
    g_autoptr(FakeHost) host = fake_host_new();
    if (address)
        g_hash_table_insert(host->bases, (gpointer)fetcher->row.name, (gpointer)address);
    json_auto_t *locator = json_pack("{s:s}", "name", "heart");
    g_autoptr(FileSpec) file = file_spec_new("a");
    file_spec_add_address(file, BASE "/a");
    Prepared *prepared =
        fetcher->prepare(fetcher, locator, file, BASE "/a", &host->services, error);
    external_stop_all();
    return prepared;
}

static void test_prepare(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Prepared) own = prepare("\"Authorization: Bearer x\"", NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(own->address, ==, BASE "/signed?sig=1");
    g_assert_cmpuint(own->headers->len, ==, 1);
    g_assert_cmpstr(own->headers->pdata[0], ==, "Authorization: Bearer x");
    g_autoptr(Prepared) loopback =
        prepare("\"Authorization: Bearer x\"", "http://127.0.0.1:9", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(loopback->address, ==, "http://127.0.0.1:9/signed?sig=1");
    /* A token goes to nobody else's host, wherever the source is sent. */
    g_assert_null(prepare("\"Authorization: Bearer x\"", "https://x.example", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
    g_clear_error(&error);
    g_assert_null(prepare("\"X: 1\\r\\nY: 2\"", NULL, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
}

static void test_prepare_of_the_dead(void)
{
    const Fetcher *fetcher =
        make_fetcher(HELLO(",\"abilities\":[\"prepare\",\"refresh\"]"), "read request; exit 1");
    g_autoptr(FakeHost) host = fake_host_new();
    json_auto_t *locator = json_pack("{s:s}", "name", "heart");
    g_autoptr(FileSpec) file = file_spec_new("a");
    for (guint i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(fetcher->prepare(fetcher, locator, file, BASE "/a", &host->services, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED);
        g_assert_nonnull(strstr(error->message, i ? "not started again" : "it ended by itself"));
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(fetcher->refresh(fetcher, locator, NULL, file, &host->services, &error));
    g_assert_true(was_logged("not started again"));
    external_stop_all();
}

static void test_refresh(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(",\"abilities\":[\"refresh\"]"),
        "n=0; while read -r request; do n=$((n+1)); echo "
        "\"{\\\"id\\\":$n,\\\"kind\\\":\\\"head\\\"}"
        "\"; echo \"{\\\"id\\\":$n,\\\"kind\\\":\\\"done\\\"}\"; read -r request; n=$((n+1)); echo "
        "\"{\\\"id\\\":$n,\\\"kind\\\":\\\"address\\\",\\\"address\\\":\\\"moved\\\"}\"; echo "
        "\"{\\\"id\\\":$n,\\\"kind\\\":\\\"done\\\"}\"; done");
    g_autoptr(FakeHost) host = fake_host_new();
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_assert_cmpint(resolve(fetcher, host, &taker, NULL), ==, RESOLVE_LISTED);
    json_auto_t *locator = json_pack("{s:s}", "name", "heart");
    g_autoptr(FileSpec) file = file_spec_new("a");
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) addresses =
        fetcher->refresh(fetcher, locator, NULL, file, &host->services, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(addresses->len, ==, 1);
    g_assert_cmpstr(addresses->pdata[0], ==, BASE "/moved");
    external_stop_all();
}

static void test_rules(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(
            ",\"classify\":[{\"status\":403,\"body\":\"Quota\",\"is\":\"quota\"},{\"header\":"
            "\"X-State: Cooking\",\"type\":\"TEXT/\",\"is\":\"not-ready\"},{\"status\":403,\"is\":"
            "\"terms\"}],\"access\":[{\"status\":403,\"text\":\"Sign for {name}.\"},{\"status\":0,"
            "\"text\":\"An account is needed.\"}]"),
        LINGER);
    json_auto_t *locator = json_pack("{s:s}", "name", "heart");
    g_autofree char *unknown = fetcher->describe_access(fetcher, locator, NULL, 403);
    g_assert_nonnull(strstr(unknown, external_path(fetcher)));
    g_autoptr(GError) error = NULL;
    g_assert_true(fetcher->open(fetcher, &error));
    g_assert_no_error(error);
    const char *const cooking[] = {"x-state: still cooking", NULL};
    const char *page = "<html>";
    const struct {
        AnswerHead head;
        AnswerKind kind;
    } cases[] = {
        {{.status = 403, .body = (const guint8 *)"your quota", .body_length = 10}, ANSWER_QUOTA},
        {{.status = 403}, ANSWER_TERMS},
        {{.status = 200, .content_type = "text/plain", .headers = cooking}, ANSWER_NOT_READY},
        {{.status = 200, .content_type = "image/png", .headers = cooking}, ANSWER_DATA},
        {{.status = 404}, ANSWER_BY_STATUS},
        {{.status = 200, .body = (const guint8 *)page, .body_length = 6}, ANSWER_UNEXPECTED_HTML},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        g_assert_cmpint(fetcher->classify(fetcher, &cases[i].head), ==, cases[i].kind);
    g_autofree char *words = fetcher->describe_access(fetcher, locator, NULL, 403);
    g_assert_cmpstr(words, ==, "Sign for heart.");
    g_autofree char *beforehand = fetcher->describe_access(fetcher, locator, NULL, 0);
    g_assert_cmpstr(beforehand, ==, "An account is needed.");
    external_stop_all();
}

/* Folder, REF and the locator's check start nothing. */
static void test_names(void)
{
    const Fetcher *fetcher = make_fetcher(HELLO(",\"locator_keys\":[\"subset\"]"), LINGER);
    static const struct {
        const char *name, *folder;
    } names_of[] = {{"heart", "heart"},
                    {"a/b c", "a/b%20c"},
                    {"\xe5\xbf\x83", "%E5%BF%83"},
                    {"a/", "a"},
                    {"", NULL},
                    {"../x", NULL},
                    {"a//b", NULL},
                    {"a@1", NULL},
                    {"a?b", NULL},
                    {"a%2fb", NULL},
                    {"1/2/3/4/5/6/7/8/9", NULL}};
    for (gsize i = 0; i < G_N_ELEMENTS(names_of); i++) {
        char *version = NULL;
        g_autoptr(GError) error = NULL;
        json_auto_t *locator =
            fetcher->locator_from_name(fetcher, names_of[i].name, &version, &error);
        g_assert_cmpint(locator == NULL, ==, names_of[i].folder == NULL);
        if (!locator) {
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
            continue;
        }
        g_assert_true(fetcher->check_locator(fetcher, locator, NULL));
        g_autofree char *folder = fetcher->folder(fetcher, locator, "some-id");
        g_autofree char *wanted = g_strconcat(fetcher->row.name, "/", names_of[i].folder, NULL);
        g_assert_cmpstr(folder, ==, wanted);
    }
    json_auto_t *subset = json_pack("{s:s, s:s}", "name", "x", "subset", "a");
    json_auto_t *other = json_pack("{s:s, s:s}", "name", "x", "other", "a");
    json_auto_t *deep = json_pack("{s:s, s:{}}", "name", "x", "subset");
    g_assert_true(fetcher->check_locator(fetcher, other, NULL)); /* nobody can know yet */
    g_assert_false(fetcher->check_locator(fetcher, deep, NULL));
    g_assert_null(external_title(fetcher));
    g_assert_true(fetcher->open(fetcher, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_true(fetcher->check_locator(fetcher, subset, NULL));
    g_assert_false(fetcher->check_locator(fetcher, other, &error));
    g_assert_nonnull(strstr(error->message, "subset"));
    external_stop_all();
}

static void test_which_programs(void)
{
    static const struct {
        const char *name, *path, *words;
    } cases[] = {
        {"ex", "medmirror-fetch-ex", "absolute path"},
        {"ex", "./medmirror-fetch-ex", "absolute path"},
        {"ex", "/usr/bin/true", "must be called medmirror-fetch-ex"},
        {"Ex", "/usr/bin/medmirror-fetch-Ex", "cannot be the name of a source"},
        {"local", "/usr/bin/medmirror-fetch-local", "cannot be the name of a source"},
        {"a/b", "/usr/bin/medmirror-fetch-a/b", "cannot be the name of a source"},
        {"http", "/usr/bin/medmirror-fetch-http", "a source named \"http\" already"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(external_register(cases[i].name, cases[i].path, 0, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
        if (!strstr(error->message, cases[i].words))
            g_error("%s", error->message);
    }
}

static void assert_refused(const char *path, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *found = external_program_check(path, &error);
    g_assert_null(found);
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    if (!strstr(error->message, words))
        g_error("%s", error->message);
}

static void test_who_may_write(void)
{
    g_autofree char *folder = g_build_filename(top, "programs", NULL);
    g_autofree char *path = g_build_filename(folder, "medmirror-fetch-x", NULL);
    g_autofree char *link = g_build_filename(top, "medmirror-fetch-x", NULL);
    g_assert_cmpint(mkdir(folder, 0755), ==, 0);
    assert_refused(path, "No such file");
    write_program(path, "#!/bin/sh\n");
    g_autofree char *good = external_program_check(path, NULL);
    g_assert_cmpstr(good, ==, path);
    g_assert_cmpint(symlink(path, link), ==, 0);
    g_autofree char *followed = external_program_check(link, NULL);
    g_assert_cmpstr(followed, ==, path);
    chmod(path, 0775);
    assert_refused(path, "can be written by others");
    chmod(path, 0757);
    assert_refused(link, "chmod go-w");
    chmod(path, 0644);
    assert_refused(path, "chmod u+x");
    chmod(path, 0755);
    chmod(folder, 0777);
    assert_refused(path, "can be written by others");
    chmod(folder, 01777);
    g_autofree char *sticky = external_program_check(path, NULL);
    g_assert_nonnull(sticky);
    chmod(folder, 0755);
    assert_refused(folder, "no regular file");
    if (geteuid() == 0) {
        g_assert_cmpint(chown(path, 12345, 12345), ==, 0);
        assert_refused(path, "belongs to another user");
    }
}

typedef struct {
    const Fetcher *fetcher;
    guint listed;
} Racer;

static void *race(void *data)
{
    Racer *racer = data;
    for (guint i = 0; i < 20; i++) {
        g_autoptr(FakeHost) host = fake_host_new();
        g_auto(FakeTaker) taker;
        fake_taker_init(&taker);
        racer->listed += resolve(racer->fetcher, host, &taker, NULL) == RESOLVE_LISTED;
        json_auto_t *locator = json_pack("{s:s}", "name", "heart");
        g_autofree char *words =
            racer->fetcher->describe_access(racer->fetcher, locator, NULL, 403);
        g_assert_nonnull(words);
    }
    return NULL;
}

/* Several threads ask one process. */
static void test_threads(void)
{
    const Fetcher *fetcher = make_fetcher(
        HELLO(""), "n=0; while read -r request; do n=$((n+1)); echo \"{\\\"id\\\":$n,\\\"kind\\\":"
                   "\\\"head\\\"}\"; echo \"{\\\"id\\\":$n,\\\"kind\\\":\\\"done\\\"}\"; done");
    Racer racers[4] = {0};
    pthread_t threads[4];
    for (guint i = 0; i < 4; i++) {
        racers[i].fetcher = fetcher;
        g_assert_cmpint(pthread_create(&threads[i], NULL, race, &racers[i]), ==, 0);
    }
    for (guint i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        g_assert_cmpuint(racers[i].listed, ==, 20);
    }
    external_stop_all();
}

/* Nothing of a process is left, and none of a child that it made. */
static void test_end(void)
{
    g_autofree char *pids = g_build_filename(top, "pids", NULL);
    g_autofree char *body = g_strdup_printf(
        "sleep 60 & echo $! $$ > %s; read request; " HEAD DONE "trap '' TERM; sleep 60", pids);
    const Fetcher *fetcher = make_fetcher(HELLO(""), body);
    g_autoptr(FakeHost) host = fake_host_new();
    g_auto(FakeTaker) taker;
    fake_taker_init(&taker);
    g_assert_cmpint(resolve(fetcher, host, &taker, NULL), ==, RESOLVE_LISTED);
    external_stop_all();
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(pids, &text, NULL, NULL));
    g_auto(GStrv) numbers = g_strsplit(g_strstrip(text), " ", -1);
    for (guint i = 0; i < 2; i++) {
        pid_t pid = (pid_t)g_ascii_strtoll(numbers[i], NULL, 10);
        gboolean is_gone = FALSE;
        for (guint k = 0; k < 500 && !is_gone; k++) {
            g_autofree char *file = g_strdup_printf("/proc/%d/stat", (int)pid);
            g_autofree char *state = NULL;
            is_gone = !g_file_get_contents(file, &state, NULL, NULL) || strstr(state, ") Z ");
            if (!is_gone)
                g_usleep(10000);
        }
        g_assert_true(is_gone);
    }
}

int main(int argc, char **argv)
{
    top = own_folders_begin();
    g_test_init(&argc, &argv, NULL);
    logged = g_string_new(NULL);
    event_log_set_writer(write_log, NULL);
    g_test_add_func("/external/misbehaviour", test_misbehaviour);
    g_test_add_func("/external/unsafe-path", test_unsafe_path);
    g_test_add_func("/external/restart", test_restart);
    g_test_add_func("/external/other-hello-later", test_other_hello_later);
    g_test_add_func("/external/own-error", test_own_error);
    g_test_add_func("/external/listing", test_listing);
    g_test_add_func("/external/unchanged", test_unchanged);
    g_test_add_func("/external/sent-elsewhere", test_sent_elsewhere);
    g_test_add_func("/external/documents", test_documents);
    g_test_add_func("/external/credential", test_credential);
    g_test_add_func("/external/login", test_login);
    g_test_add_func("/external/surroundings", test_surroundings);
    g_test_add_func("/external/log-is-redacted", test_log_is_redacted);
    g_test_add_func("/external/interrupted", test_interrupted);
    g_test_add_func("/external/versions", test_versions);
    g_test_add_func("/external/prepare", test_prepare);
    g_test_add_func("/external/prepare-of-the-dead", test_prepare_of_the_dead);
    g_test_add_func("/external/refresh", test_refresh);
    g_test_add_func("/external/rules", test_rules);
    g_test_add_func("/external/names", test_names);
    g_test_add_func("/external/which-programs", test_which_programs);
    g_test_add_func("/external/who-may-write", test_who_may_write);
    g_test_add_func("/external/threads", test_threads);
    g_test_add_func("/external/end", test_end);
    int status = g_test_run();
    event_log_set_writer(NULL, NULL);
    g_string_free(logged, TRUE);
    return own_folders_end(top, status);
}
