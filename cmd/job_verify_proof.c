#include "event_log.h"
#include "job_verify_internal.h"
#include "proofs.h"

/* A run that is killed loses no more than this. */
#define NOTE_EVERY_US (10 * 60 * G_USEC_PER_SEC)

void verify_append_proof(Verify *verify, gboolean unfinished)
{
    const VerifyResult *result = verify->result;
    const char *upto = verify->slice ? verify_slice_upto(verify->slice) : NULL;
    const char *after = verify->noted.upto ? verify->noted.upto : verify->request->after;
    guint64 damaged = result->damaged + result->unreadable;
    const Proof proof = {.folder = verify->folder,
                         .version = verify->version,
                         .fingerprint = verify->header->fingerprint,
                         .files = result->right - verify->noted.files,
                         .bytes = result->bytes - verify->noted.bytes,
                         .damaged = damaged - verify->noted.damaged,
                         .missing = result->missing - verify->noted.missing,
                         .foreign = result->foreign,
                         .quick = verify->request->quick,
                         .by = "verify",
                         .begun = result->begun,
                         .after = after,
                         .upto = unfinished ? upto : NULL};
    if (unfinished && g_strcmp0(upto, after) == 0) {
        return;
    }
    g_autoptr(GError) error = NULL;
    if (!proofs_append(verify->mirror, &proof, &error)) {
        event_log(verify->slice ? EVENT_LOG_WARNING : EVENT_LOG_DEBUG, "no proof was written: %s",
                  error->message);
    }
    verify->noted.files = result->right;
    verify->noted.bytes = result->bytes;
    verify->noted.damaged = damaged;
    verify->noted.missing = result->missing;
    g_free(verify->noted.upto);
    verify->noted.upto = g_strdup(upto);
}

void verify_note_slice(Verify *verify)
{
    gint64 now = g_get_monotonic_time();
    if (now >= verify->noted.next) {
        if (verify->noted.next) {
            verify_append_proof(verify, TRUE);
        }
        verify->noted.next = now + NOTE_EVERY_US;
    }
}

void job_verify_note_mended(Mirror *mirror, const LockHeader *header, const VerifyResult *result,
                            guint64 mended)
{
    const Proof proof = {.folder = header->folder,
                         .version = header->version,
                         .fingerprint = header->fingerprint,
                         .mended = mended,
                         .by = "repair",
                         .begun = result->begun};
    g_autoptr(GError) error = NULL;
    if (!proofs_append(mirror, &proof, &error)) {
        event_log(EVENT_LOG_WARNING, "%s", error->message);
    }
}
