"""nginx on the loopback device, with its own configuration, and a link before it that takes its time."""

import os
import re
import socket
import subprocess
import time

CONFIGURATION = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes auto;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ text/html html; }}
    server {{
        listen 127.0.0.1:{plain};
        listen 127.0.0.1:{secure} ssl http2;
        ssl_certificate {folder}/certificate.pem;
        ssl_certificate_key {folder}/key.pem;
        root {root};
        location / {{ autoindex on; }}
    }}
}}
"""


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(port, process):
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.02)
    raise RuntimeError(f"nginx does not answer on port {port}")


class Web:
    """Serves a folder over http and https. What it starts, it ends."""

    def __init__(self, folder, root, link_program, round_trip_us):
        self.folder, self.links, self.process = folder, [], None
        os.makedirs(folder)
        self.certificate = os.path.join(folder, "certificate.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", os.path.join(folder, "key.pem"), "-out", self.certificate],
                       check=True, stderr=subprocess.DEVNULL)
        self.plain_port, self.secure_port = free_ports(2)
        with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(user="user root;" if os.geteuid() == 0 else "", folder=folder, root=root,
                                            plain=self.plain_port, secure=self.secure_port))
        path = f"{os.environ.get('PATH', '')}:/usr/sbin"
        self.process = subprocess.Popen(["nginx", "-e", os.path.join(folder, "error.log"), "-p", folder, "-c",
                                         os.path.join(folder, "nginx.conf")],
                                        env={**os.environ, "PATH": path}, stderr=subprocess.DEVNULL)
        try:
            wait_for(self.plain_port, self.process)
            self.plain = f"http://127.0.0.1:{self.plain_port}"
            self.far_secure = f"https://127.0.0.1:{self.start_link(link_program, self.secure_port, round_trip_us)}"
            self.far_plain = f"http://127.0.0.1:{self.start_link(link_program, self.plain_port, round_trip_us)}"
        except BaseException:
            self.close()
            raise

    def start_link(self, program, port, round_trip_us):
        link = subprocess.Popen([program, str(port), str(round_trip_us)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.links.append(link)
        return int(link.stdout.readline())

    def close(self):
        for link in self.links:
            link.stdin.close()
            link.wait()
            link.stdout.close()
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


def nginx_version():
    told = subprocess.run(["nginx", "-v"], env={**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"},
                          stderr=subprocess.PIPE, check=True).stderr.decode()
    return re.search(r"nginx/(\S+)", told).group(1)
