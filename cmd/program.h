/*
 * The program from its arguments to its exit status.
 */
#pragma once

/* Runs the verb that ARGV names; returns the exit status (CLI.md). */
int program_main(int argc, char **argv);
