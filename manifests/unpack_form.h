/*
 * The table of the `unpack` object.
 */
#pragma once

#include "form.h"

extern const FormObject unpack_form;
