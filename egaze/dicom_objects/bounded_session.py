"""HTTP with limits: on the bytes of an answer, on the time it takes, and on where it may come from."""

from __future__ import annotations

import re
import time
from typing import Any

import requests
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from egaze.errors import ArchiveError

_CHUNK_BYTES = 1 << 16
#: A transfer may take this many times as long as the server may be silent.
_LONGEST_TRANSFER = 20


class BoundedSession(requests.Session):
    """A session whose answers are whole, not larger than a limit and not endless, or else an ArchiveError.

    It reads no settings from the environment: neither proxies, through which radiographs would leave the house, nor
    passwords. It follows no redirections, which could lead elsewhere.

    Args:
        limit_bytes: the largest answer.
        timeout_s: how long the server may be silent.
    """

    def __init__(self, limit_bytes: int, timeout_s: float) -> None:
        super().__init__()
        self.trust_env = False
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request and read the whole answer.

        Raises:
            ArchiveError: the answer is too large, takes too long, breaks off, or leads elsewhere.
        """
        ends_s = time.monotonic() + _LONGEST_TRANSFER * self._timeout_s
        options |= {"stream": True, "allow_redirects": False, "timeout": self._timeout_s}
        with super().send(request, **options) as response:
            if response.is_redirect:
                raise ArchiveError("leads to another address; give that one")
            content = bytearray()
            # What has come is taken at once: `iter_content` would wait for a whole chunk, however slowly it comes.
            while chunk := _read(response):
                content += chunk
                if len(content) > self._limit_bytes:
                    raise ArchiveError(f"sends more than {self._limit_bytes} bytes for one answer")
                if time.monotonic() > ends_s:
                    raise ArchiveError(f"has not sent its answer within {_LONGEST_TRANSFER * self._timeout_s:g} s")
        if response.ok:
            _require_end(response, content)
        response._content = bytes(content)
        return response


def _read(response: requests.Response) -> bytes:
    try:
        chunk: bytes = response.raw.read1(_CHUNK_BYTES, decode_content=True)
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except ProtocolError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
    except HTTPError as error:
        raise requests.ConnectionError(error) from error
    return chunk


def _require_end(response: requests.Response, content: bytearray) -> None:
    """A multipart answer ends with its boundary, even if the server does not say how long it is (RFC 2046 5.1)."""
    kind = response.headers.get("Content-Type", "")
    boundary = re.search(r'boundary=(?:"([^"]+)"|([^\s;]+))', kind)
    if not kind.lower().startswith("multipart/") or boundary is None:
        return
    if f"--{boundary[1] or boundary[2]}--".encode() not in content[-512:]:
        raise ArchiveError("broke off the transfer")
