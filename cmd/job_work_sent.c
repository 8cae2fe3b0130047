/* Digests that came with the bytes of a download: they count as declared, and before those of a
 * listing, which may speak of an earlier state of the file. */
#include "i18n.h"
#include "job_fetch_internal.h"

/* An algorithm by which both speak, and differ; DIGEST_ALGORITHMS: there is none. */
static DigestAlgorithm differing(const DigestSet *a, const DigestSet *b)
{
    guint i = 0;
    for (; i < DIGEST_ALGORITHMS; i++) {
        const Digest *of_a = digest_set_get(a, (DigestAlgorithm)i);
        const Digest *of_b = digest_set_get(b, (DigestAlgorithm)i);
        if (of_a && of_b && !digest_equal(of_a, of_b)) {
            break;
        }
    }
    return (DigestAlgorithm)i;
}

void work_want(Work *work)
{
    DigestSet sent = {0};
    DigestSet *declared = &work->wanted.declared;
    work->wanted = work->row->wanted;
    if (work->partial) {
        partial_file_sent(work->partial, &sent);
    }
    if (work_came_zipped(work)) { /* the listing and the lock speak of what is in it */
        work->wanted = WANTED_BYTES_NONE;
    }
    /* Where its storage says nothing but a CRC-32C, and what came is as that says, it decides as
     * well: large objects have no MD5 there. */
    gboolean agree = FALSE, differ = FALSE;
    digest_set_compare(&sent, &work->seen, &agree, &differ);
    if (differing(declared, &sent) != DIGEST_ALGORITHMS ||
        (agree && !differ && differing(declared, &work->seen) != DIGEST_ALGORITHMS)) {
        *declared = (DigestSet){0};
    }
    for (guint i = 0; i < DIGEST_ALGORITHMS; i++) {
        const Digest *digest = digest_set_get(&sent, (DigestAlgorithm)i);
        if (digest) {
            digest_set_add(declared, digest);
        }
    }
}

void work_tell_sent(Work *work)
{
    const DigestSet *listed = &work->row->wanted.declared;
    DigestAlgorithm algorithm = differing(listed, &work->seen);
    if (algorithm == DIGEST_ALGORITHMS || work_came_zipped(work)) {
        return;
    }
    const char *name = digest_algorithm_name(algorithm);
    const char *path = work->row->file->path;
    g_autofree char *said = digest_to_hex(digest_set_get(listed, algorithm));
    g_autofree char *sent = digest_to_hex(digest_set_get(&work->seen, algorithm));
    job_tell(work->fetch->job, JOB_EVENT_WARNING, "declared-differs",
             json_pack("{s:s, s:s, s:s, s:s}", "path", path, "algorithm", name, "listed", said,
                       "sent", sent),
             _("%s: the listing says that its %s is %s; what came has the %s %s, and is what its "
               "storage says that it sends. It is taken, and the lock keeps both."),
             path, name, said, name, sent);
}
