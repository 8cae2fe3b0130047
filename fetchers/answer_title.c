#include "answer_title.h"
#include "redact.h"

#include <libxml/HTMLparser.h>
#include <string.h>

#define MOST_CHARACTERS 120

/* One line of printable text, not over-long. */
static char *tidy(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);
    GString *line = g_string_new(NULL);
    glong count = 0;

    for (const char *at = valid; *at != '\0' && count < MOST_CHARACTERS;
         at = g_utf8_next_char(at)) {
        gunichar character = g_utf8_get_char(at);
        if (g_unichar_isspace(character) || g_unichar_iscntrl(character)) {
            if (line->len > 0 && line->str[line->len - 1] != ' ')
                g_string_append_c(line, ' ');
        } else {
            g_string_append_unichar(line, character);
        }
        count++;
    }
    g_strchomp(line->str);
    line->len = strlen(line->str);
    if (line->len == 0) {
        g_string_free(line, TRUE);
        return NULL;
    }
    g_autofree char *plain = g_string_free(line, FALSE);
    return redact_text(plain);
}

static char *find_title(const xmlNode *node, guint depth)
{
    for (; node != NULL && depth < 8; node = node->next) {
        if (node->type == XML_ELEMENT_NODE && xmlStrcasecmp(node->name, BAD_CAST "title") == 0) {
            xmlChar *content = xmlNodeGetContent(node);
            char *title = content != NULL ? tidy((const char *)content) : NULL;
            xmlFree(content);
            return title;
        }
        char *below = find_title(node->children, depth + 1);
        if (below != NULL)
            return below;
    }
    return NULL;
}

static gboolean looks_like_markup(const guint8 *bytes, gsize length)
{
    while (length > 0 && g_ascii_isspace(*bytes)) {
        bytes++;
        length--;
    }
    return length > 0 && *bytes == '<';
}

char *answer_title(const guint8 *bytes, gsize length)
{
    if (length == 0 || bytes == NULL)
        return NULL;
    if (looks_like_markup(bytes, length)) {
        htmlDocPtr document = htmlReadMemory((const char *)bytes, (int)length, NULL, NULL,
                                             HTML_PARSE_RECOVER | HTML_PARSE_NOERROR |
                                                 HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
        char *title = document != NULL ? find_title(document->children, 0) : NULL;
        xmlFreeDoc(document);
        return title;
    }
    const guint8 *end = memchr(bytes, '\n', length);
    gsize first = end != NULL ? (gsize)(end - bytes) : length;
    if (memchr(bytes, '\0', first) != NULL)
        return NULL;
    g_autofree char *line = g_strndup((const char *)bytes, first);
    return tidy(line);
}
