"""Who asks Kaggle's API, as the Authorization header has it; what people are told who may not; how often one may ask."""

import base64
import binascii
import threading
import time
from dataclasses import dataclass, field

from . import kaggle_words as words
from .server import Response


class Refused(Exception):
    """The answer is this one, whatever was asked."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer


def refuse(code, message=None, headers=()):
    raise Refused(words.error(code, message, headers))


@dataclass
class Limit:
    """COUNT calls pass, then each is answered with 429 until SECONDS have gone by since the first that was (None: for good).

    SHAPE: of the body, "rest" or "rpc"; RETRY_AFTER: what the header says, where it is there.
    """

    count: int
    seconds: float = None
    retry_after: object = None
    shape: str = "rest"
    taken: int = 0
    refused: int = 0
    since: float = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self):
        """None, or the answer to who asked too often."""
        with self.lock:
            now = time.monotonic()
            if self.since is not None and self.seconds is not None and now - self.since >= self.seconds:
                self.since, self.taken = None, 0
            self.taken += 1
            if self.taken <= self.count:
                return None
            self.since = now if self.since is None else self.since
            self.refused += 1
        headers = [] if self.retry_after is None else [("Retry-After", str(self.retry_after))]
        return Response(429, words.throttled_body(self.shape), headers, words.JSON)


class Accounts:
    """UNAUTHENTICATED: the message of a 401."""

    def __init__(self, accounts):
        self.by_name = {account.name: account for account in accounts}
        self.unauthenticated = words.UNAUTHENTICATED

    def __getitem__(self, name):
        return self.by_name[name]

    def add(self, account):
        self.by_name[account.name] = account
        return account

    def enter(self, request):
        """The account that asks, None for nobody; a credential that is none is refused, also where nobody would not be.

        A legacy key is good as Basic alone, a token as Bearer alone, with its prefix.
        """
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if not kind:
            return None
        found = self._by_key(value) if kind.lower() == "basic" else self.by_token(value) if kind.lower() == "bearer" else None
        return found or refuse(401, self.unauthenticated)

    def _by_key(self, value):
        try:
            name, _, key = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        account = self.by_name.get(name)
        return account if account is not None and account.key == key else None

    def by_token(self, token):
        return next((account for account in self.by_name.values() if token in account.tokens + account.access_tokens), None)

    def require(self, account):
        return account or refuse(401, self.unauthenticated)

    def renew(self, refresh_token):
        """(account, access token) for a refresh token."""
        for account in self.by_name.values():
            if refresh_token and account.refresh_token == refresh_token:
                return account, account.make_access_token()
        return refuse(401, self.unauthenticated)
