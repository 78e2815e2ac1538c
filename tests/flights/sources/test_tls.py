"""Certificates: incomplete chains are completed; what does not end in a trusted root is refused."""

import os
import shutil
import subprocess
import sysconfig
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from flights.sources.client import Client
from flights.sources.download import CertificateError, Downloader, PassingError, RetryPolicy
from flights.sources.settings import ClientSettings
from local.replay.certificates import issue, server_context

ROOT = Path(__file__).parents[3]


class Web:
    """Servers with one answer each, until the test ends."""

    def __init__(self, folder):
        self.folder = folder
        self._servers = []
        self.asked = []

    def serve(self, body, context=None, status=200, headers=()):
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in dict(headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Keep the test output clean."""

        class Server(ThreadingHTTPServer):
            def get_request(self):
                connection, address = super().get_request()
                if context is not None:
                    connection = context.wrap_socket(
                        connection, server_side=True, do_handshake_on_connect=False
                    )
                return connection, address

            def handle_error(self, *_):
                """A client that refuses the certificate is what the tests are about."""

        server = Server(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self._servers.append((server, thread))
        return f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}/file"

    def serve_tls(self, server, *chain, **options):
        folder = self.folder / str(len(self._servers))
        return self.serve(b"the list", server_context(folder, server, *chain), **options)

    def close(self):
        for server, thread in self._servers:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def web(tmp_path):
    started = Web(tmp_path)
    yield started
    started.close()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root that the system trusts: Python reads the system's file from SSL_CERT_FILE."""
    made = issue("The root", authority=True)
    (tmp_path / "roots.pem").write_bytes(made.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    return made


def read(url, **settings):
    """What the URL has, and the certificates that had to be fetched for it."""
    client = Client(ClientSettings(**settings))
    using = Downloader(client, policy=RetryPolicy(attempts=2, first_wait=0.001), timeout=30)
    return using.read(url, lambda answer: answer.body.read()), client.completed


def test_a_complete_chain_is_taken_as_it_is(web, root):
    middle = issue("In between", root, authority=True)
    url = web.serve_tls(issue("server", middle), middle)

    assert read(url) == (b"the list", [])


def form(certificate, how):
    if how == "DER":
        return certificate.der
    if how == "PEM":
        return certificate.pem
    return pkcs7.serialize_certificates([certificate.certificate], serialization.Encoding.DER)


@pytest.mark.parametrize("how", ["DER", "PEM", "PKCS #7"])
def test_a_missing_intermediate_is_fetched_from_the_address_in_the_certificate(web, root, how):
    middle = issue("In between", root, authority=True)
    address = web.serve(form(middle, how))
    url = web.serve_tls(issue("server", middle, issuer_address=address))

    assert read(url) == (b"the list", ["Common Name: In between"])


def test_several_missing_intermediates_are_fetched_one_after_the_other(web, root):
    upper = issue("Upper", root, authority=True)
    lower = issue("Lower", upper, authority=True, issuer_address=web.serve(upper.der))
    url = web.serve_tls(issue("server", lower, issuer_address=web.serve(lower.der)))

    assert read(url) == (b"the list", ["Common Name: Lower", "Common Name: Upper"])


def test_a_missing_intermediate_can_be_a_setting(web, root):
    middle = issue("In between", root, authority=True)
    url = web.serve_tls(issue("server", middle))

    assert read(url, intermediates=middle.pem.decode()) == (b"the list", [])


@pytest.mark.parametrize("length", [1, 2])
def test_what_is_fetched_never_ends_a_chain(web, root, length):
    """Whoever can change what the address gives, and the server, has no root that the system trusts."""
    own = issue("Not the root", authority=True)
    middle = issue("Forged", own, authority=True, issuer_address=web.serve(own.der))
    chain = issue("Forged below", middle, authority=True, issuer_address=web.serve(middle.der))
    issuer = (middle, chain)[length - 1]
    url = web.serve_tls(issue("server", issuer, issuer_address=web.serve(issuer.der)))

    with pytest.raises(CertificateError, match="certificate that cannot be trusted"):
        read(url)


def test_a_forged_certificate_with_the_name_of_a_trusted_root_is_refused(web, root):
    namesake = issue("The root", authority=True)
    url = web.serve_tls(issue("server", namesake, issuer_address=web.serve(namesake.der)))

    with pytest.raises(CertificateError, match="cannot be trusted"):
        read(url)


def test_a_setting_never_ends_a_chain_either(web, root):
    own = issue("Not the root", authority=True)
    middle = issue("In between", own, authority=True)
    url = web.serve_tls(issue("server", middle))

    with pytest.raises(CertificateError, match="cannot be trusted"):
        read(url, intermediates=(middle.pem + own.pem).decode())


LAMBDA = """
import sys
from flights.sources.client import Client
from flights.sources.errors import CertificateError
try:
    Client().get(sys.argv[1]).close()
    print(sys.version_info[:2], "taken")
except CertificateError:
    print(sys.version_info[:2], "refused")
"""


def on_lambdas_python(url):
    """What a client on Python 3.13 makes of the URL: there, a partial chain is enough by default."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(path) for path in sorted(pyenv.glob("3.13.*/bin/python3.13")) if path.exists()]
    python = found[-1] if found else shutil.which("python3.13")
    if python is None:
        pytest.skip("no Python 3.13 on this machine")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_paths()["purelib"]])}
    command = [python, "-B", "-c", LAMBDA, url]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_lambdas_python_completes_a_chain(web, root):
    middle = issue("In between", root, authority=True)
    url = web.serve_tls(issue("server", middle, issuer_address=web.serve(middle.der)))

    assert on_lambdas_python(url) == "(3, 13) taken"


def test_lambdas_python_refuses_a_partial_chain(web, root):
    middle = issue("Forged", issue("Not the root", authority=True), authority=True)
    url = web.serve_tls(issue("server", middle, issuer_address=web.serve(middle.der)))

    assert on_lambdas_python(url) == "(3, 13) refused"


def test_a_chain_that_cannot_be_completed_names_the_setting(web, root):
    middle = issue("In between", root, authority=True)
    url = web.serve_tls(issue("server", middle))

    with pytest.raises(CertificateError, match=r"intermediate certificate is missing.*\.intermediates"):
        read(url)


@pytest.mark.parametrize(
    "answer", [{"body": b"<html>"}, {"body": b"", "status": 404}, {"body": b"x" * 300_000}, {"body": b""}]
)
def test_an_address_that_gives_no_certificate_leaves_the_chain_incomplete(web, root, answer):
    middle = issue("In between", root, authority=True)
    url = web.serve_tls(issue("server", middle, issuer_address=web.serve(**answer)))

    with pytest.raises(CertificateError, match="intermediate certificate is missing"):
        read(url)


def test_a_certificate_of_nobody_s_is_final_and_no_silence(web, root):
    url = web.serve_tls(issue("server"))

    with pytest.raises(CertificateError, match=r"file shows a certificate .*self-signed") as refused:
        read(url)
    assert not isinstance(refused.value, PassingError)
    assert "did not answer" not in str(refused.value)


def test_a_certificate_for_a_different_name_is_refused(web, root):
    url = web.serve_tls(issue("server", root, host="127.0.0.2"))

    with pytest.raises(CertificateError, match="IP address mismatch"):
        read(url)


def test_a_redirect_from_https_to_http_is_refused(web, root):
    elsewhere = web.serve(b"the list of nobody")
    url = web.serve_tls(issue("server", root), status=302, headers={"Location": elsewhere})

    with pytest.raises(Exception, match=r"is redirected from https to http://.*, which is refused"):
        read(url)


@pytest.mark.parametrize(
    "text", ["no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_setting_that_holds_no_certificate_is_a_sentence(text):
    with pytest.raises(CertificateError, match="setting of intermediate certificates is not PEM"):
        Client(ClientSettings(intermediates=text))
