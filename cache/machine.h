/*
 * Who this process is, as others can tell it: boot, PID namespace, start time.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* /proc/sys/kernel/random/boot_id; "" where it cannot be read. Static. */
const char *machine_boot_id(void);
/* The target of /proc/self/ns/pid; "" where it cannot be read. Static. */
const char *machine_pid_namespace(void);
/* Start time of a process in clock ticks since the boot (proc(5), field 22); 0 where there is none,
 * a zombie included. */
guint64 machine_process_start(pid_t pid);
