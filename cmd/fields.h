/*
 * By what the files of a dataset can be chosen: its folders, the endings of names, its parts.
 */
#pragma once

#include "invocation.h"

/* Prints them with how many files and bytes there are of each, and the option that chooses them:
 * from the lock of what is here, else the source is asked. Returns the exit status. */
int fields_print(Invocation *invocation, const char *text);
