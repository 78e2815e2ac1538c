"""TLS to the sources: verified against the system's authorities, also when a server leaves a certificate out.

transtats.bts.gov at times sends its own certificate without the intermediate one between it and a root
(GoogleCloudPlatform/data-science-on-gcp#140). Browsers then fetch the intermediate from the address that the
certificate itself names: Authority Information Access, caIssuers (RFC 5280, section 4.2.2.1); so does
`Trust.complete`. That address may be http and anybody may have changed what it gives, which therefore may
complete a chain but never end one: OpenSSL takes no certificate but a self-signed one of the trust store for
a chain's end as long as X509_V_FLAG_PARTIAL_CHAIN is off (openssl-verification-options(1ossl); Python's
create_default_context sets it from 3.13 on), and each handshake checks besides that the chain does not end in
a certificate that was fetched.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import certifi
from asn1crypto import cms, pem, x509

from flights.sources.errors import CertificateError, SourceError

MISSING_ISSUER = frozenset({2, 20, 21})
"""OpenSSL's errors of an incomplete chain: X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, …_CERT_LOCALLY and
…_UNABLE_TO_VERIFY_LEAF_SIGNATURE."""
LONGEST_CHAIN = 4
"""Certificates to fetch for one server at most."""

Fetch = Callable[[str], bytes]
"""Gets what an address has, up to some kilobytes; raises SourceError."""


class Trust:
    """Whom to trust: the system's and certifi's authorities, and intermediates on the way there."""

    def __init__(self, intermediates: str = "") -> None:
        """Start with these intermediates (PEM). Raises CertificateError if they are not PEM."""
        self.context = ssl.create_default_context()
        self.context.load_verify_locations(certifi.where())
        self.context.verify_flags &= ~ssl.VERIFY_X509_PARTIAL_CHAIN
        self._added: set[bytes] = set()
        self._fetched: dict[tuple[str, int], list[x509.Certificate]] = {}
        added = self._added

        class Socket(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:
                super().do_handshake(block)
                _check_end(self, added)

        class Object(ssl.SSLObject):
            def do_handshake(self) -> None:
                super().do_handshake()
                _check_end(self, added)

        self.context.sslsocket_class = Socket
        self.context.sslobject_class = Object
        if intermediates:
            try:
                found = _certificates(intermediates.encode())
            except ValueError as error:
                raise CertificateError(
                    f"The setting of intermediate certificates is not PEM ({error})"
                ) from error
            for certificate in found:
                self._add(certificate)

    def complete(self, host: str, port: int, timeout: float, fetch: Fetch) -> str | None:
        """Fetch the next certificate that this server leaves out of its chain; its name, None without one.

        Call it when verification failed for a MISSING_ISSUER, and connect again after it. Raises SourceError
        if the server or the address does not answer.
        """
        chain = self._fetched.setdefault((host, port), [])
        if len(chain) >= LONGEST_CHAIN:
            return None
        certificate = chain[-1] if chain else _leaf(host, port, timeout)
        for address in _issuer_addresses(certificate):
            try:
                found = _certificates(fetch(address))
            except ValueError:
                continue
            for issuer in found:
                if issuer.subject == certificate.issuer and self._add(issuer):
                    chain.append(issuer)
                    return str(issuer.subject.human_friendly)
        return None

    def _add(self, certificate: x509.Certificate) -> bool:
        """Whether the certificate is new and one that may complete a chain."""
        content = certificate.dump()
        if certificate.self_issued or content in self._added:
            return False
        try:
            self.context.load_verify_locations(cadata=content)
        except ssl.SSLError:
            return False
        self._added.add(content)
        return True


def certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The refused certificate behind an error of requests or urllib3; None if it is a different fault."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        if isinstance(each, ssl.SSLCertVerificationError):
            return each
        seen.add(id(each))
        nested = [
            one for one in (*each.args, getattr(each, "reason", None)) if isinstance(one, BaseException)
        ]
        waiting += [each.__cause__, each.__context__, *nested]
    return None


def _check_end(connection: Any, added: set[bytes]) -> None:
    """Refuse a verified chain that ends in a certificate that was fetched."""
    if not added:
        return
    if hasattr(connection, "get_verified_chain"):  # Python 3.13
        end = connection.get_verified_chain()[-1]
    else:
        end = ssl.PEM_cert_to_DER_cert(connection._sslobj.get_verified_chain()[-1].public_bytes())
    if end in added:
        refusal = ssl.SSLCertVerificationError("the chain does not end in a trusted root")
        refusal.verify_code = 1  # X509_V_ERR_UNSPECIFIED
        refusal.verify_message = "the chain ends in a certificate that was fetched, not in a trusted root"
        raise refusal


def _leaf(host: str, port: int, timeout: float) -> x509.Certificate:
    """The server's own certificate, not verified: nothing but its addresses of issuers is used."""
    try:
        text = ssl.get_server_certificate((host, port), timeout=timeout)
        return x509.Certificate.load(ssl.PEM_cert_to_DER_cert(text))
    except (OSError, ValueError) as error:
        raise SourceError(f"{host}:{port} does not show its certificate ({error})") from error


def _issuer_addresses(certificate: x509.Certificate) -> list[str]:
    """Web addresses of the certificate's issuer, by its Authority Information Access."""
    try:
        access = certificate.authority_information_access_value
        return [
            str(each["access_location"].native)
            for each in access or ()
            if each["access_method"].native == "ca_issuers"
            and each["access_location"].name == "uniform_resource_identifier"
            and str(each["access_location"].native).startswith(("http://", "https://"))
        ]
    except ValueError:
        return []


def _certificates(content: bytes) -> list[x509.Certificate]:
    """Certificates of an answer: one in DER, any number in PEM or in a PKCS #7 without signature.

    RFC 5280, section 4.2.2.1 has DER and PKCS #7. Raises ValueError if it is none of them.
    """
    if pem.detect(content):
        found = [x509.Certificate.load(der) for _, _, der in pem.unarmor(content, multiple=True)]
    else:
        try:
            found = [x509.Certificate.load(content, strict=True)]
            _ = found[0].subject.native
        except (ValueError, TypeError):
            bag = cms.ContentInfo.load(content, strict=True)
            if bag["content_type"].native != "signed_data":
                raise ValueError("neither a certificate nor a PKCS #7 of certificates") from None
            found = [each.chosen for each in bag["content"]["certificates"] if each.name == "certificate"]
    for certificate in found:
        _ = certificate.native  # parsed now, so that damage shows here
    return found
