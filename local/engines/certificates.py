"""TLS of the embedded databases: one certificate that signs itself, made once for each embedded AWS.

A client that verifies the server, as it does on AWS, has to trust `bundle()`: OpenSSL reads its path from the
environment variable SSL_CERT_FILE.
"""

from __future__ import annotations

import fcntl
import ipaddress
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from local.layout import HOST, home

LIFETIME = timedelta(days=825)


def bundle() -> Path:
    """The certificates to trust, as a PEM file."""
    return _files()[0]


def server_context() -> ssl.SSLContext:
    """TLS for a server on the loopback address."""
    certificate, key = _files()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def java_trust_store() -> Path:
    """Public authorities and the certificates to trust here, as one PKCS #12 file without password."""
    path = home() / "certificates" / "trust.p12"
    if not path.exists():
        with warnings.catch_warnings():
            # Some authorities have serial numbers that newer rules would not allow.
            warnings.simplefilter("ignore")
            trusted = x509.load_pem_x509_certificates(
                Path(certifi.where()).read_bytes() + bundle().read_bytes()
            )
        unique = {one.fingerprint(hashes.SHA256()): one for one in trusted}
        entries = [
            pkcs12.PKCS12Certificate(one, fingerprint.hex().encode()) for fingerprint, one in unique.items()
        ]
        partial = path.with_suffix(".partial")
        partial.write_bytes(pkcs12.serialize_java_truststore(entries, serialization.NoEncryption()))
        partial.replace(path)
    return path


def server_files() -> tuple[Path, Path]:
    """Certificate and private key of a server on the loopback address, as PEM files."""
    return _files()


def _files() -> tuple[Path, Path]:
    """Certificate and key; made if there are none yet."""
    folder = home() / "certificates"
    certificate, key = folder / "bundle.pem", folder / "key.pem"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not certificate.exists():
            _make(certificate, key)
    return certificate, key


def _make(certificate: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "refstack embedded AWS")])
    addresses = [x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")]
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
