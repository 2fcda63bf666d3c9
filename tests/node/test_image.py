"""Images that were made and not pulled must still be images."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.node.rig import image
from tests.node.rig.containerd import configure
from tests.node.rig.namespace import RigError

ELF_AMD64 = b"\x7fELF\x02\x01" + bytes(12) + (62).to_bytes(2, "little") + bytes(100)


def parse(path: Path) -> tuple[dict[str, bytes], list[Any]]:
    with tarfile.open(path) as tar:
        files = {}
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            files[member.name] = file.read()
    return files, json.loads(files["index.json"])["manifests"]


def test_every_blob_is_what_its_name_says_and_every_reference_has_one(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(ELF_AMD64)
    image.build(busybox, tmp_path / "images.tar")
    files, manifests = parse(tmp_path / "images.tar")

    names = {m["annotations"]["io.containerd.image.name"] for m in manifests}
    assert names == {image.PAUSE, image.BUSYBOX}
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert name == f"blobs/sha256/{hashlib.sha256(data).hexdigest()}"
    for described in manifests:
        manifest = json.loads(blob(files, described))
        config = json.loads(blob(files, manifest["config"]))
        (layer,) = manifest["layers"]
        plain = gzip.decompress(blob(files, layer))
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(plain).hexdigest()}"]
        with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
            assert tar.getmember("bin/busybox").mode == 0o755
            assert tar.getmember("bin/sh").linkname == "busybox"


def blob(files: dict[str, bytes], reference: dict[str, Any]) -> bytes:
    data = files["blobs/" + reference["digest"].replace(":", "/")]
    assert len(data) == reference["size"]
    return data


def test_a_program_of_no_machine_is_refused(tmp_path: Path) -> None:
    busybox = tmp_path / "busybox"
    busybox.write_bytes(b"#!/bin/sh\n" + bytes(30))
    with pytest.raises(ValueError, match="busybox"):
        image.build(busybox, tmp_path / "images.tar")


@pytest.mark.parametrize(
    "default",
    [
        "    restrict_oom_score_adj = false\n      sandbox = 'registry.k8s.io/pause:3.10'\n",
        '    restrict_oom_score_adj = false\n    sandbox_image = "registry.k8s.io/pause:3.8"\n',
    ],
    ids=["version 3", "version 2"],
)
def test_both_kinds_of_configuration_are_changed(default: str) -> None:
    text = configure(default)
    assert "restrict_oom_score_adj = true" in text
    assert f"'{image.PAUSE}'" in text


def test_a_configuration_of_another_shape_is_not_guessed_at() -> None:
    with pytest.raises(RigError, match="restrict_oom_score_adj"):
        configure("version = 9\n")
