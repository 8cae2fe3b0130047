"""Certificates for origins, made by the openssl command: good ones and every kind that must be refused."""

import os
import ssl
import subprocess
import tempfile


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


class Certificates:
    """A folder with an authority (`authority` is its file) and contexts signed by it, or not."""

    def __init__(self, folder=None):
        self._own = None if folder else tempfile.TemporaryDirectory(prefix="origins-tls-")
        self.folder = folder or self._own.name
        self.authority = self._make_authority("authority", "Journeys Test Authority")
        self._make_authority("stranger", "Some Unknown Authority")
        names = "DNS:localhost,IP:127.0.0.1"
        self.good = self._make("good", "authority", names)
        self.expired = self._make("expired", "authority", names, "20200101000000Z", "20210101000000Z")
        self.other_name = self._make("other", "authority", "DNS:elsewhere.example")
        self.unknown_issuer = self._make("unknown", "stranger", names)

    def _file(self, name):
        return os.path.join(self.folder, name)

    def _make_authority(self, name, subject):
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", self._file(f"{name}.key"), "-out", self._file(f"{name}.pem"), "-days", "3650",
                 "-subj", f"/O=medmirror tests/CN={subject}",
                 "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        # `openssl ca` alone can sign for a time in the past, and it wants these files.
        with open(self._file(f"{name}.cnf"), "w", encoding="utf-8") as file:
            file.write(f"[ca]\ndefault_ca=own\n[own]\nnew_certs_dir={self.folder}\ndatabase={self._file(name)}.index\n"
                       f"rand_serial=yes\ncertificate={self._file(name)}.pem\nprivate_key={self._file(name)}.key\n"
                       "default_md=sha256\npolicy=any\nunique_subject=no\ncopy_extensions=copy\n"
                       "[any]\ncommonName=supplied\n")
        with open(self._file(f"{name}.index"), "w", encoding="utf-8"):
            pass
        return self._file(f"{name}.pem")

    def _make(self, name, issuer, names, begins="20200101000000Z", ends="20491231000000Z"):
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-keyout", self._file(f"{name}.key"), "-out", self._file(f"{name}.csr"),
                 "-subj", f"/CN={name} test origin", "-addext", f"subjectAltName={names}")
        _openssl("ca", "-batch", "-notext", "-config", self._file(f"{issuer}.cnf"), "-in", self._file(f"{name}.csr"),
                 "-out", self._file(f"{name}.pem"), "-startdate", begins, "-enddate", ends)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._file(f"{name}.pem"), self._file(f"{name}.key"))
        return context

    def named(self, *names):
        """A context that is good for hosts of these NAMES."""
        return self._make("named", "authority", ",".join(f"DNS:{name}" for name in names))

    def close(self):
        if self._own is not None:
            self._own.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
