/* The head of a DICOM file: bounded texts, valid UIDs, and the same answer however the bytes come.
 */
#include "dicom_head.h"
#include "fuzz_input.h"

static void check(const DicomHead *head)
{
    g_assert_true(dicom_uid_is_valid(head->sop_instance));
    g_assert_true(dicom_uid_is_valid(head->series_instance));
    g_assert_true(*head->study_instance == '\0' || dicom_uid_is_valid(head->study_instance));
    g_assert_cmpuint(strnlen(head->modality, sizeof(head->modality)), <=, DICOM_TEXT_BYTES);
    g_assert_cmpuint(strnlen(head->study_id, sizeof(head->study_id)), <=, DICOM_TEXT_BYTES);
    g_assert_cmpuint(strnlen(head->patient_id, sizeof(head->patient_id)), <=, DICOM_TEXT_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    DicomHead head, again;
    const char *reason = NULL;
    /* A copy of its exact size shows what is read behind the end. */
    g_autofree uint8_t *bytes = g_memdup2(data, size);
    DicomHeadResult result = dicom_head_parse(bytes, size, TRUE, &head, &reason);
    g_assert_cmpint(result, !=, DICOM_HEAD_NEED_MORE);
    if (result == DICOM_HEAD_DONE)
        check(&head);
    else
        g_assert_nonnull(reason);

    for (size_t part = 1; part < size; part *= 2) {
        g_autofree uint8_t *some = g_memdup2(data, part);
        DicomHeadResult early = dicom_head_parse(some, part, FALSE, &again, &reason);
        if (early == DICOM_HEAD_NEED_MORE)
            continue;
        g_assert_cmpint(early, ==, result);
        if (early == DICOM_HEAD_DONE)
            g_assert_cmpmem(&head, sizeof(head), &again, sizeof(again));
    }
    return 0;
}
