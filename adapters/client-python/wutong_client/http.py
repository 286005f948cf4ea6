"""HTTP to nodes: bounded bodies, a time limit on every call, no redirects, no proxies.

A proxy or a redirect would let somebody else answer for the node that was named.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .errors import FormError, ProblemError, Unavailable

ANSWER_BYTES_MAX = 16 << 20
"""Most bytes of an answer."""
_CHUNK_BYTES = 1 << 16


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


@dataclass(frozen=True)
class Reply:
    """An answer, whatever its status."""

    status: int
    body: bytes

    def text(self) -> str:
        """The body as text; raises `Unavailable` when it is none."""
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError:
            raise Unavailable("the answer is not text") from None

    def json(self) -> dict[str, Any]:
        """The body as a JSON object; raises `Unavailable` when it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Unavailable(f"expected a JSON object, found status {self.status}: "
                              f"{self.body[:80]!r}")
        return value

    def problem(self) -> ProblemError:
        """The refusal that the body tells (RFC 9457); a body that is none is quoted."""
        try:
            said = self.json()
        except Unavailable:
            said = {}
        start = self.body[:200].decode("utf-8", "replace").strip()
        detail = said.get("detail") or said.get("title") or f"status {self.status}: {start}"
        step = said.get("next_step") or "Check that the address is a Wutong node's."
        field = said.get("field")
        return ProblemError(self.status, str(said.get("code", "unknown")), str(detail), str(step),
                            None if field is None else str(field))


def node_url(text: str) -> str:
    """The base address of a node without a slash at its end; a bare HOST:PORT gets `http://`.

    Raises `FormError` for anything but `http(s)://HOST[:PORT][/PREFIX]`.
    """
    text = text.strip()
    full = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(full)
        _ = parts.port
    except ValueError as error:
        raise FormError("url", f"expected http://HOST:PORT, found {text!r} ({error})") from None
    spare = parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in ("http", "https") or not parts.hostname or spare or " " in full:
        raise FormError("url", f"expected http://HOST:PORT, found {text!r}")
    return full.rstrip("/")


def open_stream(url: str, headers: Mapping[str, str], timeout_s: float) -> Any:
    """Opens a long answer to be read line by line; `timeout_s` bounds each silence.

    Raises `Unavailable` when the node cannot be reached, `ProblemError` when it refuses.
    """
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        return _OPENER.open(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            raise Reply(error.code, error.read(_CHUNK_BYTES)).problem() from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(_reason(error)) from None


def call(method: str, url: str, *, timeout_s: float, body: bytes | None = None,
         headers: Mapping[str, str] | None = None) -> Reply:
    """One request with its whole answer; raises `Unavailable` when there is none in time."""
    end = time.monotonic() + timeout_s
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}), method=method)
    try:
        try:
            response = _OPENER.open(request, timeout=max(timeout_s, 0.001))
        except urllib.error.HTTPError as error:
            # A refusal is an answer: it says what to do next.
            response = error
        with response:
            return Reply(response.status, _read(response, end))
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(_reason(error)) from None


def _read(response: Any, end: float) -> bytes:
    parts, count = [], 0
    while chunk := response.read1(_CHUNK_BYTES):
        count += len(chunk)
        if count > ANSWER_BYTES_MAX:
            raise Unavailable(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
        # The socket's limit is for each read alone: a node that drips must not hold us.
        if time.monotonic() > end:
            raise TimeoutError
        parts.append(chunk)
    return b"".join(parts)


def _reason(error: BaseException) -> str:
    inner = getattr(error, "reason", None)
    if isinstance(error, TimeoutError) or isinstance(inner, TimeoutError):
        return "no answer in time"
    return str(inner or error) or type(error).__name__
