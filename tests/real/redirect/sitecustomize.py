"""Leads a client to local origins: python runs this before anything else, by PYTHONPATH.

REAL_HOSTS has HOST:PORT=LOCAL_PORT, several with commas between. A name that is neither there nor this machine's own is a
name that nobody knows, so that no client can reach outside. REAL_AUTHORITY is the file of the authority that signed for the
origins: some clients ask nobody but certifi whom to trust.
"""

import os
import socket

_LOCAL = ("localhost", "127.0.0.1", "::1")
_resolve = socket.getaddrinfo


def _mapped():
    table = {}
    for pair in filter(None, os.environ.get("REAL_HOSTS", "").split(",")):
        name, _, port = pair.partition("=")
        table[name] = int(port)
    return table


def getaddrinfo(host, port, *arguments, **options):
    name = host.decode() if isinstance(host, bytes) else host
    local = _mapped().get(f"{name}:{port}")
    if local is not None:
        return _resolve("127.0.0.1", local, *arguments, **options)
    if name is None or name in _LOCAL:
        return _resolve(host, port, *arguments, **options)
    raise socket.gaierror(socket.EAI_NONAME, f"{name}:{port} is not among the local origins")


socket.getaddrinfo = getaddrinfo

if "REAL_AUTHORITY" in os.environ:
    try:
        import certifi
    except ImportError:
        pass
    else:
        certifi.where = certifi.core.where = lambda: os.environ["REAL_AUTHORITY"]
