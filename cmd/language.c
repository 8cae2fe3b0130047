#include "language.h"

#include <string.h>

static gboolean chosen, chinese;

static gboolean is_language(const char *text, const char *language)
{
    gsize length = strlen(language);
    return g_ascii_strncasecmp(text, language, length) == 0 && !g_ascii_isalpha(text[length]);
}

gboolean language_choose(const char *wanted)
{
    const char *environment = g_getenv("MEDMIRROR_LANG");
    const char *language = wanted ? wanted : environment && *environment ? environment : NULL;
    chosen = language && (is_language(language, "zh") || is_language(language, "en"));
    chinese = chosen && is_language(language, "zh");
    return !language || chosen;
}

gboolean language_is_chinese(void)
{
    /* What the person chose counts, whether or not the system has that locale. */
    return chosen ? chinese : g_str_has_prefix(g_get_language_names()[0], "zh");
}

const char *language_pick(const char *en, const char *zh)
{
    if (language_is_chinese())
        return zh && *zh ? zh : en;
    return en && *en ? en : zh;
}
