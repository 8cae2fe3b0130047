#include "ask.h"

#include "i18n.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 100

gboolean can_ask(const Console *console)
{
    return !console_is_json(console) && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

gboolean ask(Job *job, const char *question)
{
    char answer[256] = "";
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    /* As an event it comes after all that was told before. */
    job_tell(job, JOB_EVENT_FAILURE, "question", NULL, _("%s Type y and Enter to do it."),
             question);
    while (poll(&input, 1, POLL_MS) <= 0) {
        if (job_is_cancelled(job)) {
            return FALSE;
        }
    }
    gssize got = TEMP_FAILURE_RETRY(read(STDIN_FILENO, answer, sizeof answer - 1));
    g_strstrip(answer);
    return got > 0 &&
           (g_ascii_strcasecmp(answer, "y") == 0 || g_ascii_strcasecmp(answer, "yes") == 0);
}
