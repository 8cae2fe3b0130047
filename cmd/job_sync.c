#include "job_sync.h"

#include "error.h"
#include "event_log.h"
#include "holds.h"
#include "i18n.h"
#include "lock_facts.h"
#include "size_text.h"
#include "sync_memory.h"

#include <string.h>

typedef struct {
    Job *job;
    const SyncSpec *spec;
    Mirror *mirror;
    SyncReport *report;
    SyncMemory *memory;
    GError *end; /* what ended the run early */
} Sync;

const char *sync_state_name(SyncState state)
{
    static const char *const names[SYNC_STATES] = {
        [SYNC_UNCHANGED] = "unchanged", [SYNC_UPDATED] = "updated", [SYNC_PLANNED] = "planned",
        [SYNC_WAITS] = "waits",         [SYNC_PERSON] = "person",   [SYNC_GONE] = "gone",
        [SYNC_CHANGED] = "changed",     [SYNC_FAILED] = "failed",   [SYNC_NOT_ASKED] = "not_asked",
        [SYNC_LEFT] = "left",
    };
    return names[state];
}

static void entry_free(SyncEntry *entry)
{
    g_free(entry->ref);
    g_free(entry->folder);
    g_free(entry->text);
    g_free(entry->before);
    g_clear_pointer(&entry->selection, selection_free);
    g_free(entry->version);
    g_free(entry->path);
    g_free(entry->message);
    g_clear_pointer(&entry->planned, pull_planned_free);
    room_clear(&entry->room);
    g_free(entry->hold);
    g_free(entry->since);
    g_free(entry);
}

void sync_report_free(SyncReport *report)
{
    if (report) {
        g_ptr_array_unref(report->entries);
        g_free(report);
    }
}

static void set_message(SyncEntry *entry, const char *text)
{
    g_autofree char *prefix = g_strconcat(entry->ref, ": ", NULL);
    g_free(entry->message);
    entry->message = g_strdup(g_str_has_prefix(text, prefix) ? text + strlen(prefix) : text);
}

/* Nobody can be asked for a newer one of it: that is no error. */
static void not_asked(SyncEntry *entry, const char *why)
{
    entry->state = SYNC_NOT_ASKED;
    entry->exit = 0;
    set_message(entry, why);
}

static SyncEntry *entry_new(Mirror *mirror, const LockHeader *newest)
{
    SyncEntry *entry = g_new0(SyncEntry, 1);
    /* A plain address of the catalogue lies in a folder of its own, by its id. */
    gboolean by_id = newest->id && g_str_has_prefix(newest->folder, "http/");
    entry->ref = g_strdup(newest->ref);
    entry->folder = g_strdup(newest->folder);
    entry->text = g_strdup(by_id ? newest->id : newest->ref);
    entry->before = g_strdup(newest->version);
    entry->version = g_strdup(newest->version);
    entry->path = mirror_version_path(mirror, newest->folder, newest->version);
    entry->selection = selection_copy(newest->selection);
    entry->state = SYNC_LEFT;
    if (newest->in_place) {
        g_autofree char *why =
            g_strdup_printf(_("it stays in place at %s, whoever it belongs to brings newer ones"),
                            newest->in_place);
        not_asked(entry, why);
    } else if (g_str_has_prefix(newest->folder, "other/")) {
        not_asked(entry, _("no program can ask for it; it was taken in by hand (adopt)"));
    } else if (!newest->source_state) {
        g_autofree char *why = g_strdup_printf(
            _("it was taken in by hand (adopt), so what is newer is not known; to ask: medmirror "
              "pull %s"),
            newest->ref);
        not_asked(entry, why);
    }
    return entry;
}

static SyncEntry *find_entry(const Sync *sync, const char *folder)
{
    for (guint i = 0; i < sync->report->entries->len; i++) {
        SyncEntry *entry = g_ptr_array_index(sync->report->entries, i);
        if (strcmp(entry->folder, folder) == 0) {
            return entry;
        }
    }
    return NULL;
}

static gboolean add_whole_mirror(Sync *sync, GError **error)
{
    g_autoptr(GPtrArray) headers = mirror_list(sync->mirror, error);
    const LockHeader *before = NULL;
    for (guint i = 0; headers && i < headers->len; i++) {
        const LockHeader *header = g_ptr_array_index(headers, i);
        if (!before || strcmp(before->folder, header->folder) != 0) {
            g_ptr_array_add(sync->report->entries, entry_new(sync->mirror, header));
        }
        before = header;
    }
    return headers != NULL;
}

static gboolean add_ref(Sync *sync, const char *text, GError **error)
{
    g_autoptr(Reference) reference = reference_parse(text, sync->spec->catalogue, error);
    if (!reference) {
        return FALSE;
    }
    if (!reference_is_complete(reference)) {
        HostServices *services = job_services(sync->job, error);
        if (!services || !reference_ask(reference, sync->spec->catalogue, services, error)) {
            return FALSE;
        }
    }
    if (reference->version) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_USAGE,
                    _("sync brings the newest version, and %s names one. Type: medmirror sync %s, "
                      "or for that version: medmirror pull %s"),
                    text, reference->ref, text);
        return FALSE;
    }
    g_autoptr(GPtrArray) versions = mirror_versions(sync->mirror, reference->folder, error);
    if (!versions) {
        return FALSE;
    }
    if (versions->len == 0) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_ABSENT,
                    _("%s is not in the mirror %s. Bring it with: medmirror pull %s"),
                    reference->ref, mirror_path(sync->mirror), reference->ref);
        return FALSE;
    }
    if (!find_entry(sync, reference->folder)) {
        g_ptr_array_add(sync->report->entries,
                        entry_new(sync->mirror, g_ptr_array_index(versions, 0)));
    }
    return TRUE;
}

static gboolean add_entries(Sync *sync, GError **error)
{
    if (!sync->spec->refs[0]) {
        return add_whole_mirror(sync, error);
    }
    for (guint i = 0; sync->spec->refs[i]; i++) {
        if (!add_ref(sync, sync->spec->refs[i], error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* NULL: nobody can be asked, which is noted. */
static Reference *parse_entry(Sync *sync, SyncEntry *entry)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Reference) reference = reference_parse(entry->text, sync->spec->catalogue, &error);
    if (reference && !reference_can_be_fetched(reference, &error)) {
        g_clear_pointer(&reference, reference_free);
    }
    if (!reference) {
        not_asked(entry, error->message);
        return NULL;
    }
    g_clear_pointer(&reference->version, g_free);
    if (g_strcmp0(reference->folder, entry->folder) != 0) {
        g_autofree char *why = g_strdup_printf(
            _("its name leads to %s now, so what is newer is not known"), reference->folder);
        not_asked(entry, why);
        return NULL;
    }
    return g_steal_pointer(&reference);
}

/* The new version is packed as the one before it was. */
static gboolean make_request(Sync *sync, const SyncEntry *entry, const Reference *reference,
                             PullRequest *request, GError **error)
{
    g_autoptr(LockReader) lock =
        mirror_open_lock(sync->mirror, entry->folder, entry->before, error);
    Packing packing = {0};
    if (!lock || !lock_facts_packing(sync->mirror, lock_reader_header(lock), &packing, error)) {
        return FALSE;
    }
    g_autofree char *name = mirror_version_path(sync->mirror, entry->folder, entry->before);
    g_autofree char *archives = g_strconcat(name, ".archives", NULL);
    gboolean keeps =
        job_settings(sync->job)->config->keep_archives || g_file_test(archives, G_FILE_TEST_IS_DIR);
    gboolean no_unpack = packing.packed && !packing.unpacked;
    *request = (PullRequest){.reference = reference,
                             .selection = entry->selection,
                             .no_unpack = no_unpack,
                             .keep_archives = keeps && !no_unpack,
                             .no_wait = sync->spec->no_wait,
                             .dry_run = sync->spec->dry_run,
                             .require = sync->spec->require,
                             .options = "",
                             .is_sync = TRUE};
    return TRUE;
}

static SyncState state_of_error(const GError *error, const PullResult *result)
{
    int status = error_exit_status(error);
    if (status == 4) {
        return SYNC_PERSON;
    }
    if (status == 7) {
        return result && result->has_changed ? SYNC_CHANGED : SYNC_GONE;
    }
    return status == 8 || (result && result->does_not_fit) ? SYNC_WAITS : SYNC_FAILED;
}

/* A full disk and a signal end the run; anything else ends this dataset alone. */
static void take_error(Sync *sync, SyncEntry *entry, const PullResult *result, const GError *error)
{
    int status = error_exit_status(error);
    entry->state = state_of_error(error, result);
    entry->exit = status;
    set_message(entry, error->message);
    if (status >= 130 || (status == 6 && entry->state == SYNC_FAILED)) {
        entry->state = status >= 130 ? SYNC_LEFT : SYNC_FAILED;
        g_clear_error(&sync->end);
        sync->end = g_error_copy(error);
    }
}

static void note_no_room(SyncEntry *entry)
{
    const Room *room = &entry->room;
    g_autofree char *needs = size_text(entry->plan.peak.bytes);
    g_autofree char *bytes = size_text(room->bytes);
    entry->state = SYNC_WAITS;
    entry->exit = 6;
    g_free(entry->message);
    if (entry->plan.peak.bytes > room->bytes) {
        entry->message = g_strdup_printf(entry->plan.peak.at_least
                                             ? _("needs at least %s, and there is room for %s (%s)")
                                             : _("needs %s, and there is room for %s (%s)"),
                                         needs, bytes, room->limited_by ? room->limited_by : "?");
    } else {
        entry->message =
            g_strdup_printf(_("needs %" G_GUINT64_FORMAT
                              " new files, and there is room for %" G_GUINT64_FORMAT " (%s)"),
                            entry->plan.files.bytes, room->files,
                            room->files_limited_by ? room->files_limited_by : "?");
    }
}

static void take_plan(SyncEntry *entry, PullResult *result)
{
    entry->state = SYNC_PLANNED;
    entry->planned = g_steal_pointer(&result->planned);
    entry->plan = result->plan;
    room_clear(&entry->room);
    entry->room = result->room;
    result->room = (Room){0};
    if (entry->planned->head && entry->planned->head->version) {
        g_free(entry->version);
        entry->version = g_strdup(entry->planned->head->version);
    }
}

static void plan_entry(Sync *sync, SyncEntry *entry)
{
    g_autoptr(Reference) reference = parse_entry(sync, entry);
    if (!reference) {
        return;
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(PullResult) result = NULL;
    PullRequest request;
    if (make_request(sync, entry, reference, &request, &error)) {
        request.plan_only = TRUE;
        job_pull(sync->job, &request, &result, &error);
    }
    if (error) {
        take_error(sync, entry, result, error);
    } else if (result && result->planned) {
        take_plan(entry, result);
        if (sync->spec->dry_run && result->does_not_fit) {
            note_no_room(entry);
        }
    } else {
        entry->state = SYNC_UNCHANGED;
    }
}

static gint compare_peaks(gconstpointer a, gconstpointer b)
{
    const SyncEntry *first = *(const SyncEntry *const *)a;
    const SyncEntry *second = *(const SyncEntry *const *)b;
    /* Nobody knows how large these become: what is sure comes first. */
    if (first->plan.peak.at_least != second->plan.peak.at_least) {
        return first->plan.peak.at_least ? 1 : -1;
    }
    if (first->plan.peak.bytes != second->plan.peak.bytes) {
        return first->plan.peak.bytes < second->plan.peak.bytes ? -1 : 1;
    }
    return strcmp(first->folder, second->folder);
}

static void count_changes(Sync *sync, SyncEntry *entry)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LockReader) before =
        mirror_open_lock(sync->mirror, entry->folder, entry->before, &error);
    g_autoptr(LockReader) after =
        before ? mirror_open_lock(sync->mirror, entry->folder, entry->version, &error) : NULL;
    g_autoptr(Hold) hold = hold_find(sync->mirror, entry->folder, entry->before, NULL);
    entry->hold = hold ? hold_describe(hold) : NULL;
    if (!after || !lock_compare(before, after, &entry->files, &error)) {
        event_log(EVENT_LOG_DEBUG, "%s: %s", entry->ref, error->message);
    }
}

static void take_installed(Sync *sync, SyncEntry *entry, const PullResult *result)
{
    g_free(entry->version);
    g_free(entry->path);
    entry->version = g_strdup(result->header->version);
    entry->path = g_strdup(result->path);
    entry->received = result->fetched.received;
    entry->state = result->installed ? SYNC_UPDATED : SYNC_UNCHANGED;
    if (result->installed) {
        count_changes(sync, entry);
    }
}

/* Is there room now for what was planned? */
static gboolean fits(Sync *sync, SyncEntry *entry)
{
    const Config *config = job_settings(sync->job)->config;
    const RoomLimits limits = {config->max_size, config->max_files, config->reserve};
    if (!room_measure(sync->mirror, &limits, &entry->room, NULL)) {
        return TRUE; /* the pull says why */
    }
    return entry->plan.peak.bytes <= entry->room.bytes &&
           entry->plan.files.bytes <= entry->room.files;
}

static void bring_entry(Sync *sync, SyncEntry *entry)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(PullResult) result = NULL;
    g_autoptr(Reference) reference = parse_entry(sync, entry);
    PullRequest request;
    if (!reference) {
        return;
    }
    if (sync->end || !fits(sync, entry)) {
        if (sync->end) {
            entry->state = SYNC_LEFT;
        } else {
            note_no_room(entry);
        }
        job_pull_drop(sync->job, reference);
        return;
    }
    if (make_request(sync, entry, reference, &request, &error)) {
        request.planned = entry->planned;
        job_pull(sync->job, &request, &result, &error);
    }
    g_free(entry->version);
    entry->version = g_strdup(entry->before);
    if (result && result->header) {
        take_installed(sync, entry, result);
    }
    if (error && entry->state == SYNC_UPDATED && error_exit_status(error) == 7) {
        entry->exit = 7; /* without what the source lists and has not */
        set_message(entry, error->message);
    } else if (error) {
        take_error(sync, entry, result, error);
        if (entry->state == SYNC_WAITS && result && result->does_not_fit) {
            note_no_room(entry);
        }
    }
}

static void bring_planned(Sync *sync)
{
    g_autoptr(GPtrArray) planned = g_ptr_array_new();
    for (guint i = 0; i < sync->report->entries->len; i++) {
        SyncEntry *entry = g_ptr_array_index(sync->report->entries, i);
        if (entry->state == SYNC_PLANNED) {
            g_ptr_array_add(planned, entry);
        }
    }
    g_ptr_array_sort(planned, compare_peaks);
    for (guint i = 0; i < planned->len; i++) {
        bring_entry(sync, g_ptr_array_index(planned, i));
    }
}

/* Who needs a person is named once, then weekly; whoever named it gets its answer at once. */
static void remember(Sync *sync)
{
    gint64 now = g_get_real_time() / G_USEC_PER_SEC;
    for (guint i = 0; i < sync->report->entries->len; i++) {
        SyncEntry *entry = g_ptr_array_index(sync->report->entries, i);
        if (entry->state == SYNC_PERSON) {
            entry->is_new = sync_memory_needs_person(sync->memory, entry->folder, entry->message,
                                                     now, &entry->since) ||
                            sync->spec->refs[0];
        } else if (entry->state == SYNC_UNCHANGED || entry->state == SYNC_UPDATED) {
            sync_memory_forget(sync->memory, entry->folder);
        }
    }
    g_autoptr(GError) error = NULL;
    if (!sync->spec->dry_run && !sync_memory_save(sync->memory, sync->mirror, &error)) {
        event_log(EVENT_LOG_WARNING, "%s", error->message);
    }
}

static void sum_up(Sync *sync)
{
    SyncReport *report = sync->report;
    for (guint i = 0; i < report->entries->len; i++) {
        const SyncEntry *entry = g_ptr_array_index(report->entries, i);
        report->count[entry->state]++;
        report->status = exit_status_worst(report->status, entry->exit);
    }
    if (sync->end) {
        report->status = exit_status_worst(report->status, error_exit_status(sync->end));
    }
    report->ended = g_get_real_time() / G_USEC_PER_SEC;
}

static void run(Sync *sync)
{
    GPtrArray *entries = sync->report->entries;
    for (guint i = 0; i < entries->len && !sync->end; i++) {
        SyncEntry *entry = g_ptr_array_index(entries, i);
        if (job_is_cancelled(sync->job)) {
            job_set_cancelled_error(sync->job, "medmirror sync", &sync->end);
        } else if (entry->state == SYNC_LEFT) {
            plan_entry(sync, entry);
        }
    }
    if (!sync->spec->dry_run) {
        bring_planned(sync);
    }
}

gboolean job_sync(Job *job, const SyncSpec *spec, SyncReport **report, GError **error)
{
    Sync sync = {.job = job, .spec = spec};
    g_autoptr(GError) absent = NULL;
    g_autoptr(Mirror) mirror =
        mirror_open(job_settings(job)->mirror_path,
                    spec->dry_run ? MIRROR_OPEN_READ : MIRROR_OPEN_WRITE, &absent);
    if (!mirror) {
        g_propagate_error(error, g_steal_pointer(&absent));
        return FALSE;
    }
    g_autoptr(SyncMemory) memory = sync_memory_open(mirror);
    g_autoptr(SyncReport) made = g_new0(SyncReport, 1);
    made->entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    made->begun = g_get_real_time() / G_USEC_PER_SEC;
    sync.mirror = mirror;
    sync.memory = memory;
    sync.report = made;
    if (!add_entries(&sync, error)) {
        return FALSE;
    }
    run(&sync);
    remember(&sync);
    sum_up(&sync);
    *report = g_steal_pointer(&made);
    if (sync.end) {
        g_propagate_error(error, sync.end);
        return FALSE;
    }
    return TRUE;
}
