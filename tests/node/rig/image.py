"""Images made, not pulled: one busybox as an OCI layout in a tar file.

Source of the layout: the OCI image layout and image specifications, version 1.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

PAUSE = "registry.k8s.io/pause:3.8"
BUSYBOX = "docker.io/library/busybox:latest"

_ARCHITECTURES = {62: "amd64", 183: "arm64", 243: "riscv64", 22: "s390x", 21: "ppc64le"}
"""ELF e_machine to the name that images use."""
_APPLETS = ("sh", "sleep", "echo", "cat", "tail", "dd", "true", "false", "ls", "date", "kill")


def build(busybox: Path, target: Path) -> None:
    """Write a tar file that `ctr images import` takes, with PAUSE and BUSYBOX in it.

    Args:
        busybox: a statically linked busybox, the images' only program.
        target: the tar file to write.

    Raises:
        ValueError: busybox is no ELF program of a known machine.
    """
    program = busybox.read_bytes()
    blobs: dict[str, bytes] = {}

    def blob(data: bytes, media: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        blobs[digest] = data
        return {"mediaType": media, "digest": f"sha256:{digest}", "size": len(data)}

    layer_tar = _layer(program)
    layer = blob(
        gzip.compress(layer_tar, 1, mtime=0), "application/vnd.oci.image.layer.v1.tar+gzip"
    )
    diff_id = f"sha256:{hashlib.sha256(layer_tar).hexdigest()}"
    manifests = []
    for name, run in (
        (PAUSE, {"Entrypoint": ["/bin/sleep", "infinity"]}),
        (BUSYBOX, {"Cmd": ["/bin/sh"]}),
    ):
        config = {
            "architecture": _architecture(program),
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], **run},
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob(_json(config), "application/vnd.oci.image.config.v1+json"),
            "layers": [layer],
        }
        described = blob(_json(manifest), "application/vnd.oci.image.manifest.v1+json")
        manifests.append({**described, "annotations": {"io.containerd.image.name": name}})

    with tarfile.open(target, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": manifests}))
        for digest, data in blobs.items():
            _add(tar, f"blobs/sha256/{digest}", data)


def _layer(program: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "tmp"):
            info = tarfile.TarInfo(folder)
            info.type = tarfile.DIRTYPE
            info.mode = 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        _add(tar, "bin/busybox", program, 0o755)
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type = tarfile.SYMTYPE
            link.linkname = "busybox"
            tar.addfile(link)
    return buffer.getvalue()


def _architecture(program: bytes) -> str:
    machine = int.from_bytes(program[18:20], "little" if program[5:6] == b"\x01" else "big")
    if program[:4] != b"\x7fELF" or machine not in _ARCHITECTURES:
        raise ValueError("busybox is not a program of a machine that the rig knows")
    return _ARCHITECTURES[machine]


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = mode
    tar.addfile(info, io.BytesIO(data))


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode()
