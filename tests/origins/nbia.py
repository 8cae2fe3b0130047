"""NBIA, the archive's own server: its open APIs v1 and v4, v2 behind a token, and zips made while they are sent.

NLST lives on a server of its own, which is another NbiaSite.
"""

import random
import secrets
import threading
import time
import urllib.parse

from . import nbia_zip
from .content import Generated
from .nbia_lists import Lists
from .nbia_rows import plain, sentence, server_error
from .nbia_zip import Listed
from .server import Response, Site, error_page, json_answer

_BASE = "/nbia-api/services/"
_IMAGES = ("getImage", "getImageWithMD5Hash", "getDCMImage", "getSingleImage")


class NbiaSite(Site):
    """The service. What the facts leave open is the test's to choose:

    TYPES of v4's scalars ("native", "string", "mixed"); ESCAPE: `\\/` in JSON; SHUFFLE: lists and images in another
    order each time; INCLUDE_MD5: v4's getImage knows IncludeMD5; UNKNOWN_HASH: "" or the MD5 of nothing, for a hash over
    no images; COLLECTION_HASH: whether one was computed beforehand; KEYCLOAK: v2 without any Authorization is 500 for
    images, else 401; WIDE: 64-bit data descriptors; SOP_LISTS: whether getSOPInstanceUIDs finds anything.
    """

    server = "nginx"

    def __init__(self, collections=(), types="native", escape=True, shuffle=True, include_md5=True, unknown_hash="",
                 collection_hash=True, keycloak=True, wide=False, sop_lists=True):
        self.collections = list(collections)
        self.types, self.escape, self.shuffle, self.include_md5 = types, escape, shuffle, include_md5
        self.unknown_hash, self.collection_hash = unknown_hash, collection_hash
        self.keycloak, self.wide, self.sop_lists = keycloak, wide, sop_lists
        self.tokens = {}
        self.token_life = 7199
        self.users = {"nbia_guest": ""}
        # {SeriesInstanceUID: {name: bytes}}: what getDCMImage puts behind the list.
        self.annotations = {}
        self.lists = Lists(self)
        self._troubles = []
        self._miscounts = {}
        self._lock = threading.Lock()
        self._calls = 0

    def add(self, collection):
        self.collections.append(collection)

    def trouble(self, *troubles):
        """Image requests go wrong as nbia_zip's functions say."""
        with self._lock:
            self._troubles.extend(troubles)
        return troubles[0] if len(troubles) == 1 else troubles

    def clear_troubles(self):
        with self._lock:
            self._troubles.clear()
            self._miscounts.clear()

    def miscount(self, uid, by=1, times=None, **facts):
        """The next TIMES lists (None: all) say BY images more of a series than there are, and FACTS of its row."""
        with self._lock:
            self._miscounts[uid] = [by, times, facts]

    def told(self, series, row):
        """The row of a series as it is told this time."""
        with self._lock:
            wrong = self._miscounts.get(series.uid)
            if wrong is None or wrong[1] == 0:
                return row
            if wrong[1] is not None:
                wrong[1] -= 1
            return {**row, "ImageCount": type(row["ImageCount"])(int(row["ImageCount"]) + wrong[0]), **wrong[2]}

    def find(self, uid):
        """The series of a SeriesInstanceUID that the public may see; None where there is none."""
        for collection in self.collections:
            series = collection.find(uid)
            if series is not None:
                return series if series.is_public else None
        return None

    def shuffler(self):
        """Another one each call, and the same in each run; None where nothing is shuffled."""
        with self._lock:
            self._calls += 1
            return random.Random(self._calls) if self.shuffle else None

    def answer(self, request):
        path = request.path
        if path == "/nbia-api/oauth/token":
            return self._token(request)
        if path == "/nbia-api/logout":
            return plain("")
        if path == _BASE + "up":
            return plain("up")
        if not path.startswith(_BASE):
            return error_page(404)
        version, _, name = path.removeprefix(_BASE).rpartition("/")
        if version not in ("", "v1", "v2", "v4") or (not version and not name.startswith("get")):
            return error_page(404)
        refusal = self._refusal(request, version, name)
        if refusal is not None:
            return refusal
        if name in _IMAGES:
            return self._image(request, version or "v2", name)
        return self.lists.answer(request, version or "v2", name)

    def _token(self, request):
        if request.method != "POST":
            return error_page(405)
        form = dict(urllib.parse.parse_qsl(request.body.decode("ascii", "replace"), keep_blank_values=True))
        form = {**request.query, **form}
        if form.get("grant_type") == "password":
            if self.users.get(form.get("username")) != form.get("password") and form.get("username") != "nbia_guest":
                return json_answer({"error": "invalid_grant", "error_description": "Invalid user credentials"}, 401)
        elif form.get("grant_type") == "refresh_token":
            if form.get("refresh_token") not in self.tokens:
                return json_answer({"error": "invalid_grant", "error_description": "Token is not active"}, 400)
        else:
            return server_error()
        token, again = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.tokens[token] = self.tokens[again] = time.monotonic() + self.token_life
        return json_answer({"access_token": token, "token_type": "bearer", "expires_in": self.token_life,
                            "refresh_token": again, "refresh_expires_in": 1800, "scope": "openid",
                            "session_state": "x", "not-before-policy": 0, "id_token": "x"})

    def _refusal(self, request, version, name):
        """Who is not let in: v2 and the unnumbered API want a token; v1 and v4 take everybody."""
        said = request.headers.get("authorization")
        if version in ("v1", "v4"):
            return None
        if said is None:
            return server_error() if self.keycloak and name in _IMAGES else plain("", 401)
        token = said.partition(" ")[2]
        if not said.lower().startswith("bearer ") or self.tokens.get(token, 0) < time.monotonic():
            return plain("", 401)
        return None

    def _image(self, request, version, name):
        if request.method != "GET":
            return server_error() if request.method == "HEAD" else error_page(405)
        query, allowed = request.query, self.lists.allowed(name, version)
        unknown = [key for key in query if key not in allowed]
        if version == "v4" and unknown:
            return sentence(f"{unknown[0]} is no parameter of {name}. Allowed are: {', '.join(allowed)}")
        uid = query.get("SeriesInstanceUID")
        if not uid:
            return sentence("A parameter SeriesInstanceUID is needed for this call")
        series = self.find(uid)
        if name == "getSingleImage":
            return self._single(series, query)
        met = self._met(uid, name)
        for trouble in met:
            if trouble.kind == "not_public":
                series = None
            elif trouble.kind == "server_error":
                return server_error(trouble.value["message"], trouble.value["code"])
            elif trouble.kind == "saved_page":
                body = trouble.value["body"] or b"<html><head><title>500 Internal Server Error</title></head></html>"
                return Response(200, body, [], "text/html")
        if series is None:
            return sentence(f"The image of series {uid} is not in public domain" if version == "v1" else
                            f"The user nbia_guest has not been granted the access to the images of series {uid}")
        return self._zip(series, query, version, name, met)

    def _met(self, uid, name):
        met = []
        with self._lock:
            for trouble in self._troubles:
                if not trouble.meets(uid, name):
                    continue
                trouble.met += 1
                if trouble.met > trouble.skip and (trouble.times is None or trouble.met <= trouble.skip + trouble.times):
                    met.append(trouble)
        return met

    def _zip(self, series, query, version, name, met):
        is_plain = name == "getImage"
        numbered = name == "getDCMImage" or (is_plain and query.get("NewFileNames") == "Yes")
        if name == "getDCMImage":
            with_list = query.get("MD5Verification", "").lower() == "true"
        else:
            with_list = not is_plain or (version == "v4" and self.include_md5 and query.get("IncludeMD5") == "Yes")
        names = nbia_zip.by_acquisition if numbered else nbia_zip.eight_digits
        listed = Listed(series.images, names, self.shuffler())
        for trouble in met:
            if trouble.kind == "null_digest" and not with_list:
                continue
            if trouble.kind == "no_licence" and not is_plain:
                continue
            listed.apply(trouble)
        licence = licence_text(series) if is_plain else None
        more = {}
        if name == "getDCMImage" and query.get("IncludeAnnotation", "").lower() == "true":
            more = self.annotations.get(series.uid, {})
        body = Generated(lambda: listed.blocks(licence, with_list, more, self.wide))
        return Response(200, body, [("Content-Disposition", f'attachment; filename="{series.uid}.zip"')],
                        "application/octet-stream", chunked=True)

    def _single(self, series, query):
        sop = query.get("SOPInstanceUID")
        image = next((image for image in series.images if image.sop == sop), None) if series is not None else None
        if image is None:
            return server_error()
        return Response(200, image, [("Content-Disposition", f'attachment; filename="{sop}.dcm"')],
                        "application/dicom")


def licence_text(series):
    return (f"Collection: {series.collection}\nLicense: {series.licence[0]}\n{series.licence[1]}\n\n"
            "Any user of these data follows the licence named above and cites the collection.\n")
