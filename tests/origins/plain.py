"""A plain web server: a tree of files with listings below its folders."""

from . import listings
from .content import DiskFile, Generated, as_content
from .server import DEFAULT_MTIME, Response, Site, error_page, redirect, static_file


class Tree:
    """Files by path, folders implied. Paths have no slash in front."""

    def __init__(self):
        self.files = {}
        self._folders = {"": {}}

    def add(self, path, content, mtime=DEFAULT_MTIME):
        """Adds or replaces a file."""
        path = path.strip("/")
        self.files[path] = (as_content(content), mtime)
        folder, _, name = path.rpartition("/")
        self._folders.setdefault(folder, {})[name] = False
        while folder:
            folder, _, name = folder.rpartition("/")
            self._folders.setdefault(folder, {})[name] = True

    def add_folder(self, prefix, folder, mtime=DEFAULT_MTIME):
        """Adds every regular file below FOLDER of the local disk."""
        for file in sorted(folder.rglob("*")):
            if file.is_file() and not file.is_symlink():
                self.add(f"{prefix}/{file.relative_to(folder)}", DiskFile(file), mtime)

    def remove(self, path):
        del self.files[path]
        folder, _, name = path.rpartition("/")
        del self._folders[folder][name]

    def remove_folder(self, path):
        """An empty one, and those below it."""
        path = path.strip("/")
        self._folders = {name: below for name, below in self._folders.items()
                         if name != path and not name.startswith(path + "/")}
        folder, _, name = path.rpartition("/")
        del self._folders[folder][name]

    def is_folder(self, path):
        return path.strip("/") in self._folders

    def entries(self, path):
        """(name, is_folder, size, mtime) below a folder: folders first, then byte order, as nginx sorts."""
        path = path.strip("/")
        children = self._folders[path]
        for name in sorted(children, key=lambda name: (not children[name], name.encode("utf-8", "surrogateescape"))):
            if children[name]:
                yield name, True, None, DEFAULT_MTIME
            else:
                content, mtime = self.files[f"{path}/{name}".lstrip("/")]
                yield name, False, content.size, mtime

    def below(self, prefix):
        """{path below PREFIX: content} of all its files."""
        prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        return {path[len(prefix):]: content for path, (content, _) in self.files.items() if path.startswith(prefix)}


class PlainSite(Site):
    """A tree, listed in one of the STYLES of listings.py; dot files are served and not listed."""

    def __init__(self, style="nginx"):
        self.style = style
        self.tree = Tree()
        self._many = {}

    @property
    def server(self):
        return listings.SERVERS[self.style]

    def add(self, path, content, mtime=DEFAULT_MTIME):
        self.tree.add(path, content, mtime)

    def add_many(self, folder, count, content, name="file-{:07d}.dat"):
        """COUNT files of one content below FOLDER, which are listed and served without being held."""
        self._many[folder.strip("/")] = (count, as_content(content), name)

    def answer(self, request):
        if request.method not in ("GET", "HEAD"):
            return error_page(405)
        path = request.path.lstrip("/")
        if path in self.tree.files:
            content, mtime = self.tree.files[path]
            return static_file(content, mtime)
        folder, _, name = path.rpartition("/")
        if folder in self._many and name:
            return self._answer_one_of_many(folder, name)
        if path.rstrip("/") in self._many or self.tree.is_folder(path):
            if path and not path.endswith("/"):
                return redirect(request.target.partition("?")[0] + "/", 301)
            return self._list(path)
        return error_page(404)

    def _answer_one_of_many(self, folder, name):
        count, content, form = self._many[folder]
        head, _, tail = form.partition("{")
        digits = name[len(head):len(name) - len(tail.partition("}")[2])]
        if digits.isdigit() and int(digits) < count and form.format(int(digits)) == name:
            return static_file(content)
        return error_page(404)

    def _list(self, path):
        shape = listings.STYLES[self.style]
        shown = "/" + path
        folder = path.rstrip("/")
        if folder in self._many:
            count, content, form = self._many[folder]
            entries = ((form.format(number), False, content.size, DEFAULT_MTIME) for number in range(count))
            body = Generated(lambda: shape(shown, entries))
            return Response(200, body, [], "text/html")
        entries = [entry for entry in self.tree.entries(path) if not entry[0].startswith(".")]
        return Response(200, b"".join(shape(shown, entries)), [], "text/html", chunked=self.style != "python")
