/*
 * The commands, one file each.
 */
#pragma once

#include "invocation.h"

extern const Verb verb_adopt, verb_pull, verb_sync, verb_verify, verb_list, verb_status, verb_path,
    verb_search, verb_show, verb_files, verb_versions, verb_unpack, verb_manifest, verb_doctor,
    verb_remove, verb_hold, verb_release, verb_prune, verb_init, verb_copy, verb_config, verb_login,
    verb_logout, verb_accept;
