"""The kubelet's HTTP servers: the authenticated one over TLS, the read-only one, and healthz.

Source: pkg/kubelet/server/server.go for the paths and their subresources, auth.go for the words of
a refusal.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hmac
import json
import ssl
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from pleg_tui.sim.node_options import Fault

_WAITS_S = 30.0
_MAX_HEAD = 32 << 10
_TEXT = "text/plain; charset=utf-8"
_METRICS = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}


class Pages(Struct, frozen=True):
    """What the servers show, made anew for each request."""

    metrics: Callable[[], str]
    configz: Callable[[], dict[str, Any]]
    healthy: Callable[[], str]
    """Empty, or what is wrong."""
    faults: Callable[[], frozenset[Fault]]
    token: Callable[[], str]
    fine_grained: bool
    """Since 1.33 a refusal names the subresource of its own."""


class _Request(Struct, frozen=True):
    method: str
    path: str
    headers: dict[str, str]


_Answer = tuple[int, str, str]
"""Status, content type, body."""


class KubeletServers:
    """All ports of one kubelet."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._servers: list[asyncio.Server] = []
        self._talks: set[asyncio.Task[Any]] = set()

    async def serve(self, kind: str, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        """Open one; kind is "main", "read-only" or "healthz".

        Raises:
            OSError: the port cannot be had.
        """

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._talks.add(task)
                task.add_done_callback(self._talks.discard)
            with contextlib.suppress(OSError, EOFError, asyncio.TimeoutError, ValueError):
                await self._talk(kind, reader, writer)
            writer.close()

        self._servers.append(await asyncio.start_server(talk, host, port, ssl=tls, limit=_MAX_HEAD))

    def close(self) -> None:
        """End all of them."""
        for server in self._servers:
            server.close()
        for task in self._talks:
            task.cancel()

    async def _talk(
        self, kind: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async with asyncio.timeout(_WAITS_S):
            head = await reader.readuntil(b"\r\n\r\n")
        if Fault.HANG in self._pages.faults():
            await asyncio.sleep(3600)
        request = _parse(head)
        status, content, body = (
            self._answer(kind, request) if request else (400, _TEXT, "Bad Request")
        )
        data = body.encode()
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Content-Type: {content}"]
        if request and "gzip" in request.headers.get("accept-encoding", "") and content == _METRICS:
            data = gzip.compress(data, 1)
            lines.append("Content-Encoding: gzip")
        lines += [f"Content-Length: {len(data)}", "Connection: close", "", ""]
        if request and request.method == "HEAD":
            data = b""
        async with asyncio.timeout(_WAITS_S):
            writer.write("\r\n".join(lines).encode() + data)
            await writer.drain()

    def _answer(self, kind: str, request: _Request) -> _Answer:
        path = request.path.partition("?")[0]
        if request.method not in ("GET", "HEAD"):
            return 405, _TEXT, "Method Not Allowed\n"
        if kind == "main" and (refusal := self._refusal(path, request)) is not None:
            return refusal
        if path in ("/healthz", "/healthz/ping", "/healthz/syncloop"):
            wrong = self._pages.healthy()
            if wrong:
                text = f"[+]ping ok\n[+]log ok\n[-]syncloop failed: {wrong}\nhealthz check failed\n"
                return 500, _TEXT, text
            return 200, _TEXT, "ok"
        if kind == "healthz":
            return 404, _TEXT, "404 page not found\n"
        if path == "/metrics":
            return 200, _METRICS, self._pages.metrics()
        if path == "/configz" and kind == "main":
            body = json.dumps({"kubeletconfig": self._pages.configz()}, separators=(",", ":"))
            return 200, "application/json", body
        return 404, _TEXT, "404 page not found\n"

    def _refusal(self, path: str, request: _Request) -> _Answer | None:
        faults = self._pages.faults()
        if Fault.UNAUTHORIZED in faults:
            return 401, _TEXT, "Unauthorized"
        if Fault.ANONYMOUS in faults:
            return None
        said = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(said, f"Bearer {self._pages.token()}".encode()):
            return 401, _TEXT, "Unauthorized"
        if Fault.FORBIDDEN in faults:
            user = "system:serviceaccount:default:pleg-tui"
            what = self._subresource(path)
            return 403, _TEXT, f"Forbidden (user={user}, verb=get, resource=nodes, {what})"
        return None

    def _subresource(self, path: str) -> str:
        first = path.split("/")[1]
        name = first if first in ("metrics", "stats", "logs") else "proxy"
        if not self._pages.fine_grained:
            return f"subresource={name}"
        own = first if first in ("metrics", "stats", "logs", "configz", "healthz", "pods") else ""
        names = [own] if own == name else [own, name] if own else [name]
        return f"subresource(s)={json.dumps(names, separators=(',', ' ')).replace(chr(34), '')}"


def _parse(head: bytes) -> _Request | None:
    """A request's first line and headers; None when it is none."""
    first, *rest = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    headers = {}
    for line in rest:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return _Request(words[0], words[1], headers)
