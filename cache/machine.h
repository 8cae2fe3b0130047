/*
 * Who a process or a user of this machine is: boot, PID namespace, start time, name.
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
/* The user's name, else the number; owned. */
char *machine_user_name(uid_t user);
