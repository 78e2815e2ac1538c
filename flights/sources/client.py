"""Requests to the sources: what they say about themselves, which answers are taken, what a refusal means."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from flights.sources.errors import CertificateError, NotFoundError, PassingError, SourceError
from flights.sources.retries import retry_after
from flights.sources.settings import ClientSettings
from flights.sources.tls import LONGEST_CHAIN, MISSING_ISSUER, Trust, certificate_error

TIMEOUT_SECONDS = 60.0
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
MOST_REDIRECTS = 5
MOST_CERTIFICATE_BYTES = 256 * 1024
"""Size of an answer with intermediate certificates."""


class Client:
    """Sends GET requests; every answer that is not a document is an error that says why."""

    def __init__(self, settings: ClientSettings | None = None) -> None:
        given = settings or ClientSettings()
        self._trust = Trust(given.intermediates)
        self.completed: list[str] = []
        """Names of the intermediate certificates that had to be fetched."""
        self._session = requests.Session()
        self._session.headers.update(
            # As they are: what is resumed has to be the same bytes.
            {"User-Agent": given.user_agent, "Accept": given.accept, "Accept-Encoding": "identity"}
        )
        self._session.mount("https://", _VerifyingAdapter(self._trust))

    def get(
        self, url: str, headers: Mapping[str, str] | None = None, *, timeout: float = TIMEOUT_SECONDS
    ) -> requests.Response:
        """The answer to a request, 200, 206 or 416, its body not read yet; the caller closes it.

        Redirects are followed, to other hosts too, which have to show a certificate of their own: no request
        carries a secret. From https to http is refused.

        Raises NotFoundError (404, 410), PassingError (a 5xx, 408, 425 or 429 answer, no connection, a
        time-out), CertificateError or SourceError (any other refusal).
        """
        current = url
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._send(url, current, headers or {}, timeout)
            if not answer.is_redirect:
                return self._document(url, answer)
            answer.close()
            target = urljoin(current, answer.headers["Location"])
            if current.startswith("https:") and not target.startswith("https:"):
                raise SourceError(f"{url} is redirected from https to {target}, which is refused")
            current = target
        raise SourceError(f"{url} is redirected more than {MOST_REDIRECTS} times")

    def _send(self, url: str, target: str, headers: Mapping[str, str], timeout: float) -> requests.Response:
        """One request; intermediate certificates that the server leaves out are fetched on the way."""
        if not target.lower().startswith(("http://", "https://")):
            raise SourceError(f"{target!r} is not an http or https URL")
        for _ in range(LONGEST_CHAIN + 1):
            try:
                return self._session.get(
                    target, headers=dict(headers), timeout=timeout, stream=True, allow_redirects=False
                )
            except requests.exceptions.SSLError as error:
                refused = certificate_error(error)
                if refused is None:
                    raise PassingError(f"{url} did not answer ({reason(error)})") from error
                if refused.verify_code not in MISSING_ISSUER or not self._complete(target, timeout):
                    raise CertificateError(_distrust(url, refused)) from error
            except requests.exceptions.RequestException as error:
                if isinstance(error, ValueError):  # requests' errors about URLs are ValueErrors
                    raise SourceError(f"{target!r} is not an http or https URL ({error})") from error
                raise PassingError(f"{url} did not answer ({reason(error)})") from error
        raise CertificateError(f"{url} lacks more than {LONGEST_CHAIN} certificates of its chain")

    def _complete(self, url: str, timeout: float) -> bool:
        """Whether a certificate that the server of `url` leaves out was found."""
        parts = urlsplit(url)
        try:
            found = self._trust.complete(
                str(parts.hostname),
                parts.port or 443,
                timeout,
                lambda address: self._certificate(address, timeout),
            )
        except SourceError:
            return False
        if found:
            self.completed.append(found)
        return bool(found)

    def _certificate(self, address: str, timeout: float) -> bytes:
        """What the address of an issuer has. It is not followed elsewhere."""
        try:
            with self._session.get(address, timeout=timeout, stream=True, allow_redirects=False) as answer:
                content = answer.raw.read(MOST_CERTIFICATE_BYTES + 1, decode_content=False)
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceError(f"{address} did not answer ({reason(error)})") from error
        if answer.status_code != requests.codes.ok or len(content) > MOST_CERTIFICATE_BYTES:
            raise SourceError(f"{address} answered {answer.status_code} with {len(content)} bytes")
        return bytes(content)

    def _document(self, url: str, answer: requests.Response) -> requests.Response:
        if answer.status_code in (200, 206, 416):
            return answer
        with answer:
            raise _refusal(url, answer)


class _VerifyingAdapter(HTTPAdapter):
    """requests' adapter with a TLS context of our own, which has its authorities already."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, **keywords, ssl_context=self._trust.context)

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        return super().proxy_manager_for(proxy, **keywords, ssl_context=self._trust.context)


def _refusal(url: str, answer: requests.Response) -> SourceError:
    """The error that an HTTP status stands for, with the first words of the answer."""
    status = answer.status_code
    try:
        said = answer.raw.read(200, decode_content=False).decode("utf-8", "replace").strip()
    except (urllib3.exceptions.HTTPError, OSError):
        said = ""
    message = f"{url} answered {status} {answer.reason}" + (f": {said}" if said else "")
    if status in (404, 410):
        return NotFoundError(message)
    if status == requests.codes.forbidden:
        return SourceError(
            f"{message}; some sites answer browsers only: see the settings "
            "ingestion.user_agent and ingestion.accept"
        )
    if status in PASSING_STATUS:
        return PassingError(message, retry_after=retry_after(answer.headers.get("Retry-After")))
    return SourceError(message)


def _distrust(url: str, refused: Any) -> str:
    words = f"{url} shows a certificate that cannot be trusted ({refused.verify_message})"
    if refused.verify_code in MISSING_ISSUER:
        return (
            f"{words}: an intermediate certificate is missing and its address gives none that leads to a "
            "trusted root; give it in the setting ingestion.intermediates"
        )
    return words


def reason(error: BaseException) -> str:
    """What lies at the bottom of an error of requests or urllib3."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = error.__cause__ or error.__context__
        nested = [each for each in error.args if isinstance(each, BaseException)]
        named = getattr(error, "reason", None)
        following = named if isinstance(named, BaseException) else inner or (nested[0] if nested else None)
        if following is None:
            break
        error = following
    return str(error) or type(error).__name__


@cache
def default_client() -> Client:
    """The client of a process that has no settings for it."""
    return Client()
