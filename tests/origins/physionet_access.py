"""Who may read what at PhysioNet: accounts, agreements and training, and the answers to those who may not.

Passwords count in a GET or HEAD of an agent whose name begins as HTTP_AUTH_AGENTS has it, and nowhere else. Whoever is
not let in and was not recognised is asked by such an agent for a password (401); everybody else gets the site's 403.
"""

import base64
import secrets
from dataclasses import dataclass, field

from .server import Response, html

OPEN, RESTRICTED, CREDENTIALED, REVIEW = range(4)
POLICIES = ("Open", "Restricted", "Credentialed", "Contributor Review")
HTTP_AUTH_AGENTS = ("Wget/", "libwfdb/")
REALM = "PhysioNet"


@dataclass
class User:
    """An account. SIGNED, APPROVED: (slug, version) of agreements signed and of requests that were accepted."""

    name: str
    password: str
    email: str = None
    credentialed: bool = False
    trained: bool = True
    signed: set = field(default_factory=set)
    approved: set = field(default_factory=set)

    def answers_to(self, name):
        return name.lower() in (self.name.lower(), (self.email or self.name).lower())


def may_read(version, user, path=""):
    """Is USER (None: nobody) let in to the file PATH of VERSION? An agreement holds for the version that it was signed
    for."""
    if version.deprecated or version.embargoed or version.refused_region or not version.downloads_allowed:
        return False
    if version.policy == OPEN:
        return user is not None or not (version.login_required or path in version.guarded)
    if user is None:
        return False
    key = (version.slug, version.version)
    has_signed = key in user.signed or user.name in version.readers
    is_known = (user.credentialed and user.trained) or user.name in version.readers
    if version.policy == RESTRICTED:
        return has_signed
    if version.policy == CREDENTIALED:
        return is_known and has_signed
    return is_known and (key in user.approved or user.name in version.readers)


class Door:
    """HTTP Basic as the service understands it. HASHED counts the passwords that were looked at: the slow part, which a
    client that keeps its cookies saves it; REFUSED, those that were wrong."""

    def __init__(self, users, require_tls=False):
        self.users = [User(name, password, credentialed=True) for name, password in users.items()] \
            if isinstance(users, dict) else list(users)
        self.require_tls = require_tls
        self.hashed = 0
        self.refused = 0
        self._sessions = {}

    def allows_passwords(self, request):
        return request.method in ("GET", "HEAD") and (request.secure or not self.require_tls) and \
            request.headers.get("user-agent", "").startswith(HTTP_AUTH_AGENTS)

    def enter(self, request):
        """(the user, headers to answer with). Without an Authorization header no session is looked at."""
        given = self._given(request)
        if given is None or not self.allows_passwords(request):
            return None, []
        name, password = given
        cookies = parse_cookies(request.headers.get("cookie", ""))
        user = self._sessions.get(cookies.get("sessionid"))
        if user is not None and user.answers_to(name):
            return user, []
        self.hashed += 1
        user = next((user for user in self.users if user.answers_to(name) and user.password == password), None)
        if user is None:
            self.refused += 1
            return None, []
        if not cookies:
            return user, []
        session = secrets.token_hex(16)
        self._sessions[session] = user
        return user, [("Set-Cookie", f"sessionid={session}; HttpOnly; Path=/; SameSite=Lax; Secure")]

    @staticmethod
    def _given(request):
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (ValueError, UnicodeDecodeError):
            return None
        return (name, password) if colon else None

    def refusal(self, request, user):
        """Of a request that may not have what it asks for."""
        if user is None and self.allows_passwords(request):
            return Response(401, b"", [("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"'),
                                       ("Set-Cookie", "testcookie=1; Secure; HttpOnly; SameSite=Lax")], "text/html")
        return page_403()


def parse_cookies(text):
    parts = (part.strip().partition("=") for part in text.split(";"))
    return {name: value for name, _, value in parts if name}


def page_403():
    return html("<!DOCTYPE html><html><head><title>403: Forbidden Access</title></head><body><h1>Forbidden Access (403)"
                "</h1><p>Please write to contact@physionet.org.</p></body></html>", 403)
