"""The generated stubs are those of the .proto files beside them."""

import subprocess
import sys
from pathlib import Path

import pytest

import pleg_tui.cri

CRI = Path(pleg_tui.cri.__file__).parent


def test_the_stubs_are_what_make_proto_would_write(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    names = sorted(path.name for path in CRI.glob("*.proto"))
    outs = [f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{CRI}", *outs, *names]
    subprocess.run(command, check=True)
    made = sorted(tmp_path.iterdir())
    assert len(made) == 2 * len(names)
    for path in made:
        assert path.read_bytes() == (CRI / path.name).read_bytes(), f"{path.name}: run `make proto`"
