/*
 * A question on the terminal, from a job's thread: without a terminal nothing is ever asked.
 */
#pragma once

#include "console.h"

/* Are standard input and standard error a terminal, and is it a person who reads (no --json)? */
gboolean can_ask(const Console *console);
/* Asks QUESTION; TRUE where the answer is yes. What is typed is waited for until the job is
 * cancelled, which is no. */
gboolean ask(Job *job, const char *question);
