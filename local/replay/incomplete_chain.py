"""TLS of a server that leaves out its intermediate certificate; its own names the address of that one."""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from local.layout import HOST
from local.replay.certificates import issue, server_context


class IncompleteChain:
    """A root, whose certificate is `root.pem` in `folder`, an intermediate below it, and the server's."""

    def __init__(self, folder: Path) -> None:
        """Make the certificates, and serve the intermediate one by http until the process ends."""
        folder.mkdir(parents=True, exist_ok=True)
        root = issue("Replay's root", authority=True)
        between = issue("Replay's intermediate", root, authority=True)
        self.root = folder / "root.pem"
        """What a client has to trust."""
        self.root.write_bytes(root.pem)
        self.address = _serve(between.der)
        """Where the intermediate certificate is."""
        self.context = server_context(folder, issue("replay", between, issuer_address=self.address))


def _serve(certificate: bytes) -> str:
    """URL of a server that has nothing but this."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/pkix-cert")
            self.send_header("Content-Length", str(len(certificate)))
            self.end_headers()
            self.wfile.write(certificate)

        def log_message(self, *_: object) -> None:
            """It has one file."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{HOST}:{server.server_address[1]}/intermediate.cer"
