/* Every message goes through _(), a whole sentence at a time, so that it can be translated. */
#pragma once

#include <libintl.h>

#define _(text) gettext(text)
#define N_(text) (text)
#define ngettext_count(one, many, n) ngettext((one), (many), (unsigned long)(n))
