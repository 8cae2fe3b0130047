#include "verbs.h"

const Verb *const verbs[] = {
    &verb_pull,     &verb_sync,   &verb_adopt,    &verb_verify, &verb_list,
    &verb_status,   &verb_path,   &verb_search,   &verb_show,   &verb_files,
    &verb_versions, &verb_unpack, &verb_remove,   &verb_hold,   &verb_release,
    &verb_prune,    &verb_init,   &verb_copy,     &verb_config, &verb_login,
    &verb_logout,   &verb_accept, &verb_manifest, &verb_doctor, NULL};
