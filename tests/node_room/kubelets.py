"""Nodes with a kubelet on them, as folders below a root, and a kubelet's server on a port."""

from __future__ import annotations

import json
import os
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "kubelet-1.36"
BOOTED = 1_795_000_000
PID = 812
TICKS = os.sysconf("SC_CLK_TCK")
STARTED = BOOTED + 449_585.0
"""When the kubelet of the recorded pages and logs was started, about."""

CONFIG = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"


class Node:
    """A node's file system.

    Args:
        root: an empty folder for it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc/1/ns").mkdir(parents=True)
        self.write("/proc/1/comm", "systemd\n")
        self.write("/proc/stat", f"cpu 1 2 3\nbtime {BOOTED}\n")

    def write(self, path: str, text: str | bytes, at: float = STARTED - 1000) -> Path:
        """A file, last changed before the kubelet's start."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            file.write_bytes(text)
        else:
            file.write_text(text)
        os.utime(file, (at, at))
        os.utime(file.parent, (at, at))
        return file

    def config(self, path: str, text: str = "", at: float = STARTED - 1000) -> Path:
        """A KubeletConfiguration."""
        return self.write(path, CONFIG + text, at)

    def process(
        self,
        *arguments: str,
        pid: int = PID,
        comm: str = "kubelet",
        program: str = "/usr/bin/kubelet",
        started: float = STARTED,
        unit: str = "kubelet.service",
    ) -> None:
        """A running process."""
        folder = f"/proc/{pid}"
        self.write(f"{folder}/comm", comm + "\n")
        command = "\0".join((program, *arguments)) + "\0"
        self.write(f"{folder}/cmdline", command.encode())
        ticks = round((started - BOOTED) * TICKS)
        fields = ["S", "1", *["0"] * 9, "700", "300", *["0"] * 6, str(ticks), *["0"] * 20]
        self.write(f"{folder}/stat", f"{pid} ({comm}) {' '.join(fields)}\n")
        self.write(f"{folder}/status", f"Name:\t{comm}\nNSpid:\t{pid}\n")
        self.write(f"{folder}/cgroup", f"0::/system.slice/{unit}\n")
        self.write(f"{folder}/io", "rchar: 1000\nwchar: 0\nsyscr: 10\nsyscw: 0\n")

    def log_to_file(self, path: str, pid: int = PID) -> None:
        """Let the kubelet's standard error go to a file."""
        folder = self.root / f"proc/{pid}/fd"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "2").symlink_to(path)


def klog(message: str, pid: int = PID, at: str = "16:00:00.000000", level: str = "I") -> str:
    """A line as the kubelet writes it; its message is quoted."""
    text, _, rest = message.partition("|")
    return f'{level}1123 {at} {pid:7d} some.go:1] "{text}"{" " + rest if rest else ""}\n'


def start_lines(version: str, pid: int = PID, at: str = "16:00:00.000000") -> str:
    """What every kubelet logs when it starts."""
    return klog(f'Kubelet version|kubeletVersion="v{version}"', pid, at)


def page(
    *,
    relists: int,
    version: str = "1.36.2",
    gate: bool | None = None,
    errors: int | None = 0,
    discards: int = 0,
    events: int = 0,
    slow: int = 0,
    started: float = STARTED,
) -> str:
    """A kubelet's metrics page, as far as it concerns its PLEG."""
    intervals = max(0, relists - 1)
    text = (
        f'kubernetes_build_info{{git_version="v{version}",major="1"}} 1\n'
        f"process_start_time_seconds {started}\nprocess_cpu_seconds_total {relists / 50}\n"
        f"kubelet_pleg_discard_events {discards}\n"
        f'kubelet_pleg_relist_duration_seconds_bucket{{le="0.005"}} {relists}\n'
        f'kubelet_pleg_relist_duration_seconds_bucket{{le="+Inf"}} {relists}\n'
        f"kubelet_pleg_relist_duration_seconds_sum {relists * 0.002}\n"
        f"kubelet_pleg_relist_duration_seconds_count {relists}\n"
        f'kubelet_pleg_relist_interval_seconds_bucket{{le="10"}} {intervals - slow}\n'
        f'kubelet_pleg_relist_interval_seconds_bucket{{le="+Inf"}} {intervals}\n'
        f"kubelet_pleg_relist_interval_seconds_sum {intervals}\n"
        f"kubelet_pleg_relist_interval_seconds_count {intervals}\n"
    )
    if errors is not None:
        text += (
            f"kubelet_evented_pleg_connection_error_count {errors}\n"
            f"kubelet_evented_pleg_connection_success_count {max(1, errors)}\n"
            f'kubelet_evented_pleg_connection_latency_seconds_bucket{{le="+Inf"}} {events}\n'
            f"kubelet_evented_pleg_connection_latency_seconds_sum {events * 0.001}\n"
            f"kubelet_evented_pleg_connection_latency_seconds_count {events}\n"
        )
    if gate is not None:
        text += f'kubernetes_feature_enabled{{name="EventedPLEG",stage="ALPHA"}} {int(gate)}\n'
    return text


Answer = tuple[int, str | bytes] | Callable[[], tuple[int, str]]


class Server:
    """An HTTP or HTTPS server on 127.0.0.1 that remembers what it was asked.

    Args:
        answers: by path; a callable is asked each time.
        certificate: a PEM file with certificate and key: HTTPS.
        client_ca: whose client certificates are asked for.
    """

    def __init__(
        self,
        answers: Mapping[str, Answer],
        certificate: Path | None = None,
        client_ca: Path | None = None,
    ) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers = dict(answers)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append((self.path, dict(self.headers.items())))
                answer = outer.answers.get(self.path, (404, ""))
                status, body = answer() if callable(answer) else answer
                data = body if isinstance(body, bytes) else body.encode()
                self.send_response(status)
                if status in (301, 302):
                    self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate is not None:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            if client_ca is not None:
                context.load_verify_locations(client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def configz(gates: Mapping[str, bool], **more: object) -> str:
    """What /configz answers."""
    return json.dumps({"kubeletconfig": {"featureGates": dict(gates), **more}})


def says(evidence: Sequence[Any], source: str) -> str:
    """All that a source says."""
    return " | ".join(item.says for item in evidence if item.source == source)
