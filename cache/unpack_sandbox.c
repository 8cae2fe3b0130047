#include "unpack_sandbox.h"

#include "error.h"
#include "i18n.h"
#include "unpack_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A backstop against a decoder that never ends; no archive takes that long by itself. */
enum {
    PROCESSOR_SECONDS = 48 * 3600
};

static gboolean refused(GError **error, const char *what)
{
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                _("The unpacking process could not be confined (%s: %s), so nothing was unpacked."),
                what, g_strerror(errno));
    return FALSE;
}

static gboolean limit(int resource, guint64 value, const char *what, GError **error)
{
    const struct rlimit limits = {.rlim_cur = value, .rlim_max = value};
    return setrlimit(resource, &limits) == 0 || refused(error, what);
}

#ifndef MEDMIRROR_SANITIZED
/* Bytes of address space that the process takes now. */
static guint64 own_memory(void)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/self/statm", &text, NULL, NULL))
        return 64 * 1024 * 1024;
    return g_ascii_strtoull(text, NULL, 10) * (guint64)sysconf(_SC_PAGESIZE);
}
#endif

static gboolean limit_resources(guint64 memory, guint64 scratch_bytes, GError **error)
{
#ifndef MEDMIRROR_SANITIZED
    /* The sanitizers' shadows take terabytes of address space. */
    const guint64 own = own_memory();
    if (memory < G_MAXINT64 && !limit(RLIMIT_AS, own + memory, "RLIMIT_AS", error))
        return FALSE;
#endif
    return limit(RLIMIT_CORE, 0, "RLIMIT_CORE", error) &&
           limit(RLIMIT_NPROC, 0, "RLIMIT_NPROC", error) &&
           limit(RLIMIT_NOFILE, 0, "RLIMIT_NOFILE", error) &&
           limit(RLIMIT_CPU, PROCESSOR_SECONDS, "RLIMIT_CPU", error) &&
           limit(RLIMIT_FSIZE, scratch_bytes, "RLIMIT_FSIZE", error);
}

/* Fields and rights as of ABI 6 (landlock(7)); kernels take the part they know. */
typedef struct {
    guint64 handled_fs;
    guint64 handled_net;
    guint64 scoped;
} LandlockRules;

/* With rights that are handled and no rule that grants one, nothing can be opened or reached. Older
 * kernels have no Landlock: seccomp alone does it there. */
static gboolean enter_landlock(GError **error)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return TRUE;
    LandlockRules rules = {.handled_fs = (1u << 13) - 1};
    gsize size = sizeof(rules.handled_fs);
    if (abi >= 2)
        rules.handled_fs |= 1u << 13; /* refer */
    if (abi >= 3)
        rules.handled_fs |= 1u << 14; /* truncate */
    if (abi >= 4) {
        rules.handled_net = 3; /* bind, connect */
        size += sizeof(rules.handled_net);
    }
    if (abi >= 5)
        rules.handled_fs |= 1u << 15; /* ioctl of devices */
    if (abi >= 6) {
        rules.scoped = 3; /* abstract sockets, signals */
        size += sizeof(rules.scoped);
    }
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (fd < 0)
        return refused(error, "landlock_create_ruleset");
    long restricted = syscall(SYS_landlock_restrict_self, fd, 0);
    close(fd);
    return restricted == 0 || refused(error, "landlock_restrict_self");
}

static const int allowed[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(lseek),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(getrandom),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
#ifdef MEDMIRROR_SANITIZED
    /* What the sanitizers' runtime asks for, in this place alone. */
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(sched_yield),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(readlink),
    SCMP_SYS(getrlimit),
    SCMP_SYS(prlimit64),
    /* The thread sanitizer's own thread, which may still begin when the filter is loaded. */
    SCMP_SYS(rseq),
    SCMP_SYS(set_robust_list),
#endif
};

static int allow_with(scmp_filter_ctx filter, int call, struct scmp_arg_cmp only)
{
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &only);
}

static int add_rules(scmp_filter_ctx filter)
{
    int failed = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(allowed) && !failed; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    /* Memory that can be run is never asked for by a decoder. */
    const struct scmp_arg_cmp not_run = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    if (!failed)
        failed = allow_with(filter, SCMP_SYS(mmap), not_run);
    if (!failed)
        failed = allow_with(filter, SCMP_SYS(mprotect), not_run);
    if (!failed)
        failed = allow_with(filter, SCMP_SYS(write), SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO));
    if (!failed)
        failed = allow_with(filter, SCMP_SYS(write), SCMP_A0(SCMP_CMP_EQ, UNPACK_FD_RESULT));
    if (!failed)
        failed = allow_with(filter, SCMP_SYS(pwrite64), SCMP_A0(SCMP_CMP_EQ, UNPACK_FD_SCRATCH));
    if (!failed)
        failed = allow_with(filter, SCMP_SYS(pwrite64), SCMP_A0(SCMP_CMP_EQ, UNPACK_FD_SCRATCH_2));
    return failed;
}

static gboolean enter_seccomp(GError **error)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter) {
        errno = ENOMEM;
        return refused(error, "seccomp_init");
    }
    /* The binary tree is faster to walk; old versions of libseccomp have none. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (!failed)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!failed)
        failed = add_rules(filter);
    if (!failed)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    errno = -failed;
    return failed == 0 || refused(error, "seccomp");
}

gboolean unpack_sandbox_enter(guint64 memory, guint64 scratch_bytes, GError **error)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return refused(error, "no_new_privs");
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return enter_landlock(error) && limit_resources(memory, scratch_bytes, error) &&
           enter_seccomp(error);
}

static gboolean probe_tell(int fd, const char *what, gboolean was_refused)
{
    char line[64];
    int length =
        snprintf(line, sizeof(line), "%s: %s\n", what, was_refused ? "refused" : "ALLOWED");
    return TEMP_FAILURE_RETRY(write(fd, line, (gsize)length)) == length && was_refused;
}

/* By the raw calls: a library's wrapper may refuse on its own account. */
gboolean unpack_sandbox_probe(int fd)
{
    char name[] = "probe";
    char *argv[] = {name, NULL};
    gboolean all = TRUE;
    int other = -1;
    all &= probe_tell(fd, "open", syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY) < 0);
    all &= probe_tell(fd, "create",
                      syscall(SYS_openat, AT_FDCWD, "probe", O_CREAT | O_WRONLY, 0600) < 0);
    all &= probe_tell(fd, "mkdir", syscall(SYS_mkdirat, AT_FDCWD, "probe", 0700) < 0);
    all &= probe_tell(fd, "unlink",
                      syscall(SYS_unlinkat, AT_FDCWD, "/etc/probe", 0) < 0 && errno == EPERM);
    all &= probe_tell(fd, "socket", syscall(SYS_socket, AF_INET, SOCK_STREAM, 0) < 0);
    all &= probe_tell(fd, "unix socket", syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) < 0);
    long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(0);
    all &= probe_tell(fd, "fork", child < 0);
    all &= probe_tell(fd, "exec", syscall(SYS_execve, "/bin/true", argv, argv + 1) < 0);
    all &= probe_tell(fd, "kill", syscall(SYS_kill, getppid(), 0) < 0);
    all &= probe_tell(fd, "ptrace", syscall(SYS_ptrace, 0, 0, 0, 0) < 0);
    void *page =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    all &= probe_tell(fd, "memory to be run", page == MAP_FAILED);
    all &= probe_tell(fd, "dup", syscall(SYS_dup, 2) < 0);
    other = (int)syscall(SYS_write, STDIN_FILENO, "x", 1);
    all &= probe_tell(fd, "write elsewhere", other < 0);
    return all;
}
