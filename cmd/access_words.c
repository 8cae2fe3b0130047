#include "access_words.h"

#include "i18n.h"
#include "language.h"
#include "manifest_form.h"
#include "nearest_words.h"
#include "terminal.h"

#include <string.h>

static const struct {
    const char *badge, *ascii;
    const char *word, *word_zh;
    const char *meaning, *meaning_zh;
} words[] = {
    [ACCESS_OPEN] = {"○", "o", N_("open"), "开放", N_("open: anybody may pull it"),
                     "开放：任何人都可下载"},
    [ACCESS_ACCOUNT] = {"◇", "-", N_("account"), "需账号",
                        N_("account: a free account or a click on terms is needed"),
                        "需账号：须注册免费账号或同意条款"},
    [ACCESS_APPLICATION] = {"◆", "*", N_("approval"), "需审批", N_("approval: a person decides"),
                            "需审批：由人工决定"},
    [ACCESS_MANUAL] = {"▲", "!", N_("by hand"), "手动获取",
                       N_("by hand: by browser, mail or disk alone"),
                       "手动获取：只能通过浏览器、邮件或硬盘"},
    [ACCESS_GONE] = {"✕", "x", N_("gone"), "已下线", N_("gone: nobody publishes it any more"),
                     "已下线：原发布处已不再提供"},
    [ACCESS_UNKNOWN] = {"?", "?", N_("unknown"), "未知", N_("unknown: how to get it is not known"),
                        "未知：获取方式不明"},
};

const char *access_badge(Access access)
{
    return terminal_is_unicode() ? words[access].badge : words[access].ascii;
}

const char *access_word(Access access)
{
    return language_pick(_(words[access].word), words[access].word_zh);
}

const char *access_meaning(Access access)
{
    return language_pick(_(words[access].meaning), words[access].meaning_zh);
}

gboolean access_parse(const char *text, Access *access, const char **near)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    *near = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(text, manifest_accesses[i]) == 0 || strcmp(text, words[i].word) == 0 ||
            strcmp(text, words[i].word_zh) == 0) {
            *access = (Access)i;
            return TRUE;
        }
        g_ptr_array_add(known, (gpointer)words[i].word);
    }
    g_autoptr(GPtrArray) nearest = nearest_words(text, known, 1);
    *near = nearest->len ? nearest->pdata[0] : NULL;
    return FALSE;
}
