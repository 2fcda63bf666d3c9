"""The endpoint is found as crictl finds it, and what is wrong is said in one sentence."""

import os
import socket
import stat
from pathlib import Path

import pytest

from pleg_tui.cri.endpoint import WELL_KNOWN, EndpointError, Wanted, discover
from pleg_tui.cri.sockets import NODE, Probe, under

CONTAINERD, CRIO = WELL_KNOWN[:2]


class Tree:
    """A file system made of dictionaries."""

    def __init__(
        self,
        sockets: dict[str, Probe] | None = None,
        files: dict[str, str | OSError] | None = None,
        links: dict[str, str] | None = None,
        beside: str | None = None,
    ) -> None:
        self.sockets = sockets or {}
        self.files = files or {}
        self.links = links or {}
        self.beside = beside

    def probe(self, path: str) -> Probe:
        return self.sockets.get(path, Probe.ABSENT)

    def read(self, path: str) -> str:
        found = self.files.get(path, FileNotFoundError(2, "No such file or directory"))
        if isinstance(found, OSError):
            raise found
        return found

    def readlink(self, path: str) -> str | None:
        return self.links.get(path)

    def beside_crictl(self) -> str | None:
        return self.beside


def up(*paths: str) -> dict[str, Probe]:
    return dict.fromkeys(paths, Probe.ANSWERS)


YAML = "runtime-endpoint: unix:///from/file.sock\ntimeout: 7\n"
EVERYTHING = Tree(
    up("/a.sock", "/b.sock", "/from/file.sock", CONTAINERD), {"/etc/crictl.yaml": YAML}
)


def test_the_order_is_option_variable_file_well_known() -> None:
    env = {"CONTAINER_RUNTIME_ENDPOINT": "unix:///b.sock"}
    assert discover(Wanted("unix:///a.sock"), env, EVERYTHING).uri == "unix:///a.sock"
    assert discover(Wanted(), env, EVERYTHING).uri == "unix:///b.sock"
    assert discover(Wanted(), {}, EVERYTHING).uri == "unix:///from/file.sock"
    assert discover(Wanted(), {}, Tree(up(CRIO))).path == CRIO


def test_the_timeout_of_the_file_holds_whoever_names_the_endpoint() -> None:
    assert discover(Wanted("/a.sock"), {}, EVERYTHING).timeout_s == 7
    assert discover(Wanted(), {}, Tree(up(CRIO))).timeout_s is None
    assert (
        discover(Wanted(), {}, Tree(up(CRIO), {"/etc/crictl.yaml": "timeout: 0"})).timeout_s is None
    )


def test_the_first_well_known_socket_that_answers_is_taken() -> None:
    tree = Tree({CONTAINERD: Probe.REFUSED, CRIO: Probe.ANSWERS})
    found = discover(Wanted(), {}, tree)
    assert found.path == CRIO
    assert not found.given


@pytest.mark.parametrize(
    "text", ["/run/x.sock", "unix:///run/x.sock", "unix:/run/x.sock", "UNIX:///run//x.sock"]
)
def test_ways_to_write_a_socket(text: str) -> None:
    assert discover(Wanted(text), {}, Tree(up("/run/x.sock"))).uri == "unix:///run/x.sock"


def test_a_relative_path_is_taken_from_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert discover(Wanted("sim.sock"), {}, Tree()).path == str(tmp_path / "sim.sock")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tcp://1.2.3.4:5678", "only unix:///path"),
        ("http://x", "only unix:///path"),
        ("npipe:////./pipe/x", "only unix:///path"),
        ("unix://relative.sock", "unix:///path/to/socket"),
        ("/" + "x" * 120, "Linux takes 107"),
        ("/a\0b", "is not a path"),
    ],
)
def test_what_is_no_endpoint_is_wrong_usage(text: str, says: str) -> None:
    with pytest.raises(EndpointError, match=says) as error:
        discover(Wanted(text), {}, Tree())
    assert error.value.usage
    assert "\n" not in str(error.value)


def test_an_endpoint_that_is_not_up_yet_is_no_error_for_who_waits() -> None:
    found = discover(Wanted("/later.sock"), {}, Tree())
    assert found.given
    found.check(waits=True)
    with pytest.raises(EndpointError, match=r"nothing is at /later.sock .*--runtime-endpoint"):
        found.check()


def test_a_socket_left_behind_is_told_from_one_that_is_absent() -> None:
    found = discover(Wanted("/dead.sock"), {}, Tree({"/dead.sock": Probe.REFUSED}))
    found.check(waits=True)
    with pytest.raises(EndpointError, match=r"nobody answers at /dead.sock"):
        found.check()


@pytest.mark.parametrize("waits", [True, False])
def test_no_permission_says_what_to_do(waits: bool) -> None:
    found = discover(Wanted("/a.sock"), {}, Tree({"/a.sock": Probe.DENIED}))
    with pytest.raises(EndpointError, match="sudo -E") as error:
        found.check(waits=waits)
    assert not error.value.usage


def test_a_plain_file_is_not_a_socket() -> None:
    found = discover(Wanted("/etc/passwd"), {}, Tree({"/etc/passwd": Probe.NOT_A_SOCKET}))
    with pytest.raises(EndpointError, match="is not a socket"):
        found.check(waits=True)


def test_every_socket_that_was_tried_is_named() -> None:
    tree = Tree({CRIO: Probe.REFUSED})
    with pytest.raises(EndpointError) as error:
        discover(Wanted(), {}, tree)
    for path in WELL_KNOWN:
        assert path in str(error.value)
    assert f"{CRIO} (nobody answers)" in str(error.value)
    assert "--runtime-endpoint" in str(error.value)


def test_a_well_known_socket_without_permission_asks_for_sudo() -> None:
    with pytest.raises(EndpointError, match="sudo -E"):
        discover(Wanted(), {}, Tree({CONTAINERD: Probe.DENIED}))
    assert discover(Wanted(), {}, Tree({CONTAINERD: Probe.DENIED, **up(CRIO)})).path == CRIO


def test_a_named_file_must_exist_and_a_default_one_need_not() -> None:
    with pytest.raises(EndpointError, match=r"--config.*does not exist") as error:
        discover(Wanted(config="/no.yaml"), {}, Tree(up(CRIO)))
    assert error.value.usage
    with pytest.raises(EndpointError, match=r"CRI_CONFIG_FILE.*does not exist"):
        discover(Wanted(), {"CRI_CONFIG_FILE": "/no.yaml"}, Tree(up(CRIO)))
    assert discover(Wanted(), {}, Tree(up(CRIO))).path == CRIO


def test_a_named_file_is_used_instead_of_the_default_one() -> None:
    files: dict[str, str | OSError] = {
        "/my.yaml": "runtime-endpoint: /m.sock",
        "/etc/crictl.yaml": YAML,
    }
    assert discover(Wanted(config="/my.yaml"), {}, Tree({}, files)).path == "/m.sock"
    env = {"CRI_CONFIG_FILE": "/my.yaml"}
    assert discover(Wanted(), env, Tree({}, files)).path == "/m.sock"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("runtime-endpoint: [unclosed", "not YAML"),
        ("- a\n- b\n", "key: value"),
        ("just words", "key: value"),
        ("runtime-endpoint: 5", "not a text"),
        ("timeout: soon", "not a number"),
        ("timeout: true", "not a number"),
        ("a: 1\na: 2\n", "not YAML"),
        ("runtime-endpoint: tcp://x:1", "only unix"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(EndpointError, match=says) as error:
        discover(Wanted(), {}, Tree(up(CRIO), {"/etc/crictl.yaml": text}))
    assert "/etc/crictl.yaml" in str(error.value)
    assert error.value.usage


@pytest.mark.parametrize("text", ["", "# nothing\n", "debug: true\n", "runtime-endpoint: ''\n"])
def test_a_file_that_names_no_endpoint_leaves_the_well_known(text: str) -> None:
    assert discover(Wanted(), {}, Tree(up(CRIO), {"/etc/crictl.yaml": text})).path == CRIO


def test_a_default_file_that_cannot_be_read_matters_only_where_it_is_needed() -> None:
    files: dict[str, str | OSError] = {"/etc/crictl.yaml": PermissionError(13, "Permission denied")}
    tree = Tree(up(CRIO, "/a.sock"), files)
    assert discover(Wanted("/a.sock"), {}, tree).path == "/a.sock"
    with pytest.raises(EndpointError, match="sudo -E") as error:
        discover(Wanted(), {}, tree)
    assert not error.value.usage


def test_the_file_beside_crictl_is_the_last_resort() -> None:
    files: dict[str, str | OSError] = {"/opt/bin/crictl.yaml": "runtime-endpoint: /o.sock"}
    assert discover(Wanted(), {}, Tree({}, files, beside="/opt/bin/crictl.yaml")).path == "/o.sock"


def test_root_prefixes_the_well_known_sockets_and_the_file() -> None:
    rooted = "/host" + CONTAINERD
    assert discover(Wanted(root="/host"), {}, Tree(up(rooted, CONTAINERD))).path == rooted
    files: dict[str, str | OSError] = {
        "/host/etc/crictl.yaml": YAML,
        "/etc/crictl.yaml": "debug: 1",
    }
    tree = Tree(up("/host/from/file.sock", "/from/file.sock"), files)
    assert discover(Wanted(root="/host"), {}, tree).path == "/host/from/file.sock"


def test_a_named_path_is_tried_as_it_is_and_then_under_the_root() -> None:
    both = Tree(up("/run/x.sock", "/host/run/x.sock"))
    assert discover(Wanted("/run/x.sock", root="/host"), {}, both).path == "/run/x.sock"
    rooted = Tree(up("/host/run/x.sock"))
    assert discover(Wanted("/run/x.sock", root="/host"), {}, rooted).path == "/host/run/x.sock"
    assert discover(Wanted("/host/run/x.sock", root="/host"), {}, rooted).path == "/host/run/x.sock"
    assert discover(Wanted("/run/x.sock", root="/host/"), {}, Tree()).path == "/host/run/x.sock"


def test_symbolic_links_of_the_node_are_followed_inside_the_root() -> None:
    links = {"/host/var/run": "/run", "/host/run/crio": "../data/crio", "/host/loop": "/loop"}
    tree = Tree(links=links)
    assert under("/host", "/var/run/cri-dockerd.sock", tree) == "/host/run/cri-dockerd.sock"
    assert under("/host", "/run/crio/crio.sock", tree) == "/host/data/crio/crio.sock"
    assert under("/host", "/../../etc/passwd", tree) == "/host/etc/passwd"
    assert under("/host", "/loop/x", tree).startswith("/host/loop")
    assert under("/", "/var/run/x", tree) == "/var/run/x"


def test_real_sockets_are_told_apart(tmp_path: Path) -> None:
    live, dead = tmp_path / "live.sock", tmp_path / "dead.sock"
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(dead))
        server.bind(str(live))
        server.listen(1)
        # More connections than its queue holds: somebody listens all the same.
        assert [NODE.probe(str(live)) for _ in range(5)] == [Probe.ANSWERS] * 5
    assert stat.S_ISSOCK(os.stat(dead).st_mode)  # noqa: PTH116
    assert NODE.probe(str(dead)) is Probe.REFUSED
    assert NODE.probe(str(tmp_path / "none")) is Probe.ABSENT
    assert NODE.probe(str(tmp_path / "file")) is Probe.NOT_A_SOCKET
    assert NODE.probe(str(tmp_path / "file" / "below")) is Probe.ABSENT
