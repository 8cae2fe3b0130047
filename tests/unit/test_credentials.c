/* What a person has for each source: where it is looked for, to whom it goes, and where its use
 * ends. */
#include "credential_file.h"
#include "credentials.h"
#include "error.h"
#include "netrc.h"
#include "own_folders.h"
#include "redact.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define SITE "https://physionet.org/files/mimiciii/1.4/x"
#define LOCAL "http://127.0.0.1:8080/files/mimiciii/1.4/x"
#define LAB "https://lab.example:8443/files/mimiciii/1.4/x"

static const char *const variables[] = {
    "MEDMIRROR_PHYSIONET_USER",
    "MEDMIRROR_PHYSIONET_PASSWORD",
    "MEDMIRROR_PHYSIONET_PASSWORD_FILE",
    "MEDMIRROR_PHYSIONET_TOKEN",
    "PHYSIONET_USERNAME",
    "PHYSIONET_PASSWORD",
    "WFDBPASSWORD",
    "NETRC",
};

/* Nothing is set, and no file is there. */
static void forget_all(void)
{
    g_autofree char *path = credential_file_path();
    g_autofree char *netrc = g_build_filename(g_get_home_dir(), ".netrc", NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(variables); i++)
        g_unsetenv(variables[i]);
    g_assert_true(unlink(path) == 0 || errno == ENOENT);
    g_assert_true(unlink(netrc) == 0 || errno == ENOENT);
}

static char *write_home(const char *name, const char *text, mode_t mode)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(g_mkdir_with_parents(g_get_home_dir(), 0700), ==, 0);
    char *path = g_build_filename(g_get_home_dir(), name, NULL);
    g_assert_true(g_file_set_contents(path, text, -1, &error));
    g_assert_cmpint(chmod(path, mode), ==, 0);
    return path;
}

typedef struct {
    const char *text, *host;
    const char *login, *password; /* NULL: none */
} NetrcCase;

static void check_netrc(void)
{
    static const NetrcCase cases[] = {
        {"machine physionet.org login ana password pw", "physionet.org", "ana", "pw"},
        {"machine physionet.org\n\tlogin ana\n\tpassword pw\n", "physionet.org", "ana", "pw"},
        {"machine PhysioNet.org password pw login ana", "physionet.org", "ana", "pw"},
        {"machine a login x password y machine physionet.org login ana password pw",
         "physionet.org", "ana", "pw"},
        {"machine physionet.org login ana account z password pw", "physionet.org", "ana", "pw"},
        {"machine physionet.org login ana password \"p w \\\" \\\\ \\n\"", "physionet.org", "ana",
         "p w \" \\ \n"},
        {"machine physionet.org login ana password #pw", "physionet.org", "ana", "#pw"},
        {"# machine physionet.org login x password y\nmachine physionet.org login ana password pw",
         "physionet.org", "ana", "pw"},
        {"machine physionet.org # a word\n  # another\n login ana password pw", "physionet.org",
         "ana", "pw"},
        {"macdef init\nmachine physionet.org login x password y\n\nmachine physionet.org login ana "
         "password pw",
         "physionet.org", "ana", "pw"},
        {"machine physionet.org login ana password pw machine physionet.org login x password y",
         "physionet.org", "ana", "pw"},
        {"default login x password y", "physionet.org", NULL, NULL},
        {"machine physionet.org login ana default password y", "physionet.org", NULL, NULL},
        {"machine physionet.org login ana", "physionet.org", NULL, NULL},
        {"machine physionet.org password pw", "physionet.org", NULL, NULL},
        {"machine www.physionet.org login ana password pw", "physionet.org", NULL, NULL},
        {"machine physionet.org login ana password \"pw", "physionet.org", "ana", "pw"},
        {"machine", "physionet.org", NULL, NULL},
        {"login password", "physionet.org", NULL, NULL},
        {"", "physionet.org", NULL, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].text);
        g_autoptr(Credential) found = netrc_find(cases[i].text, cases[i].host, "there");
        g_assert_cmpint(found != NULL, ==, cases[i].login != NULL);
        if (found) {
            g_assert_cmpstr(found->user, ==, cases[i].login);
            g_assert_cmpstr(found->secret, ==, cases[i].password);
            g_assert_cmpstr(found->origin, ==, "there");
        }
    }
}

static void check_hosts(void)
{
    static const struct {
        const char *address, *host;
        gboolean may_travel;
    } cases[] = {
        {SITE, "physionet.org", TRUE},
        {"https://www.physionet.org/", "physionet.org", TRUE},
        {"https://PhysioNet.org:443/", "physionet.org", TRUE},
        {"https://physionet.org:8443/", "physionet.org:8443", TRUE},
        {"https://physionet.org.example/", "physionet.org.example", TRUE},
        {"https://physionet-open.s3.amazonaws.com/x", "physionet-open.s3.amazonaws.com", TRUE},
        {LAB, "lab.example:8443", TRUE},
        {"http://physionet.org/x", "physionet.org", FALSE},
        {"http://lab.example/x", "lab.example", FALSE},
        {LOCAL, "physionet.org", TRUE},
        {"http://127.9.9.9/", "physionet.org", TRUE},
        {"http://localhost:1/", "physionet.org", TRUE},
        {"http://[::1]:8080/", "physionet.org", TRUE},
        {"http://127.0.0.1.example/", "127.0.0.1.example", FALSE},
        {"http://128.0.0.1/", "128.0.0.1", FALSE},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].address);
        g_autoptr(GError) error = NULL;
        g_autofree char *host = credentials_host("physionet", cases[i].address);
        g_assert_cmpstr(host, ==, cases[i].host);
        g_assert_cmpint(credentials_may_travel(cases[i].address, &error), ==, cases[i].may_travel);
        if (!cases[i].may_travel)
            g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    }
}

static void store(const char *host, const char *user, const char *password)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Credential) credential = credential_new(CREDENTIAL_PASSWORD, user, password, "typed");
    g_assert_true(credential_file_store("physionet", host, credential, &error));
    g_assert_no_error(error);
}

/* The user that is found for ADDRESS, or NULL. */
static char *user_for(Credentials *credentials, const char *address, char **origin)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Credential) found = credentials_find(credentials, "physionet", address, &error);
    g_assert_no_error(error);
    if (!found)
        return NULL;
    g_autofree char *wanted = g_strconcat("secret of ", found->user, NULL);
    g_assert_cmpstr(found->secret, ==, wanted);
    if (origin)
        *origin = g_strdup(found->origin);
    return g_strdup(found->user);
}

static void check_order(void)
{
    static const char *const order[] = {"run", "stored", "own", "wfdb", "netrc"};
    for (gsize from = 0; from <= G_N_ELEMENTS(order); from++) {
        forget_all();
        if (from <= 0) {
            g_setenv("MEDMIRROR_PHYSIONET_USER", "run", TRUE);
            g_setenv("MEDMIRROR_PHYSIONET_PASSWORD", "secret of run", TRUE);
        }
        if (from <= 1)
            store("physionet.org", "stored", "secret of stored");
        if (from <= 2) {
            g_setenv("PHYSIONET_USERNAME", "own", TRUE);
            g_setenv("PHYSIONET_PASSWORD", "secret of own", TRUE);
        }
        if (from <= 3)
            g_setenv("WFDBPASSWORD",
                     "https://example.org/ x:y\thttps://physionet.org wfdb:secret of wfdb", TRUE);
        if (from <= 4)
            g_free(write_home(".netrc",
                              "machine physionet.org login netrc password \"secret of netrc\"\n",
                              0600));
        const char *expected = from < G_N_ELEMENTS(order) ? order[from] : NULL;
        static const char *const addresses[] = {SITE, LOCAL};
        g_autoptr(Credentials) credentials = credentials_new();
        for (gsize i = 0; i < G_N_ELEMENTS(addresses); i++) {
            g_autofree char *user = user_for(credentials, addresses[i], NULL);
            g_assert_cmpstr(user, ==, expected);
        }
        /* Taken out of the environment, where others could read them. */
        g_assert_cmpstr(g_getenv("MEDMIRROR_PHYSIONET_PASSWORD"), ==, from <= 0 ? "" : NULL);
        g_assert_cmpstr(g_getenv("PHYSIONET_PASSWORD"), ==, from <= 2 ? "" : NULL);
        g_assert_cmpstr(g_getenv("WFDBPASSWORD"), ==, from <= 3 ? "" : NULL);
        if (expected) {
            g_assert_cmpint(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), ==, 0);
            struct rlimit limit;
            g_assert_cmpint(getrlimit(RLIMIT_CORE, &limit), ==, 0);
            g_assert_cmpuint(limit.rlim_cur, ==, 0);
        }
    }
    forget_all();
}

static void check_shown_to_nobody(void)
{
    forget_all();
    store("physionet.org", "ana", "secret of ana");
    g_autoptr(Credentials) credentials = credentials_new();
    g_autofree char *user = user_for(credentials, SITE, NULL);
    g_assert_cmpstr(user, ==, "ana");
    g_autofree char *encoded = g_base64_encode((const guchar *)"ana:secret of ana", 17);
    g_autofree char *text = g_strdup_printf("a secret of ana b %s c secret%%20of%%20ana", encoded);
    g_autofree char *shown = redact_text(text);
    g_assert_cmpstr(shown, ==, "a *** b *** c ***");
}

/* Files that a variable names, as systemd's LoadCredential= makes them. */
static void check_secret_files(void)
{
    forget_all();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = write_home("pn", "secret of ana\r\nsecond line\n", 0400);
    g_setenv("MEDMIRROR_PHYSIONET_USER", "ana", TRUE);
    g_setenv("MEDMIRROR_PHYSIONET_PASSWORD_FILE", path, TRUE);
    g_autoptr(Credentials) credentials = credentials_new();
    g_autofree char *origin = NULL;
    g_autofree char *user = user_for(credentials, SITE, &origin);
    g_assert_cmpstr(user, ==, "ana");
    g_assert_cmpstr(origin, ==, "MEDMIRROR_PHYSIONET_PASSWORD_FILE");

    g_setenv("MEDMIRROR_PHYSIONET_PASSWORD_FILE", "/nonexistent/pn", TRUE);
    g_autoptr(Credentials) without = credentials_new();
    g_assert_null(credentials_find(without, "physionet", SITE, &error));
    g_assert_nonnull(strstr(error->message, "/nonexistent/pn"));
    g_clear_error(&error);
    g_unsetenv("MEDMIRROR_PHYSIONET_PASSWORD_FILE");

    /* Nothing there takes a token. */
    g_setenv("MEDMIRROR_PHYSIONET_TOKEN", "abcdefgh", TRUE);
    g_autoptr(Credentials) token = credentials_new();
    g_assert_null(credentials_find(token, "physionet", SITE, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_assert_nonnull(strstr(error->message, "unset MEDMIRROR_PHYSIONET_TOKEN"));
    g_clear_error(&error);
    g_unsetenv("MEDMIRROR_PHYSIONET_TOKEN");

    /* Half a login is a mistake, and is said. */
    g_autoptr(Credentials) half = credentials_new();
    g_assert_null(credentials_find(half, "physionet", SITE, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_assert_nonnull(strstr(error->message, "MEDMIRROR_PHYSIONET_PASSWORD"));
    forget_all();
}

typedef struct {
    const char *list, *address, *user;
} ListCase;

static void check_lists(void)
{
    static const ListCase cases[] = {
        {"https://physionet.org ana:secret of ana", SITE, "ana"},
        {"https://physionet.org/files/mimiciii ana:secret of ana", SITE, "ana"},
        {"https://physionet.org/files/mimiciii ana:secret of ana", LOCAL, "ana"},
        {"https://physionet.org/files/mitdb ana:secret of ana", SITE, NULL},
        {"https://physionet.org/a x:y\nhttps://physionet.org/ ana:secret of ana", SITE, "ana"},
        {"https://example.org ana:secret of ana", SITE, NULL},
        {"https://lab.example:8443 ana:secret of ana", LAB, "ana"},
        {"https://lab.example ana:secret of ana", LAB, NULL},
        {"https://physionet.org ana", SITE, NULL},
        {"nonsense", SITE, NULL},
        {"@/nonexistent/list", SITE, NULL},
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].list);
        forget_all();
        g_setenv("WFDBPASSWORD", cases[i].list, TRUE);
        g_autoptr(Credentials) credentials = credentials_new();
        g_autofree char *user = user_for(credentials, cases[i].address, NULL);
        g_assert_cmpstr(user, ==, cases[i].user);
    }
    forget_all();
    g_autofree char *path = write_home("list", "https://physionet.org ana:secret of ana\n", 0600);
    g_autofree char *named = g_strconcat("@", path, NULL);
    g_setenv("WFDBPASSWORD", named, TRUE);
    g_autoptr(Credentials) credentials = credentials_new();
    g_autofree char *user = user_for(credentials, SITE, NULL);
    g_assert_cmpstr(user, ==, "ana");
    forget_all();
}

static void check_elsewhere(void)
{
    forget_all();
    g_autoptr(GError) error = NULL;
    g_setenv("PHYSIONET_USERNAME", "own", TRUE);
    g_setenv("PHYSIONET_PASSWORD", "secret of own", TRUE);
    g_autoptr(Credentials) credentials = credentials_new();
    g_assert_null(credentials_find(credentials, "physionet", LAB, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_assert_nonnull(strstr(error->message, "belongs to physionet.org"));
    g_assert_nonnull(strstr(error->message, "medmirror login physionet --endpoint "
                                            "physionet=https://lab.example:8443"));
    g_clear_error(&error);

    /* Its own login, and its alone; never in clear text. */
    store("lab.example:8443", "lab", "secret of lab");
    store("clear.example", "clear", "secret of clear");
    g_autofree char *user = user_for(credentials, LAB, NULL);
    g_autofree char *at_home = user_for(credentials, SITE, NULL);
    g_assert_cmpstr(user, ==, "lab");
    g_assert_cmpstr(at_home, ==, "own");
    g_assert_null(
        credentials_find(credentials, "physionet", "http://clear.example/files/x", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_assert_nonnull(strstr(error->message, "https"));
    g_clear_error(&error);
    g_assert_null(credentials_find(credentials, "physionet", "http://physionet.org/x", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    forget_all();
}

static void check_refused(void)
{
    forget_all();
    g_autoptr(GError) error = NULL;
    g_setenv("PHYSIONET_USERNAME", "own", TRUE);
    g_setenv("PHYSIONET_PASSWORD", "secret of own", TRUE);
    g_free(write_home(".netrc", "machine physionet.org login netrc password pw", 0600));
    g_autoptr(Credentials) credentials = credentials_new();
    g_autofree char *user = user_for(credentials, SITE, NULL);
    g_assert_cmpstr(user, ==, "own");
    credentials_refuse(credentials, "physionet");
    for (guint i = 0; i < 2; i++) { /* nor is another one tried */
        g_assert_null(credentials_find(credentials, "physionet", SITE, &error));
        g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
        g_assert_nonnull(strstr(error->message, "PHYSIONET_PASSWORD"));
        g_assert_nonnull(strstr(error->message, "medmirror login physionet"));
        g_clear_error(&error);
    }
    g_autofree char *run = credentials_mend("physionet", "MEDMIRROR_PHYSIONET_PASSWORD");
    g_assert_nonnull(strstr(run, "that variable"));
    forget_all();
}

static void check_agents(void)
{
    forget_all();
    g_setenv("PHYSIONET_USERNAME", "own", TRUE);
    g_setenv("PHYSIONET_PASSWORD", "secret of own", TRUE);
    g_autoptr(Credentials) credentials = credentials_new();
    g_autofree char *agent = credentials_agent(credentials, "physionet");
    g_assert_cmpstr(agent, ==, "Wget/1.21 (medmirror/" MEDMIRROR_VERSION "; +" MEDMIRROR_HOME ")");
    g_assert_null(credentials_agent(credentials, "uci"));
    credentials_set_agent(credentials, "physionet", "libwfdb/10\r\nX-Evil: 1");
    g_autoptr(Credential) found = credentials_find(credentials, "physionet", SITE, NULL);
    g_assert_cmpstr(found->agent, ==, "libwfdb/10  X-Evil: 1");
    g_autoptr(GPtrArray) lines = credential_headers(found);
    g_assert_cmpuint(lines->len, ==, 2);
    g_assert_cmpstr(lines->pdata[0], ==, "Authorization: Basic b3duOnNlY3JldCBvZiBvd24=");
    g_assert_cmpstr(lines->pdata[1], ==, "User-Agent: libwfdb/10  X-Evil: 1");
    forget_all();
}

static void check_guards(void)
{
    g_autoptr(Credentials) credentials = credentials_new();
    g_assert_null(credentials_guard_of(NULL, SITE));
    g_assert_null(credentials_guard_of(credentials, SITE));
    credentials_guard(credentials, "physionet", "https://physionet.org/files/mimiciii/1.4/");
    credentials_guard(credentials, "physionet", "https://physionet.org/files/mimiciii/1.4/");
    g_assert_cmpstr(credentials_guard_of(credentials, SITE), ==, "physionet");
    g_assert_null(credentials_guard_of(credentials, "https://physionet.org/files/mimiciii/1.40/x"));
    g_assert_null(credentials_guard_of(credentials, LOCAL));
}

static void check_file(void)
{
    forget_all();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = credential_file_path();
    static const char *const passwords[] = {
        "plain", " blanks ", "a=b;#c[d]", "quo\"te", "back\\slash\\n tab\t", "密码 pässword"};
    for (gsize i = 0; i < G_N_ELEMENTS(passwords); i++) {
        store("physionet.org", "ana", passwords[i]);
        g_autoptr(Credential) found = credential_file_find("physionet", "physionet.org", &error);
        g_assert_no_error(error);
        g_assert_cmpstr(found->secret, ==, passwords[i]);
        g_assert_nonnull(strstr(found->origin, path));
    }
    struct stat status;
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_cmpuint(status.st_mode & 07777, ==, 0600);
    g_assert_null(credential_file_find("uci", "physionet.org", &error));
    g_assert_null(credential_file_find("physionet", "lab.example", &error));
    g_assert_no_error(error);

    g_autoptr(Credential) token = credential_new(CREDENTIAL_TOKEN, NULL, "abc", NULL);
    g_assert_true(credential_file_store("kaggle", "www.kaggle.com", token, &error));
    store("lab.example", "lab", "x");
    g_autoptr(GPtrArray) gone = credential_file_remove("physionet", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(gone->len, ==, 2);
    g_assert_null(credential_file_find("physionet", "physionet.org", &error));
    g_autoptr(Credential) stays = credential_file_find("kaggle", "www.kaggle.com", &error);
    g_assert_cmpint(stays->kind, ==, CREDENTIAL_TOKEN);
    g_assert_null(stays->user);
    g_autoptr(GPtrArray) nothing = credential_file_remove("physionet", &error);
    g_assert_cmpuint(nothing->len, ==, 0);
    forget_all();
    g_autoptr(GPtrArray) no_file = credential_file_remove("physionet", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(no_file->len, ==, 0);
}

/* A group of a key file has no brackets in its name, and an IPv6 address has. */
static void check_address_as_host(void)
{
    static const char *const hosts[] = {"[2001:db8::1]", "[2001:db8::1]:8443"};
    g_autoptr(GError) error = NULL;
    forget_all();
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++)
        store(hosts[i], "ana", "the password of it");
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++) {
        g_autoptr(Credential) found = credential_file_find("physionet", hosts[i], &error);
        g_assert_no_error(error);
        g_assert_nonnull(found);
    }
    g_autoptr(GPtrArray) gone = credential_file_remove("physionet", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(gone->len, ==, 2);
    g_assert_true(g_ptr_array_find_with_equal_func(gone, hosts[1], g_str_equal, NULL));
    g_assert_null(credential_file_find("physionet", hosts[0], &error));
    g_assert_no_error(error);
}

/* A login that was killed while it wrote leaves what it wrote, password and all. */
static void check_unfinished_file(void)
{
    g_autoptr(GError) error = NULL;
    forget_all();
    store("physionet.org", "ana", "the password of it");
    g_autofree char *path = credential_file_path();
    g_autofree char *unfinished = g_strconcat(path, ".new", NULL);
    for (guint i = 0; i < 3; i++) { /* stored; nothing stored; no file at all */
        g_assert_true(g_file_set_contents(unfinished, "[physionet.org]\npassword=x", -1, &error));
        g_autoptr(GPtrArray) gone = credential_file_remove("physionet", &error);
        g_assert_no_error(error);
        g_assert_cmpuint(gone->len, ==, i == 0);
        g_assert_false(g_file_test(unfinished, G_FILE_TEST_EXISTS));
        if (i == 1)
            g_assert_cmpint(unlink(path), ==, 0);
    }
}

static void check_open_file(void)
{
    forget_all();
    g_autoptr(GError) error = NULL;
    g_autofree char *path = credential_file_path();
    store("physionet.org", "ana", "secret of ana");
    g_assert_cmpint(chmod(path, 0640), ==, 0);
    g_autoptr(Credentials) credentials = credentials_new();
    g_assert_null(credentials_find(credentials, "physionet", SITE, &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ACCESS);
    g_assert_nonnull(strstr(error->message, "chmod 600"));
    g_assert_nonnull(strstr(error->message, path));
    g_clear_error(&error);

    /* What cannot be read is not quoted: it may be a password. */
    g_assert_true(g_file_set_contents(path, "hunter2 hunter2\n", -1, &error));
    g_assert_cmpint(chmod(path, 0600), ==, 0);
    g_assert_null(credential_file_find("physionet", "physionet.org", &error));
    g_assert_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE);
    g_assert_null(strstr(error->message, "hunter2"));
    forget_all();
}

int main(int argc, char **argv)
{
    char *top = own_folders_begin();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/credentials/netrc", check_netrc);
    g_test_add_func("/credentials/hosts", check_hosts);
    g_test_add_func("/credentials/file", check_file);
    g_test_add_func("/credentials/an address as a host", check_address_as_host);
    g_test_add_func("/credentials/an unfinished file", check_unfinished_file);
    g_test_add_func("/credentials/a file that others can read", check_open_file);
    g_test_add_func("/credentials/order", check_order);
    g_test_add_func("/credentials/shown to nobody", check_shown_to_nobody);
    g_test_add_func("/credentials/files of secrets", check_secret_files);
    g_test_add_func("/credentials/lists", check_lists);
    g_test_add_func("/credentials/elsewhere", check_elsewhere);
    g_test_add_func("/credentials/refused", check_refused);
    g_test_add_func("/credentials/agents", check_agents);
    g_test_add_func("/credentials/guards", check_guards);
    return own_folders_end(top, g_test_run());
}
