"""Directory listings in the shapes of the servers that publish data."""

import html
import time
import urllib.parse

_QUOTED = "!~*'()"


def _href(name, is_folder):
    return urllib.parse.quote(name.encode("utf-8", "surrogateescape"), safe=_QUOTED) + ("/" if is_folder else "")


def _rounded(size, units="KMGT", step=1024):
    """A size as Apache and lighttpd round it."""
    if size < step:
        return str(size)
    value = float(size)
    unit = ""
    for unit in units:
        value /= step
        if value < step:
            break
    return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"


def _date(mtime, form):
    return time.strftime(form, time.gmtime(mtime))


def nginx(path, entries):
    """ENTRIES: (name, is_folder, size, mtime) in order; blocks of the page, so that a million names need no memory."""
    title = html.escape(path)
    yield (f"<html>\r\n<head><title>Index of {title}</title></head>\r\n<body>\r\n<h1>Index of {title}</h1><hr><pre>"
           '<a href="../">../</a>\r\n').encode("utf-8", "surrogateescape")
    lines = []
    for name, is_folder, size, mtime in entries:
        shown = name + ("/" if is_folder else "")
        width = len(shown)
        text = html.escape(shown) if width <= 50 else html.escape(shown[:47]) + "..&gt;"
        pad = " " * max(0, 51 - width) if width <= 50 else " "
        lines.append(f'<a href="{_href(name, is_folder)}">{text}</a>{pad}{_date(mtime, "%d-%b-%Y %H:%M")} '
                     f'{"-" if is_folder else size:>19}\r\n')
        if len(lines) == 1000:
            yield "".join(lines).encode("utf-8", "surrogateescape")
            lines.clear()
    yield ("".join(lines) + "</pre><hr></body>\r\n</html>\r\n").encode("utf-8", "surrogateescape")


def _whole(text):
    yield text.encode("utf-8", "surrogateescape")


def _parent(path):
    return path.rstrip("/").rpartition("/")[0] + "/"


def apache_plain(path, entries):
    rows = [f'<li><a href="{_href(name, folder)}"> {html.escape(name)}{"/" if folder else ""}</a></li>\n'
            for name, folder, _, _ in entries]
    return _whole(f'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<html>\n <head>\n  <title>Index of '
                  f'{html.escape(path.rstrip("/"))}</title>\n </head>\n <body>\n<h1>Index of '
                  f'{html.escape(path.rstrip("/"))}</h1>\n<ul><li><a href="{_parent(path)}"> Parent Directory</a></li>\n'
                  + "".join(rows) + "</ul>\n</body></html>\n")


def apache(path, entries):
    """FancyIndexing in a <pre>, sizes rounded, names cut at 23 characters."""
    rows = []
    for name, folder, size, mtime in entries:
        shown = name + ("/" if folder else "")
        text = html.escape(shown) if len(shown) <= 23 else html.escape(shown[:21]) + "..&gt;"
        icon, alt = ("folder.gif", "[DIR]") if folder else ("unknown.gif", "[   ]")
        rows.append(f'<img src="/icons/{icon}" alt="{alt}"> <a href="{_href(name, folder)}">{text}</a>'
                    f'{" " * max(1, 24 - len(shown))}{_date(mtime, "%Y-%m-%d %H:%M")}  '
                    f'{"  - " if folder else _rounded(size):>4}  \n')
    return _whole(f'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN">\n<html>\n <head>\n  <title>Index of '
                  f'{html.escape(path.rstrip("/"))}</title>\n </head>\n <body>\n<h1>Index of '
                  f'{html.escape(path.rstrip("/"))}</h1>\n<pre><img src="/icons/blank.gif" alt="Icon "> '
                  '<a href="?C=N;O=D">Name</a>                    <a href="?C=M;O=A">Last modified</a>      '
                  '<a href="?C=S;O=A">Size</a>  <a href="?C=D;O=A">Description</a><hr>'
                  f'<img src="/icons/back.gif" alt="[PARENTDIR]"> <a href="{_parent(path)}">Parent Directory</a>'
                  "                             -   \n" + "".join(rows)
                  + "<hr></pre>\n<address>Apache/2.4.57 (Debian) Server at 127.0.0.1</address>\n</body></html>\n")


def apache_table(path, entries):
    rows = []
    for name, folder, size, mtime in entries:
        icon, alt = ("folder.gif", "[DIR]") if folder else ("unknown.gif", "[   ]")
        rows.append(f'<tr><td valign="top"><img src="/icons/{icon}" alt="{alt}"></td><td><a href="{_href(name, folder)}">'
                    f'{html.escape(name)}{"/" if folder else ""}</a></td><td align="right">'
                    f'{_date(mtime, "%Y-%m-%d %H:%M")}  </td><td align="right">'
                    f'{"  - " if folder else _rounded(size)}</td><td>&nbsp;</td></tr>\n')
    return _whole(f'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<html>\n <head>\n  <title>Index of '
                  f'{html.escape(path.rstrip("/"))}</title>\n </head>\n <body>\n<h1 id="indextitle">Index of '
                  f'{html.escape(path.rstrip("/"))}</h1>\n  <table id="indexlist">\n   <tr><th valign="top"><img '
                  'src="/icons/blank.gif" alt="[ICO]"></th><th><a href="?C=N;O=D">Name</a></th><th>'
                  '<a href="?C=M;O=A">Last modified</a></th><th><a href="?C=S;O=A">Size</a></th><th>'
                  '<a href="?C=D;O=A">Description</a></th></tr>\n   <tr><th colspan="5"><hr></th></tr>\n'
                  f'<tr><td valign="top"><img src="/icons/back.gif" alt="[PARENTDIR]"></td><td><a href="{_parent(path)}">'
                  'Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td><td>&nbsp;</td></tr>\n'
                  + "".join(rows) + '   <tr><th colspan="5"><hr></th></tr>\n</table>\n</body></html>\n')


def lighttpd(path, entries):
    rows = []
    for name, folder, size, mtime in entries:
        date = _date(mtime, "%Y-%b-%d %H:%M:%S")
        if folder:
            rows.append(f'<tr class="d"><td class="n"><a href="{_href(name, True)}">{html.escape(name)}</a>/</td>'
                        f'<td class="m">{date}</td><td class="s">- &nbsp;</td><td class="t">Directory</td></tr>\n')
        else:
            rows.append(f'<tr><td class="n"><a href="{_href(name, False)}">{html.escape(name)}</a></td>'
                        f'<td class="m">{date}</td><td class="s">{size / 1024:.1f}K</td>'
                        '<td class="t">application/octet-stream</td></tr>\n')
    up = "" if path == "/" else ('<tr class="d"><td class="n"><a href="../">..</a>/</td><td class="m">&nbsp;</td>'
                                 '<td class="s">- &nbsp;</td><td class="t">Directory</td></tr>\n')
    return _whole(f"<!DOCTYPE html>\n<html>\n<head>\n<title>Index of {html.escape(path)}</title>\n"
                  '<style type="text/css">\na, a:active {text-decoration: none; color: blue;}\n</style>\n</head>\n'
                  f'<body>\n<h2>Index of {html.escape(path)}</h2>\n<div class="list">\n'
                  '<table summary="Directory Listing" cellpadding="0" cellspacing="0">\n<thead><tr>'
                  '<th class="n">Name</th><th class="m">Last Modified</th><th class="s">Size</th>'
                  f'<th class="t">Type</th></tr></thead>\n<tbody>\n{up}{"".join(rows)}</tbody>\n</table>\n</div>\n'
                  '<div class="foot">lighttpd/1.4.69</div>\n</body>\n</html>\n')


def caddy(path, entries):
    entries = list(entries)
    rows = []
    for name, folder, size, mtime in entries:
        shown = name + ("/" if folder else "")
        cell = "<td>&mdash;</td>" if folder else (
            f'<td class="size" data-size="{size}"><div class="sizebar"><div class="sizebar-bar"></div>'
            f'<div class="sizebar-text">{_rounded(size)}iB</div></div></td>')
        rows.append('<tr class="file">\n<td></td>\n<td>\n'
                    f'<a href="./{_href(name, folder)}">\n<svg class="icon" width="24" height="24"></svg>\n'
                    f'<span class="name">{html.escape(shown)}</span>\n</a>\n</td>\n{cell}\n'
                    f'<td class="timestamp hideable">\n<time datetime="{_date(mtime, "%Y-%m-%dT%H:%M:%SZ")}">'
                    f'{_date(mtime, "%m/%d/%Y %I:%M:%S %p +00:00")}</time>\n</td>\n<td class="hideable"></td>\n</tr>\n')
    up = "" if path == "/" else ('<tr>\n<td></td>\n<td>\n<a href="..">\n<span class="go-up">Up</span>\n</a>\n</td>\n'
                                 '<td></td>\n<td class="hideable"></td>\n<td class="hideable"></td>\n</tr>\n')
    return _whole('<!DOCTYPE html>\n<html>\n<head>\n<title>' + html.escape(path) + '</title>\n<meta charset="utf-8">\n'
                  '</head>\n<body onload="initPage()">\n<header>\n<div class="wrapper">\n<h1>\n<a href="/">/</a>\n</h1>\n'
                  '</div>\n</header>\n<div class="wrapper">\n<main>\n<div class="listing">\n'
                  '<table aria-describedby="summary">\n<thead>\n<tr>\n<th></th>\n<th>'
                  '<a href="?sort=namedirfirst&order=desc" class="icon"></a><a href="?sort=name&order=asc">Name</a></th>\n'
                  '<th class="size"><a href="?sort=size&order=asc">Size</a></th>\n<th class="hideable">'
                  '<a href="?sort=time&order=asc">Modified</a></th>\n<th class="hideable"></th>\n</tr>\n</thead>\n<tbody>\n'
                  + up + "".join(rows) + "</tbody>\n</table>\n</div>\n</main>\n</div>\n<footer>Served with "
                  '<a rel="noopener noreferrer" href="https://caddyserver.com">Caddy</a></footer>\n</body>\n</html>\n')


def python(path, entries):
    rows = [f'<li><a href="{urllib.parse.quote(name, errors="surrogatepass")}{"/" if folder else ""}">'
            f'{html.escape(name, quote=False)}{"/" if folder else ""}</a></li>\n' for name, folder, _, _ in entries]
    title = f"Directory listing for {html.escape(path, quote=False)}"
    return _whole(f'<!DOCTYPE HTML>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n</head>\n'
                  f"<body>\n<h1>{title}</h1>\n<hr>\n<ul>\n" + "".join(rows) + "</ul>\n<hr>\n</body>\n</html>\n")


def physionet_development(path, entries):
    """What the source's development server shows: no slash on folders, no sizes."""
    rows = [f'<li><a href="{_href(name, False)}">{html.escape(name)}</a></li>' for name, _, _, _ in entries]
    return _whole("<!DOCTYPE html><html><body><ul>" + "".join(rows) + "</ul></body></html>")


STYLES = {"nginx": nginx, "apache": apache, "apache-plain": apache_plain, "apache-table": apache_table,
          "lighttpd": lighttpd, "caddy": caddy, "python": python, "physionet-development": physionet_development}
SERVERS = {"nginx": "nginx/1.22.1", "apache": "Apache/2.4.57 (Debian)", "apache-plain": "Apache/2.4.57 (Debian)",
           "apache-table": "Apache/2.4.57 (Debian)", "lighttpd": "lighttpd/1.4.69", "caddy": "Caddy",
           "python": "SimpleHTTP/0.6 Python/3.11.2", "physionet-development": "WSGIServer/0.2 CPython/3.11.2"}
