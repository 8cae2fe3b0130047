/* What the dataset's files are, and who says so. */
#include "checksum_list.h"
#include "error.h"
#include "i18n.h"
#include "job_adopt_internal.h"
#include "relpath.h"
#include "source_facts.h"
#include "verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* For people: which list. */
static const char *given_name(const Adopt *adopt)
{
    return adopt->request->checksums;
}

GHashTable *adopt_recorded_members(const Adopt *adopt)
{
    const Manifest *manifest = adopt->reference->manifest;
    GHashTable *members = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; manifest && manifest->files && i < manifest->files->len; i++) {
        ManifestFile *file = g_ptr_array_index(manifest->files, i);
        if (file->member_of) {
            g_hash_table_insert(members, file->path, file);
        }
    }
    return members;
}

typedef struct {
    Adopt *adopt;
    GHashTable *members;
    gsize root_length;
    gint64 newest; /* of a copy that was not finished: when its last file was written, in s; 0: it
                      does not matter */
    guint64 added;
} Listing;

/* Files are unpacked one behind the other: what was written this long before the last of them, in
 * s, was whole before that. */
#define WRITTEN_LAST 2

/* What the manifest records of PATH, be it a download or unpacked from one. */
static void add_recorded(const Listing *listing, FileSpec *spec)
{
    const Manifest *manifest = listing->adopt->reference->manifest;
    const ManifestFile *recorded = manifest ? manifest_find_file(manifest, spec->path, NULL) : NULL;
    if (!recorded) {
        recorded = g_hash_table_lookup(listing->members, spec->path);
    }
    if (recorded && recorded->member_of) {
        spec->declared = recorded->digests;
        if (recorded->size != SIZE_UNKNOWN) {
            spec->size = recorded->size;
            spec->size_is_rounded = FALSE;
            spec->size_is_exact = TRUE;
        }
    } else if (recorded) {
        file_spec_add_recorded(spec, recorded);
    }
}

static FileSpec *spec_of(const Listing *listing, const char *path, guint64 size)
{
    FileSpec *spec = file_spec_new(path);
    g_autofree char *name = g_path_get_basename(path);
    spec->size = size;
    spec->size_is_rounded = TRUE; /* for the plan alone: nobody but the file itself says so */
    if (checksum_list_is_name(name)) {
        spec->role = FILE_ROLE_CHECKSUMS;
    }
    add_recorded(listing, spec);
    return spec;
}

static gboolean on_tree_file(const char *path, guint64 size, gboolean is_link, gpointer data,
                             GError **error)
{
    Listing *listing = data;
    const Adopt *adopt = listing->adopt;
    struct stat now;
    if (job_is_cancelled(adopt->job)) {
        return FALSE;
    }
    if (listing->root_length && (strncmp(path, adopt->files.root, listing->root_length) != 0 ||
                                 path[listing->root_length] != '/')) {
        return TRUE;
    }
    if (local_files_stat(&adopt->files, path, &now) != LOCAL_THERE ||
        (adopt->hub && !kagglehub_copy_has(adopt->hub, path)) ||
        (listing->newest && now.st_mtime + WRITTEN_LAST >= listing->newest)) {
        return TRUE;
    }
    listing->added++;
    g_autoptr(FileSpec) spec = spec_of(
        listing, path + listing->root_length + (listing->root_length > 0), (guint64)now.st_size);
    return spool_add(adopt->pull.spool, spec, error);
}

static gboolean refuse_unsafe(const Adopt *adopt, GError **error)
{
    const Survey *survey = adopt->survey;
    if (survey->refused == 0) {
        return TRUE;
    }
    g_autoptr(GString) names = g_string_new(NULL);
    for (guint i = 0; i < survey->refused_named->len; i++) {
        g_string_append_printf(names, "\n  %s",
                               (const char *)g_ptr_array_index(survey->refused_named, i));
    }
    if (survey->refused > survey->refused_named->len) {
        g_string_append_printf(names, _("\n  and %" G_GUINT64_FORMAT " more"),
                               survey->refused - survey->refused_named->len);
    }
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE,
                _("%s is refused, and nothing was taken. Nobody tells which files %s must have, so "
                  "that all of it would be; but not these:%s\nMove them away, then type: %s"),
                adopt->files.folder, adopt->reference->ref, names->str, adopt->request->command);
    return FALSE;
}

/* An archive by itself is the dataset: it is unpacked as a pull would. */
static gboolean list_one_file(const Listing *listing, GError **error)
{
    const Adopt *adopt = listing->adopt;
    const Manifest *manifest = adopt->reference->manifest;
    struct stat now;
    if (local_files_stat(&adopt->files, adopt->files.only_name, &now) != LOCAL_THERE) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED, _("%s is not there any more."),
                    adopt->files.only_name);
        return FALSE;
    }
    g_autoptr(FileSpec) spec = spec_of(listing, adopt->files.only, (guint64)now.st_size);
    if (!spec->unpack) {
        g_autoptr(UnpackRule) rule = manifest && manifest->unpack
                                         ? unpack_rule_copy(manifest->unpack)
                                         : unpack_rule_from_name(adopt->files.only);
        if (rule && rule->container != ARCHIVE_NONE) {
            file_spec_set_unpack(spec, g_steal_pointer(&rule));
        }
    }
    return spool_add(adopt->pull.spool, spec, error);
}

static gboolean on_written(const char *path, guint64 size, gboolean is_link, gpointer data,
                           GError **error)
{
    Listing *listing = data;
    struct stat now;
    if (local_files_stat(&listing->adopt->files, path, &now) == LOCAL_THERE) {
        listing->newest = MAX(listing->newest, now.st_mtime);
    }
    return !job_is_cancelled(listing->adopt->job);
}

/* Where Kaggle's module did not finish, the file that was written last may be cut short. */
static gboolean find_last_written(Listing *listing, GError **error)
{
    const KagglehubCopy *hub = listing->adopt->hub;
    g_autoptr(GError) failure = NULL;
    if (hub && !hub->is_complete && !hub->marks &&
        !tree_walk(listing->adopt->files.fd, on_written, listing, &failure) && failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    return TRUE;
}

/* Of a copy that its maker did not finish, the archive itself is what is missing. */
static gboolean add_unfinished(Adopt *adopt, const Listing *listing, GError **error)
{
    if (!adopt->hub || adopt->hub->is_complete) {
        return TRUE;
    }
    if (listing->added == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s holds no file that is surely whole, and nothing was taken. All of it is "
                      "brought by: medmirror pull %s"),
                    adopt->hub->folder, adopt->reference->ref);
        return FALSE;
    }
    g_autoptr(SpoolDownload) archive = g_steal_pointer(&adopt->archive);
    if (archive) {
        return spool_add(adopt->pull.spool, archive->file, error);
    }
    /* The name that its source would have given it. */
    g_autofree char *slug = g_path_get_basename(adopt->reference->folder);
    g_autofree char *name = g_strconcat(slug, ".zip", NULL);
    g_autoptr(FileSpec) spec = file_spec_new(name);
    spec->role = FILE_ROLE_ARCHIVE;
    file_spec_set_unpack(spec, unpack_rule_from_name(name));
    return spool_add(adopt->pull.spool, spec, error);
}

gboolean adopt_list_tree(Adopt *adopt, GError **error)
{
    g_autoptr(GHashTable) members = adopt_recorded_members(adopt);
    Listing listing = {
        .adopt = adopt, .members = members, .root_length = strlen(adopt->files.root)};
    if (!refuse_unsafe(adopt, error) ||
        !spool_begin_listing(adopt->pull.spool, adopt->request->selection, error)) {
        return FALSE;
    }
    if (adopt->files.only) {
        return list_one_file(&listing, error) && spool_end_listing(adopt->pull.spool, error);
    }
    g_autoptr(GError) failure = NULL;
    if (!find_last_written(&listing, error)) {
        return FALSE;
    }
    if (!tree_walk(adopt->files.fd, on_tree_file, &listing, &failure) && failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (job_is_cancelled(adopt->job)) {
        job_set_cancelled_error(adopt->job, adopt->request->command, error);
        return FALSE;
    }
    return add_unfinished(adopt, &listing, error) && spool_end_listing(adopt->pull.spool, error);
}

/* Each line of the list NAME below FD, whose paths are below FOLDER ("": as they are). */
typedef gboolean (*LineFunc)(Adopt *adopt, const char *path, const Digest *digest, gpointer data,
                             GError **error);

static gboolean each_line(Adopt *adopt, int fd, const char *name, LineFunc func, gpointer data,
                          GError **error)
{
    int list = openat(fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (list < 0) {
        g_set_error(error, MEDMIRROR_ERROR,
                    errno == ENOENT ? MEDMIRROR_ERROR_ABSENT : MEDMIRROR_ERROR_STORAGE,
                    _("The list %s cannot be read: %s. Then type: %s"), name, g_strerror(errno),
                    adopt->request->command);
        return FALSE;
    }
    g_autoptr(ChecksumListReader) reader = checksum_list_reader_new(list, name);
    int got = 1;
    while (got > 0) {
        g_auto(ChecksumLine) line = {0};
        got = checksum_list_reader_next(reader, &line, error);
        if (got > 0 && (!relpath_check(line.path, error) ||
                        !func(adopt, line.path, &line.digest, data, error))) {
            got = -1;
        }
    }
    close(list);
    return got == 0;
}

static gboolean add_listed(Adopt *adopt, const char *path, const Digest *digest, gpointer data,
                           GError **error)
{
    const Listing *listing = data;
    g_autoptr(FileSpec) spec = spec_of(listing, path, SIZE_UNKNOWN);
    return spool_add(adopt->pull.spool, spec, error);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? g_strndup(path, (gsize)(slash - path)) : g_strdup("");
}

static int open_lists(Adopt *adopt, GError **error)
{
    g_free(adopt->list_folder);
    adopt->list_folder = adopt->survey->lists->len
                             ? folder_of(g_ptr_array_index(adopt->survey->lists, 0))
                             : g_strdup("");
    int fd = openat(adopt->files.fd, *adopt->list_folder ? adopt->list_folder : ".",
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        error_set_storage(error, errno, _("%s cannot be read"), adopt->list_folder);
    }
    return fd;
}

/* The lists name the files; they are files of the tree themselves. */
static gboolean list_beside(Adopt *adopt, Listing *listing, GError **error)
{
    int fd = open_lists(adopt, error);
    gboolean done = fd >= 0;
    for (guint i = 0; done && i < adopt->survey->lists->len; i++) {
        g_autofree char *name = g_path_get_basename(g_ptr_array_index(adopt->survey->lists, i));
        g_autoptr(FileSpec) itself = spec_of(listing, name, SIZE_UNKNOWN);
        done = spool_add(adopt->pull.spool, itself, error) &&
               each_line(adopt, fd, name, add_listed, listing, error);
    }
    if (fd >= 0) {
        close(fd);
    }
    return done;
}

static gboolean list_names(Adopt *adopt, AdoptList list, GError **error)
{
    g_autoptr(GHashTable) members = adopt_recorded_members(adopt);
    Listing listing = {.adopt = adopt, .members = members};
    if (!spool_begin_listing(adopt->pull.spool, adopt->request->selection, error)) {
        return FALSE;
    }
    gboolean done = list == ADOPT_LIST_GIVEN
                        ? each_line(adopt, AT_FDCWD, given_name(adopt), add_listed, &listing, error)
                        : list_beside(adopt, &listing, error);
    return done && spool_end_listing(adopt->pull.spool, error);
}

/* A row for PATH; where the list begins further up than the tree, the row without the folders in
 * front. */
static SpoolDownload *find_row(Adopt *adopt, const char *path)
{
    for (const char *at = path; at; at = strchr(at, '/')) {
        at += at != path;
        if (spool_lists(adopt->pull.spool, at)) {
            return spool_find(adopt->pull.spool, at, NULL);
        }
    }
    return NULL;
}

static gboolean add_digest(Adopt *adopt, const char *path, const Digest *digest, gpointer data,
                           GError **error)
{
    guint64 *matched = data;
    g_autoptr(SpoolDownload) row = find_row(adopt, path);
    if (!row) {
        return TRUE;
    }
    (*matched)++;
    WantedBytes wanted;
    spool_wanted_member(adopt->pull.spool, row->id, row->file->path, &wanted);
    digest_set_add(&wanted.declared, digest);
    return spool_expect_member(adopt->pull.spool, row->id, row->file->path, &wanted.declared,
                               SIZE_UNKNOWN, error);
}

/* Is the list itself one whose digest the manifest records? */
static gboolean is_vouched(const Adopt *adopt, int fd, const char *name)
{
    const Manifest *manifest = adopt->reference->manifest;
    const ManifestFile *recorded = manifest ? manifest_find_file(manifest, name, NULL) : NULL;
    int list = recorded ? openat(fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (list < 0) {
        return FALSE;
    }
    guint8 buffer[65536];
    gssize got;
    g_autoptr(DigestStream) stream =
        digest_stream_new(digest_set_algorithms(&recorded->digests), 0);
    while ((got = TEMP_FAILURE_RETRY(read(list, buffer, sizeof buffer))) > 0) {
        digest_stream_update(stream, buffer, (gsize)got);
    }
    close(list);
    DigestSet seen = {0};
    digest_stream_finish(stream, &seen);
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&recorded->digests, &seen, &agree, &differ);
    return agree && !differ;
}

static gboolean add_given(Adopt *adopt, GError **error)
{
    guint64 matched = 0;
    if (!each_line(adopt, AT_FDCWD, given_name(adopt), add_digest, &matched, error)) {
        return FALSE;
    }
    if (matched == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("%s names no file of %s: it is the list of something else. Without it, type: "
                      "medmirror adopt %s %s"),
                    given_name(adopt), adopt->reference->ref, adopt->reference->ref,
                    adopt->request->from);
        return FALSE;
    }
    return TRUE;
}

/* What lies among the files may be of whoever made the folder: it proves as much as a hint does,
 * unless somebody vouches for the list. */
static gboolean add_beside(Adopt *adopt, GError **error)
{
    gboolean done = TRUE, vouched = TRUE;
    int fd = open_lists(adopt, error);
    guint64 matched = 0;
    for (guint i = 0; fd >= 0 && done && i < adopt->survey->lists->len; i++) {
        g_autofree char *name = g_path_get_basename(g_ptr_array_index(adopt->survey->lists, i));
        g_autoptr(GError) failure = NULL;
        vouched = vouched && is_vouched(adopt, fd, name);
        done = each_line(adopt, fd, name, add_digest, &matched, &failure);
        if (!done && adopt->result->list != ADOPT_LIST_BESIDE &&
            g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED)) {
            done = TRUE; /* no list after all, whatever its name */
        } else if (!done) {
            g_propagate_error(error, g_steal_pointer(&failure));
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    adopt->files.list_is_hint = !vouched;
    return fd >= 0 && done;
}

gboolean adopt_add_digests(Adopt *adopt, GError **error)
{
    if (adopt->request->checksums) {
        return add_given(adopt, error);
    }
    return !adopt->survey->lists->len || add_beside(adopt, error);
}

/* The source is asked where it can be; whatever it answers, what is here is looked at. */
static gboolean ask_source(Adopt *adopt, const LockHeader *candidate, gboolean *unchanged,
                           gboolean *asked, GError **error)
{
    g_autoptr(GError) failure = NULL;
    *asked = FALSE;
    if (!adopt->reference->fetcher) {
        return TRUE;
    }
    if (job_settings(adopt->job)->offline) {
        adopt->not_asked = g_strdup(_("--offline forbids to ask the source."));
        return TRUE;
    }
    *asked = pull_resolve(&adopt->pull, candidate, unchanged, &failure);
    if (*asked) {
        return TRUE;
    }
    if (job_is_cancelled(adopt->job) ||
        g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE) ||
        g_error_matches(failure, MEDMIRROR_ERROR, MEDMIRROR_ERROR_UNSAFE)) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    adopt->not_asked = g_strdup(failure->message);
    job_tell(adopt->job, JOB_EVENT_WARNING, "source-not-asked",
             json_pack("{s:s, s:s}", "ref", adopt->reference->ref, "reason", failure->message),
             _("%s: the source does not tell what it must have, so what is known without it has to "
               "do: %s"),
             adopt->reference->ref, failure->message);
    return TRUE;
}

static const LockHeader *find_candidate(const Adopt *adopt)
{
    const GPtrArray *versions = adopt->pull.versions;
    const char *wanted = adopt->reference->version;
    for (guint i = 0; wanted && i < versions->len; i++) {
        const LockHeader *header = g_ptr_array_index(versions, i);
        if (strcmp(header->version, wanted) == 0) {
            return header;
        }
    }
    return !wanted && versions->len ? g_ptr_array_index(versions, 0) : NULL;
}

static VersionQuestion question_of(const Adopt *adopt, const LockHeader *unchanged)
{
    return (VersionQuestion){.reference = adopt->reference,
                             .head = adopt->pull.head,
                             .spool = adopt->pull.spool,
                             .versions = adopt->pull.versions,
                             .unchanged = unchanged};
}

static gboolean take_listed(Adopt *adopt, const LockHeader *unchanged, GError **error)
{
    VersionQuestion question = question_of(adopt, unchanged);
    adopt->result->list = ADOPT_LIST_SOURCE;
    adopt->pull.name = version_name_choose(&question, error);
    if (adopt->pull.name) {
        adopt->pull.standing = adopt->pull.name->standing;
    }
    return adopt->pull.name != NULL;
}

static gboolean looks_for_name(Adopt *adopt, const char *path, const Digest *digest, gpointer data,
                               GError **error)
{
    const char *slash = strrchr(path, '/');
    gboolean *named = data;
    *named = *named || strcmp(slash ? slash + 1 : path, adopt->files.only_name) == 0;
    return TRUE;
}

/* A list may be of an archive, or of what it holds. */
static gboolean list_given(Adopt *adopt, GError **error)
{
    gboolean named = FALSE;
    if (adopt->is_file &&
        !each_line(adopt, AT_FDCWD, given_name(adopt), looks_for_name, &named, error)) {
        return FALSE;
    }
    if (named) {
        adopt->result->list = ADOPT_LIST_NONE;
        return adopt_list_tree(adopt, error);
    }
    adopt->result->list = ADOPT_LIST_GIVEN;
    return list_names(adopt, ADOPT_LIST_GIVEN, error);
}

/* A dataset that no source lists now. */
static gboolean take_unlisted(Adopt *adopt, const LockHeader *candidate, GError **error)
{
    Survey *survey = adopt->survey;
    VersionQuestion question = question_of(adopt, NULL);
    gboolean is_part = candidate && !lock_header_is_whole(candidate);
    const char *wanted = adopt->reference->version ? adopt->reference->version
                         : is_part                 ? candidate->version
                                                   : survey->address_version;
    adopt->pull.name = version_name_unlisted(&question, wanted);
    adopt->pull.standing = adopt->pull.name->standing;
    if (!adopt->pull.head) {
        adopt->pull.head = listing_head_new();
    }
    /* Of a dataset that nobody knows, it is not known either that everybody may have it. */
    adopt->pull.head->is_restricted = !adopt->reference->manifest;
    if (adopt->reference->fetcher && !wanted) {
        job_tell(adopt->job, JOB_EVENT_WARNING, "note",
                 json_pack("{s:s}", "ref", adopt->reference->ref),
                 _("%s: which version this is nobody tells, so it is named by the day. Where it is "
                   "known, type: medmirror adopt %s@VERSION %s"),
                 adopt->reference->ref, adopt->reference->ref, adopt->request->from);
    }
    if (adopt->pull.standing && !lock_header_is_whole(adopt->pull.standing)) {
        adopt->result->list = ADOPT_LIST_LOCK;
        return TRUE;
    }
    if (adopt->request->checksums) {
        return list_given(adopt, error);
    }
    if (survey->lists->len && adopt->reference->fetcher) {
        adopt->result->list = ADOPT_LIST_BESIDE;
        return list_names(adopt, ADOPT_LIST_BESIDE, error);
    }
    adopt->result->list = ADOPT_LIST_NONE;
    if (survey->address_root) {
        g_free(adopt->files.root);
        adopt->files.root = g_strdup(survey->address_root);
    }
    return adopt_list_tree(adopt, error);
}

gboolean adopt_list(Adopt *adopt, GError **error)
{
    const LockHeader *candidate = find_candidate(adopt);
    gboolean unchanged = FALSE, asked = FALSE;
    if (!adopt->reference->version && adopt->survey->address_version) {
        adopt->reference->version = g_strdup(adopt->survey->address_version);
        candidate = find_candidate(adopt);
    }
    if (!ask_source(adopt, candidate, &unchanged, &asked, error)) {
        return FALSE;
    }
    if (asked) {
        return take_listed(adopt, unchanged ? candidate : NULL, error);
    }
    /* The zip of a tree that the source gives file by file: what it is, its contents tell. */
    if (adopt->is_file && adopt->reference->fetcher && adopt->survey->archive &&
        adopt->pull.stage && !adopt->request->checksums &&
        !(candidate && !lock_header_is_whole(candidate))) {
        g_autofree char *name = g_strdup(adopt->files.only_name);
        if (!adopt_unpack(adopt, name, error) ||
            (!adopt->survey->lists->len && !adopt_pack(adopt, error))) {
            return FALSE;
        }
    }
    return take_unlisted(adopt, candidate, error);
}
