/*
 * The table of the manifest's form: what keys there are, and what each holds.
 */
#pragma once

#include "form.h"

extern const FormObject manifest_form;

/* The words of the enumerations, in the order of the enumerators; NULL-terminated. */
extern const char *const manifest_kinds[];
extern const char *const manifest_accesses[];
extern const char *const manifest_sames[];
extern const char *const manifest_page_states[];
extern const char *const manifest_modalities[];
