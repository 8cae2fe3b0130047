/* A mirror of the test's own, and datasets staged in it. */
#pragma once

#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "mirror.h"
#include "scratch.h"
#include "stage.h"

#define RIG_FOLDER "http/example.org/set"

static inline void rig_digest(const char *text, DigestSet *set)
{
    g_autoptr(DigestStream) stream = digest_stream_new(1U << DIGEST_SHA256, 0);
    digest_stream_update(stream, text, strlen(text));
    memset(set, 0, sizeof *set);
    digest_stream_finish(stream, set);
}

static inline LockHeader *rig_header(const char *folder, const char *version, const char *access)
{
    LockHeader *header = lock_header_new();
    header->ref = g_strdup(folder);
    header->folder = g_strdup(folder);
    header->version = g_strdup(version);
    header->version_from = g_strdup("source");
    header->source_state = g_strdup("00");
    header->access = g_strdup(access);
    header->created = g_strdup("2026-11-23T00:00:00Z");
    header->updated = g_strdup("2026-11-23T00:00:00Z");
    header->tool = g_strdup("medmirror/0");
    g_clear_pointer(&header->selection, selection_free);
    header->selection = selection_new_all();
    return header;
}

/* FILES: path, content, ..., NULL. What the version holds already is imported and chosen; SELECTION
 * may be NULL. */
static inline Stage *rig_stage(Mirror *mirror, const char *folder, const char *version,
                               const Selection *selection, const char *const *files)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Selection) all = selection_new_all();
    Stage *stage = stage_open(mirror, folder, &error);
    g_assert_no_error(error);
    Spool *spool = stage_spool(stage);
    g_autoptr(LockReader) lock = mirror_open_lock(mirror, folder, version, NULL);
    if (lock != NULL)
        g_assert_true(spool_import_lock(spool, lock, &error));
    g_assert_true(spool_begin_listing(spool, selection != NULL ? selection : all, &error));
    for (guint i = 0; files[i] != NULL; i += 2) {
        g_autoptr(FileSpec) file = file_spec_new(files[i]);
        file->size = strlen(files[i + 1]);
        file->size_is_exact = TRUE;
        g_assert_true(spool_add(spool, file, &error));
    }
    g_assert_true(spool_end_listing(spool, &error));
    g_assert_no_error(error);
    g_autoptr(TreeWriter) writer = tree_writer_new(stage_tree_fd(stage), 0444);
    for (guint i = 0; files[i] != NULL; i += 2) {
        g_autoptr(SpoolDownload) download = spool_find(spool, files[i], &error);
        if (download->state != SPOOL_QUEUED)
            continue;
        int fd = tree_writer_create(writer, files[i], NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(write(fd, files[i + 1], strlen(files[i + 1])), ==,
                        (gssize)strlen(files[i + 1]));
        close(fd);
        DigestSet seen;
        rig_digest(files[i + 1], &seen);
        g_assert_true(spool_note_staged(spool, download->id, &seen, strlen(files[i + 1]),
                                        TRUST_FIRST_USE, NULL, &error));
    }
    g_assert_no_error(error);
    return stage;
}

/* Installs what is staged; the stage is closed. */
static inline gboolean rig_install(Mirror *mirror, Stage *stage, const char *folder,
                                   const char *version, const char *access, gboolean only,
                                   Index *index, GError **error)
{
    g_autoptr(Owner) owner = owner_take(mirror, folder, "pull", TRUE, NULL, NULL, NULL, error);
    g_autoptr(LockHeader) header = rig_header(folder, version, access);
    InstallSpec spec = {.header = header, .only = only, .index = index};
    gboolean installed = owner != NULL && stage_install(stage, owner, &spec, error);
    stage_close(stage);
    return installed;
}

static inline void rig_pull(Mirror *mirror, const char *folder, const char *version,
                            const char *const *files, Index *index)
{
    g_autoptr(GError) error = NULL;
    Stage *stage = rig_stage(mirror, folder, version, NULL, files);
    gboolean installed = rig_install(mirror, stage, folder, version, "open", FALSE, index, &error);
    g_assert_no_error(error);
    g_assert_true(installed);
}

static inline char *rig_read(Mirror *mirror, const char *path)
{
    g_autofree char *whole = g_build_filename(mirror_path(mirror), path, NULL);
    char *text = NULL;
    g_file_get_contents(whole, &text, NULL, NULL);
    return text;
}

static inline void rig_write(Mirror *mirror, const char *path, const char *text)
{
    g_autofree char *whole = g_build_filename(mirror_path(mirror), path, NULL);
    g_autofree char *folder = g_path_get_dirname(whole);
    g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
    g_assert_true(g_file_set_contents(whole, text, -1, NULL));
}
