#include "job_member.h"

#include "error.h"
#include "i18n.h"
#include "member_file.h"
#include "remote_zip.h"
#include "unpack_run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_FOLDERS 100

typedef struct {
    HostServices *services;
    const Reference *reference;
    const FileSpec *archive;
    const LockFile *wanted;
    int tree_fd;
    guint mode;
    char *folder; /* in which is unpacked, below TREE_FD */
    int folder_fd;
    gboolean stored;
} MemberFetch;

static void member_fetch_clear(MemberFetch *fetch)
{
    if (fetch->folder_fd >= 0) {
        close(fetch->folder_fd);
    }
    if (fetch->folder) {
        (void)tree_remove_all(fetch->tree_fd, fetch->folder, NULL);
    }
    g_free(fetch->folder);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MemberFetch, member_fetch_clear)

/* Another archive's members would need what this one's end does not tell. */
static gboolean check_rule(const FileSpec *archive, const LockFile *wanted, GError **error)
{
    const UnpackRule *rule = archive->unpack;
    const char *wrong = NULL;
    if (!rule || rule->container != ARCHIVE_ZIP || (rule->volumes && rule->volumes->len > 0)) {
        wrong = _("its archive is no plain zip");
    } else if (rule->series) {
        wrong = _("its archive is made anew for each request");
    } else if (wanted->link_target) {
        wrong = _("it is a symbolic link");
    } else if (!digest_set_get(&wanted->digests, DIGEST_SHA256)) {
        wrong = _("its digest is not known");
    } else if (archive->addresses->len == 0) {
        wrong = _("its archive has no address");
    }
    if (wrong) {
        /* TRANSLATORS: a path, and a clause such as "it is a symbolic link". */
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("%s cannot be fetched by itself: %s."), wanted->path, wrong);
    }
    return wrong == NULL;
}

/* The entry that has to be decoded for WANTED: the member itself, or the archive that it lies in.
 */
static gboolean is_wanted(const ZipEntry *entry, gpointer data)
{
    const MemberFetch *fetch = data;
    const UnpackRule *rule = fetch->archive->unpack;
    const UnpackPlace place = {.rule = rule, .archive = fetch->archive->path};
    const UnpackMessage message = {.kind = UNPACK_MESSAGE_ENTRY,
                                   .type = S_ISLNK(entry->mode) ? UNPACK_SYMLINK : UNPACK_FILE,
                                   .size = entry->size,
                                   .name = (const char *)entry->name,
                                   .name_length = entry->name_length};
    g_auto(MemberDecision) decision = {0};
    if (entry->is_folder || message.type != UNPACK_FILE ||
        !unpack_decide(&place, &message, &decision, NULL)) {
        return FALSE;
    }
    if (!unpack_nested_rule(rule, decision.member)) {
        return g_str_equal(decision.path, fetch->wanted->path);
    }
    const gsize length = strlen(decision.member);
    const char *inner = fetch->wanted->member;
    return inner && strncmp(inner, decision.member, length) == 0 && inner[length] == '/';
}

static gboolean make_folder(MemberFetch *fetch, GError **error)
{
    for (int i = 0; i < MOST_FOLDERS && !fetch->folder; i++) {
        g_autofree char *name = g_strdup_printf(".member-%d-%d", (int)getpid(), i);
        if (mkdirat(fetch->tree_fd, name, 0700) == 0) {
            fetch->folder = g_steal_pointer(&name);
        } else if (errno != EEXIST) {
            break;
        }
    }
    if (!fetch->folder) {
        return error_set_storage(error, errno, _("cannot make a folder for a member"));
    }
    fetch->folder_fd =
        openat(fetch->tree_fd, fetch->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fetch->folder_fd >= 0 ||
           error_set_storage(error, errno, _("cannot open a folder for a member"));
}

static gboolean takes(const char *path, gpointer data)
{
    const MemberFetch *fetch = data;
    return g_str_equal(path, fetch->wanted->path);
}

static gboolean take_member(const LockFile *member, gboolean chosen, gpointer data, GError **error)
{
    MemberFetch *fetch = data;
    if (!chosen || !g_str_equal(member->path, fetch->wanted->path)) {
        return TRUE;
    }
    WantedBytes wanted = WANTED_BYTES_NONE;
    wanted.locked = fetch->wanted->digests;
    wanted.locked_size = fetch->wanted->size;
    const SeenBytes seen = {.digests = member->digests, .size = member->size};
    const Verdict verdict = verdict_of(&wanted, &seen);
    fetch->stored =
        !member->link_target && verdict.kind == VERDICT_VERIFIED && verdict.trust == TRUST_LOCKED;
    if (!fetch->stored) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("The member for %s is another now than the lock says."), fetch->wanted->path);
    }
    return fetch->stored;
}

static gboolean is_cancelled(gpointer data)
{
    HostServices *services = ((MemberFetch *)data)->services;
    return services->cancelled && services->cancelled(services);
}

static gboolean decode(MemberFetch *fetch, int zip_fd, GError **error)
{
    g_autoptr(TreeWriter) tree = tree_writer_new(fetch->folder_fd, fetch->mode);
    const UnpackSpec spec = {
        .rule = fetch->archive->unpack,
        .name = fetch->archive->path,
        .fd = zip_fd,
        .tree = tree,
        .tree_fd = fetch->folder_fd,
        .taker = {.takes = takes, .member = take_member, .data = fetch},
    };
    g_autoptr(UnpackRun) run = unpack_run_new(&spec, -1, is_cancelled, fetch, error);
    if (!run || !unpack_run_all(run, error)) {
        return FALSE;
    }
    if (!fetch->stored) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s is not where the lock says, in \"%s\" of %s."), fetch->wanted->path,
                    fetch->wanted->member ? fetch->wanted->member : fetch->wanted->path,
                    fetch->archive->path);
    }
    return fetch->stored;
}

static gboolean put_in_place(const MemberFetch *fetch, GError **error)
{
    const char *path = fetch->wanted->path;
    g_autoptr(TreeWriter) tree = tree_writer_new(fetch->tree_fd, fetch->mode);
    if (!tree_writer_make_parents(tree, path, error)) {
        return FALSE;
    }
    return renameat(fetch->folder_fd, path, fetch->tree_fd, path) == 0 ||
           error_set_storage(error, errno, _("%s cannot be put in its place"), path);
}

static gboolean fetch_from(MemberFetch *fetch, const char *address, GError **error)
{
    const RemotePlace place = {.services = fetch->services,
                               .fetcher = fetch->reference ? fetch->reference->fetcher : NULL,
                               .locator = fetch->reference ? fetch->reference->locator : NULL,
                               .file = fetch->archive,
                               .address = address};
    g_autoptr(RemoteZip) zip = remote_zip_open(&place, error);
    if (!zip) {
        return FALSE;
    }
    const int zip_fd = scratch_file_new(fetch->tree_fd, error);
    if (zip_fd < 0) {
        return FALSE;
    }
    gboolean done = FALSE;
    switch (remote_zip_extract(zip, is_wanted, fetch, zip_fd, error)) {
    case REMOTE_ZIP_EXTRACTED:
        done = decode(fetch, zip_fd, error) && put_in_place(fetch, error);
        break;
    case REMOTE_ZIP_NOT_THERE:
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s is not in %s any more, as its directory says."), fetch->wanted->path,
                    fetch->archive->path);
        break;
    case REMOTE_ZIP_FAILED:
        break;
    }
    close(zip_fd);
    return done;
}

static gboolean ends_all(const GError *error)
{
    return g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE) ||
           g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_INTERRUPTED) ||
           g_error_matches(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_TERMINATED);
}

gboolean member_fetch(HostServices *services, const Reference *reference, const FileSpec *archive,
                      const LockFile *wanted, int tree_fd, guint mode, GError **error)
{
    if (!check_rule(archive, wanted, error)) {
        return FALSE;
    }
    g_autoptr(GError) first = NULL;
    for (guint i = 0; i < archive->addresses->len; i++) {
        g_auto(MemberFetch) fetch = {.services = services,
                                     .reference = reference,
                                     .archive = archive,
                                     .wanted = wanted,
                                     .tree_fd = tree_fd,
                                     .mode = mode,
                                     .folder_fd = -1};
        g_autoptr(GError) failed = NULL;
        if (make_folder(&fetch, &failed) &&
            fetch_from(&fetch, g_ptr_array_index(archive->addresses, i), &failed)) {
            return TRUE;
        }
        if (ends_all(failed)) {
            g_propagate_error(error, g_steal_pointer(&failed));
            return FALSE;
        }
        if (!first) {
            first = g_steal_pointer(&failed);
        }
    }
    g_propagate_error(error, g_steal_pointer(&first));
    return FALSE;
}
