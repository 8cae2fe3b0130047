#include "room.h"

#include "error.h"
#include "i18n.h"
#include "size_text.h"
#include "stage.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

void room_clear(Room *room)
{
    g_clear_pointer(&room->limited_by, g_free);
    g_clear_pointer(&room->files_limited_by, g_free);
}

gboolean file_system_is_network(int fd)
{
    /* statfs(2), linux/magic.h: NFS, SMB, SMB2, CIFS, Lustre, Ceph, FUSE, AFS, 9P, GPFS, BeeGFS,
     * Coda. */
    static const unsigned long magics[] = {0x6969,     0x517b,     0xfe534d42, 0xff534d42,
                                           0x0bd00bd0, 0x00c36400, 0x65735546, 0x5346414f,
                                           0x01021997, 0x47504653, 0x19830326, 0x73757245};
    struct statfs system;
    if (fstatfs(fd, &system) != 0) {
        return FALSE;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(magics); i++) {
        if ((unsigned long)system.f_type == magics[i]) {
            return TRUE;
        }
    }
    return FALSE;
}

static void take_bytes(Room *room, guint64 bytes, char *limit)
{
    if (bytes < room->bytes || !room->limited_by) {
        room->bytes = bytes;
        g_free(room->limited_by);
        room->limited_by = limit;
    } else {
        g_free(limit);
    }
}

static void take_files(Room *room, guint64 files, char *limit)
{
    if (files < room->files || !room->files_limited_by) {
        room->files = files;
        g_free(room->files_limited_by);
        room->files_limited_by = limit;
    } else {
        g_free(limit);
    }
}

static gboolean take_free_space(Mirror *mirror, guint64 reserve, Room *room, GError **error)
{
    struct statvfs system;
    if (fstatvfs(mirror_fd(mirror), &system) != 0) {
        return error_set_storage(error, errno, _("The free space of %s cannot be told"),
                                 mirror_path(mirror));
    }
    guint64 bytes = (guint64)system.f_bavail * system.f_frsize;
    /* Of a small disk a fixed reserve would take all. */
    guint64 kept = MIN(reserve, (guint64)system.f_blocks * system.f_frsize / 20);
    take_bytes(room, bytes > kept ? bytes - kept : 0,
               g_strdup_printf(_("free space of the disk that holds %s"), mirror_path(mirror)));
    /* File systems that make inodes as they need them (btrfs, some network ones) tell none. */
    if (system.f_files) {
        take_files(
            room, system.f_favail,
            g_strdup_printf(_("free inodes of the disk that holds %s"), mirror_path(mirror)));
    }
    return TRUE;
}

/* The block device that the mirror lies on, as quotactl(2) wants it. */
static char *find_device(Mirror *mirror)
{
    struct stat here;
    FILE *mounts =
        fstat(mirror_fd(mirror), &here) == 0 ? setmntent("/proc/self/mounts", "re") : NULL;
    struct mntent entry;
    char buffer[8192];
    char *device = NULL;
    while (mounts && !device && getmntent_r(mounts, &entry, buffer, sizeof buffer)) {
        struct stat of_device;
        if (entry.mnt_fsname[0] == '/' && stat(entry.mnt_fsname, &of_device) == 0 &&
            S_ISBLK(of_device.st_mode) && of_device.st_rdev == here.st_dev) {
            device = g_strdup(entry.mnt_fsname);
        }
    }
    if (mounts) {
        endmntent(mounts);
    }
    return device;
}

/* QCMD() of the system's header, which shifts into the sign of an int. */
static int get_quota(guint kind)
{
    return (int)((guint)Q_GETQUOTA << SUBCMDSHIFT | kind);
}

/* quotactl(2): block limits are in units of 1,024 bytes. Where it says nothing (no quota, no right
 * to ask), nothing is limited. */
static void take_quota(Mirror *mirror, Room *room)
{
    g_autofree char *device = find_device(mirror);
    const struct {
        int command;
        int id;
        const char *words;
    } kinds[] = {{get_quota(USRQUOTA), (int)geteuid(), N_("your quota on %s")},
                 {get_quota(GRPQUOTA), (int)getegid(), N_("your group's quota on %s")}};
    for (gsize i = 0; device && i < G_N_ELEMENTS(kinds); i++) {
        struct dqblk quota = {0};
        if (quotactl(kinds[i].command, device, kinds[i].id, (caddr_t)&quota) != 0) {
            continue;
        }
        guint64 most = quota.dqb_bhardlimit ? quota.dqb_bhardlimit : quota.dqb_bsoftlimit;
        guint64 limit = most * 1024;
        const char *format = _(kinds[i].words);
        g_auto(GStrv) parts = g_strsplit(format, "%s", 2);
        g_autofree char *words = g_strjoinv(device, parts);
        if (limit) {
            take_bytes(room, limit > quota.dqb_curspace ? limit - quota.dqb_curspace : 0,
                       g_strdup(words));
        }
        guint64 inodes = quota.dqb_ihardlimit ? quota.dqb_ihardlimit : quota.dqb_isoftlimit;
        if (inodes) {
            take_files(room, inodes > quota.dqb_curinodes ? inodes - quota.dqb_curinodes : 0,
                       g_strdup(words));
        }
    }
}

/* Of the configuration's limits and the mirror's own the narrower ones count. */
static gboolean take_configuration(Mirror *mirror, const RoomLimits *of_config, Room *room,
                                   GError **error)
{
    const MirrorPolicy *policy = mirror_policy(mirror);
    const RoomLimits narrow = {.max_size = MIN(of_config->max_size, policy->max_size),
                               .max_files = MIN(of_config->max_files, policy->max_files)};
    const RoomLimits *limits = &narrow;
    if (limits->max_size == SIZE_UNKNOWN && limits->max_files == SIZE_UNKNOWN) {
        return TRUE;
    }
    g_autoptr(GPtrArray) headers = mirror_list(mirror, error);
    if (!headers) {
        return FALSE;
    }
    guint64 bytes = 0, files = 0, partial = 0, stage = 0, evidence = 0;
    for (guint i = 0; i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        /* What is in place takes none of the mirror's room. */
        bytes += header->in_place ? 0 : header->held_bytes;
        files += header->in_place ? 0 : header->held_files;
    }
    stage_space(mirror, &partial, &stage, &evidence);
    bytes += partial + stage + evidence;
    if (limits->max_size != SIZE_UNKNOWN) {
        take_bytes(room, limits->max_size > bytes ? limits->max_size - bytes : 0,
                   g_strdup_printf(_("max-size of %s"), mirror_path(mirror)));
    }
    if (limits->max_files != SIZE_UNKNOWN) {
        take_files(room, limits->max_files > files ? limits->max_files - files : 0,
                   g_strdup_printf(_("max-files of %s"), mirror_path(mirror)));
    }
    return TRUE;
}

gboolean room_measure(Mirror *mirror, const RoomLimits *limits, Room *room, GError **error)
{
    room_clear(room);
    room->bytes = SIZE_UNKNOWN;
    room->files = SIZE_UNKNOWN;
    if (!take_free_space(mirror, limits->reserve, room, error)) {
        return FALSE;
    }
    take_quota(mirror, room);
    return take_configuration(mirror, limits, room, error);
}

static gboolean is_unknown(PlanFigure figure)
{
    return figure.at_least && figure.bytes == 0;
}

static char *describe_bytes(PlanFigure figure)
{
    g_autofree char *size = size_text(figure.bytes);
    return is_unknown(figure) ? g_strdup(_("not known"))
           : figure.at_least  ? g_strdup_printf(_("at least %s"), size)
                              : g_steal_pointer(&size);
}

static void describe_files(const Plan *plan, GString *text)
{
    g_autofree char *have = size_text(plan->have_bytes);
    g_string_append(text, _("  files        "));
    if (is_unknown(plan->files)) {
        g_string_append(text, _("those in the archives"));
    } else {
        g_string_append_printf(text,
                               plan->files.at_least
                                   ? _("%" G_GUINT64_FORMAT " new, and those in the archives")
                                   : _("%" G_GUINT64_FORMAT " new"),
                               plan->files.bytes);
    }
    if (plan->have_files) {
        g_string_append_printf(text, _("; %" G_GUINT64_FORMAT " here (%s)"), plan->have_files,
                               have);
    } else {
        g_string_append(text, _("; none here yet"));
    }
    if (plan->resume_bytes) {
        g_autofree char *resumed = size_text(plan->resume_bytes);
        g_string_append_printf(text, _("; %s of them received before"), resumed);
    }
}

char *plan_describe(const Plan *plan, const Room *room)
{
    g_autofree char *fetch = describe_bytes(plan->fetch);
    g_autofree char *on_disk = describe_bytes(plan->on_disk);
    g_autofree char *peak = describe_bytes(plan->peak);
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_append_printf(text,
                           is_unknown(plan->fetch)
                               ? _("  to fetch     %s: the source tells no sizes beforehand\n")
                               : _("  to fetch     %s\n"),
                           fetch);
    g_string_append_printf(text,
                           is_unknown(plan->on_disk)
                               ? _("  on disk      %s: free space is watched meanwhile\n")
                               : _("  on disk      %s afterwards; new space at the peak: %s\n"),
                           on_disk, peak);
    describe_files(plan, text);
    if (room) {
        g_autofree char *free = size_text(room->bytes);
        g_string_append_printf(text, _("\n  room         %s (%s)"), free, room->limited_by);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

gboolean plan_fits(const Plan *plan, const Room *room, GError **error)
{
    gboolean bytes_fit = plan->peak.bytes <= room->bytes;
    gboolean files_fit = plan->files.bytes <= room->files;
    if (bytes_fit && files_fit) {
        return TRUE;
    }
    if (bytes_fit) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                    _("It does not fit: %" G_GUINT64_FORMAT
                      " new files, and room for %" G_GUINT64_FORMAT " (%s)."),
                    plan->files.bytes, room->files, room->files_limited_by);
    } else {
        g_autofree char *peak = describe_bytes(plan->peak);
        g_autofree char *free = size_text(room->bytes);
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_STORAGE,
                    _("It does not fit: %s of new space at the peak, and room for %s (%s)."), peak,
                    free, room->limited_by);
    }
    return FALSE;
}
