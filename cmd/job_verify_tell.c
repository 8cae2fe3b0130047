#include "error.h"
#include "i18n.h"
#include "job_verify_internal.h"
#include "relpath.h"

#include <string.h>

VerifyResult *verify_result_new(const char *label)
{
    VerifyResult *result = g_new0(VerifyResult, 1);
    result->label = g_strdup(label);
    result->wrong = g_ptr_array_new_with_free_func(g_free);
    return result;
}

static char *describe_damage(const VerifiedFile *file)
{
    switch (file->as) {
    case VERIFIED_MISSING:
        return g_strdup(_("is missing"));
    case VERIFIED_SIZE:
        return g_strdup_printf(
            _("has %" G_GUINT64_FORMAT " bytes where it must have %" G_GUINT64_FORMAT), file->size,
            file->wanted_size);
    case VERIFIED_NOT_A_FILE:
        return g_strdup(_("is not the file (or link) that it must be"));
    case VERIFIED_UNREADABLE:
        return g_strdup_printf(_("cannot be read: %s"), g_strerror(file->errno_value));
    default:
        break;
    }
    for (guint i = 0; file->seen && i < DIGEST_ALGORITHMS; i++) {
        const Digest *seen = digest_set_get(file->seen, (DigestAlgorithm)i);
        const Digest *wanted = digest_set_get(file->wanted, (DigestAlgorithm)i);
        if (seen && wanted && !digest_equal(seen, wanted)) {
            g_autofree char *is = digest_to_hex(seen);
            g_autofree char *must = digest_to_hex(wanted);
            return g_strdup_printf(_("has %s %s where it must have %s"),
                                   digest_algorithm_name((DigestAlgorithm)i), is, must);
        }
    }
    return g_strdup(_("has other bytes than it must have"));
}

void verify_tell_wrong(Verify *verify, const VerifiedFile *file)
{
    VerifyResult *result = verify->result;
    verify->has_moved = verify->has_moved || version_watch_has_moved(&verify->watch);
    if (verify->has_moved) {
        return;
    }
    if (result->wrong->len < WRONG_MOST) {
        g_ptr_array_add(result->wrong, g_strdup(file->path));
    }
    g_autofree char *what = describe_damage(file);
    g_autofree char *shown = relpath_display(file->path);
    job_tell(verify->job, JOB_EVENT_FAILURE, file->as == VERIFIED_MISSING ? "missing" : "damaged",
             json_pack("{s:s, s:s, s:s}", "ref", result->label, "path", shown, "what", what),
             _("%s: %s %s."), result->label, shown, what);
}

void verify_tell_exposed(Verify *verify, const char *path)
{
    g_autofree char *shown = relpath_display(path);
    verify->result->exposed++;
    job_tell(verify->job, JOB_EVENT_DETAIL, "exposed",
             json_pack("{s:s, s:s}", "ref", verify->result->label, "path", shown),
             _("%s: %s can be read by others."), verify->result->label, shown);
}

void verify_tell_foreign(Verify *verify, const char *path)
{
    g_autofree char *shown = relpath_display(path);
    if (g_str_has_suffix(path, "/")) {
        job_tell(verify->job, JOB_EVENT_WARNING, "unreadable",
                 json_pack("{s:s, s:s}", "ref", verify->result->label, "path", shown),
                 _("%s: the folder %s cannot be read, so what else lies in it is not known."),
                 verify->result->label, shown);
        return;
    }
    verify->result->foreign++;
    job_tell(verify->job, JOB_EVENT_DETAIL, "foreign",
             json_pack("{s:s, s:s}", "ref", verify->result->label, "path", shown),
             _("%s: %s is not the dataset's."), verify->result->label, shown);
}

void job_verify_set_in_place(const LockHeader *header, const VerifyResult *result, GError **error)
{
    guint64 wrong = result->damaged + result->missing + result->unreadable;
    g_clear_error(error);
    g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                ngettext("%s: %" G_GUINT64_FORMAT
                         " file is not as it was when it was registered in place at %s. Nothing is "
                         "ever written there: its owner can mend it. To have a copy of one's own: "
                         "medmirror remove %s, then: medmirror pull %s",
                         "%s: %" G_GUINT64_FORMAT
                         " files are not as they were when they were registered in place at %s. "
                         "Nothing is ever written there: their owner can mend them. To have a copy "
                         "of one's own: medmirror remove %s, then: medmirror pull %s",
                         (gulong)wrong),
                result->label, wrong, header->in_place, result->label, header->ref);
}

void verify_set_verdict(Verify *verify, const char *ref, GError **error)
{
    const VerifyResult *result = verify->result;
    guint64 wrong = result->damaged + result->missing + result->unreadable;
    if (wrong && verify->header && verify->header->in_place) {
        job_verify_set_in_place(verify->header, result, error);
    } else if (wrong && ref) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    ngettext("%s: %" G_GUINT64_FORMAT
                             " file is not as it must be. Mend it with: medmirror verify "
                             "--repair %s",
                             "%s: %" G_GUINT64_FORMAT
                             " files are not as they must be. Mend them with: medmirror verify "
                             "--repair %s",
                             (gulong)wrong),
                    result->label, wrong, ref);
    } else if (wrong) {
        g_set_error(
            error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
            ngettext("%s: %" G_GUINT64_FORMAT " file is not as its list says. Fetch it anew.",
                     "%s: %" G_GUINT64_FORMAT " files are not as their list says. Fetch them anew.",
                     (gulong)wrong),
            result->label, wrong);
    } else if (result->list_is_wrong) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s: every file is right, but the list beside them (%s.sha256) is not the "
                      "lock's. It is written anew "
                      "by: medmirror verify --repair %s"),
                    result->label, verify->version, ref ? ref : result->label);
    } else if (result->exposed) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_FAILED,
                    _("%s: every file is right, but this is restricted data, and %" G_GUINT64_FORMAT
                      " of its files and folders can be read by others. They are made yours alone "
                      "by: chmod -R %s %s (or: medmirror verify --repair %s)"),
                    result->label, result->exposed,
                    verify->readers.group == READERS_NO_GROUP ? "go-rwx" : "o-rwx,g-w",
                    verify->path, ref ? ref : result->label);
    } else if (result->untrusted) {
        g_set_error(error, MEDMIRROR_ERROR, MEDMIRROR_ERROR_DAMAGED,
                    _("%s: %" G_GUINT64_FORMAT
                      " files are as they came first, and nobody vouches for them; --require "
                      "asks for more."),
                    result->label, result->untrusted);
    }
}
