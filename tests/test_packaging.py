"""What a stranger installs and reads fits together."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from pleg_tui.version import __version__

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = dict(
    re.fullmatch(r"([A-Za-z0-9._-]+)==(\S+)", line).groups()  # type: ignore[union-attr, misc]
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
README = (ROOT / "README.md").read_text()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned() -> None:
    pinned = {normal(name) for name in PINS}
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]
    for requirement in asked:
        name = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert name is not None
        assert normal(name[0]) in pinned, f"{requirement} has no pin in constraints.txt"


def test_what_is_installed_is_what_is_pinned() -> None:
    for name in ("textual", "grpcio", "protobuf"):
        assert version(name) == PINS[name]


@pytest.mark.parametrize("target", re.findall(r"`make ([a-z-]+)", README))
def test_make_knows_what_the_readme_says(target: str) -> None:
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_readmes_pictures_and_links_exist() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_the_readme_names_every_option_that_it_needs_rightly() -> None:
    told = ""
    later = (["compare"], ["check"], ["switch"], ["rollback"])
    for command in ([], ["demo"], ["pods"], ["events"], ["simulate"], *later):
        told += subprocess.run(
            [sys.executable, "-m", "pleg_tui", *command, "--help"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
    ours = "\n".join(line for line in README.splitlines() if "pip" not in line)
    ours = re.sub(r"kubectl .*? -- ", "", ours)
    for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours)):
        assert option in told, option


def test_the_program_is_installed_under_its_name() -> None:
    assert PROJECT["scripts"] == {"pleg-tui": "pleg_tui.cli.main:console"}
    for entry in entry_points(group="console_scripts", name="pleg-tui"):
        assert entry.value == "pleg_tui.cli.main:console"


def test_the_changelog_knows_this_version_or_what_comes_next() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"[{__version__}]" in changelog or "[Unreleased]" in changelog
