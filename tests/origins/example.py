"""The archive that docs/examples/medmirror-fetch-example brings: tables of files, and the files beside them."""

import urllib.parse

from .content import Bytes
from .plain import Tree
from .server import Site, error_page, static_file


class ExampleSite(Site):
    """VERSIONS.TXT names the versions of a dataset, newest first; FILES.CSV of each, its files."""

    def __init__(self):
        self.datasets = {}

    def add(self, name, version, files):
        """A version, newer than those that are there; FILES: {path: content}."""
        tree = Tree()
        for path, content in files.items():
            tree.add(path, content)
        self.datasets.setdefault(name, {})[version] = tree

    def answer(self, request):
        if request.method not in ("GET", "HEAD"):
            return error_page(405)
        name, _, rest = urllib.parse.unquote(request.path).lstrip("/").partition("/")
        versions = self.datasets.get(name, {})
        if rest == "versions.txt" and versions:
            return static_file(Bytes("".join(f"{version}\n" for version in reversed(versions))), type="text/plain")
        version, _, path = rest.partition("/")
        if version not in versions:
            return error_page(404)
        files = versions[version].files
        if path == "files.csv":
            rows = [f"{path},{content.size},{content.digest()}\n" for path, (content, _) in files.items()]
            return static_file(Bytes("path,size,sha256\n" + "".join(rows)), type="text/csv")
        return static_file(*files[path]) if path in files else error_page(404)
