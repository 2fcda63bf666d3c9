"""`pleg-tui pods`: what an admin and a script get."""

import json
from typing import Any

import pytest

from pleg_tui.cli.pods import with_status
from pleg_tui.feed.types import Health, Phase, SourceChoice
from pleg_tui.model import ContainerState, SandboxState
from tests.cli.conftest import Run
from tests.cli.fakes import T0, FakeFeed, container, live, pod

EXITED = container("job", ContainerState.EXITED)
STATUS: dict[str, Any] = {
    "status": {
        "id": EXITED.id,
        "state": "CONTAINER_EXITED",
        "started_at": str(T0 + 1),
        "finished_at": str(T0 + 2),
        "exit_code": 137,
        "reason": "OOMKilled",
        "log_path": "/var/log/pods/x/job/0.log",
    }
}


def node(*pods: Any, **more: Any) -> FakeFeed:
    return FakeFeed(pods={each.uid: each for each in pods}, **more)


def test_a_line_a_pod_sorted_by_namespace_and_name(run: Run) -> None:
    ended = run(
        "pods",
        feed=node(
            pod("web", container("app"), namespace="shop"),
            pod("dns", container("dns"), namespace="kube-system"),
            pod("gone", state=SandboxState.NOTREADY, namespace="batch"),
        ),
    )
    assert ended.code == 0
    assert ended.lines[0].split()[:5] == ["NAMESPACE", "POD", "READY", "STATE", "RESTARTS"]
    assert [line.split()[:4] for line in ended.lines[1:]] == [
        ["batch", "gone", "0/0", "NotReady"],
        ["kube-system", "dns", "1/1", "Ready"],
        ["shop", "web", "1/1", "Ready"],
    ]
    assert ended.err == ""


def test_the_last_exit_is_told_with_its_code_and_reason(run: Run) -> None:
    feed = node(pod("web", container("app"), EXITED), answers={EXITED.id: STATUS})
    assert "job 137 OOMKilled" in run("pods", feed=feed).lines[1]
    assert feed.asked == [EXITED.id], "running containers are not asked about for a table"
    assert feed.stopped


def test_all_shows_every_container_below_its_pod(run: Run) -> None:
    feed = node(pod("web", container("app"), EXITED), answers={EXITED.id: STATUS})
    lines = run("pods", "-a", feed=feed).lines
    assert lines[2].split()[:3] == ["-", "app", "Running"]
    assert lines[3].split()[:3] == ["-", "job", "Exited"]
    assert "137 OOMKilled" in lines[3]


def test_a_container_that_is_gone_meanwhile_keeps_its_unknowns(run: Run) -> None:
    feed = node(pod("web", EXITED))
    assert "job ?" in run("pods", feed=feed).lines[1]
    told = json.loads(run("pods", "-o", "json", feed=feed).out)
    one = told["pods"][0]["containers"][0]
    assert (one["state"], one["exit_code"], one["started_at"]) == ("exited", None, None)


def test_json_has_the_promised_keys_and_nothing_unknown_is_invented(run: Run) -> None:
    feed = node(pod("web", container("app"), EXITED), answers={EXITED.id: STATUS})
    told = json.loads(run("pods", "-o", "json", feed=feed).out)
    assert list(told) == ["schema", "simulated", "runtime", "pods"]
    assert told["schema"] == "pleg-tui/pods/v1"
    assert told["simulated"] is False
    assert told["runtime"] == {
        "name": "containerd",
        "version": "v2.1.9",
        "endpoint": "unix:///fake.sock",
    }
    (one,) = told["pods"]
    assert list(one) == [
        "uid", "namespace", "name", "sandbox_id", "attempt", "state", "ready", "restarts",
        "created_at", "ips", "labels", "containers",
    ]  # fmt: skip
    assert one["created_at"] == "2023-11-14T22:13:20.000000000Z"
    assert (one["state"], one["ips"], one["labels"]) == ("ready", ["10.0.0.1"], {"app": "web"})
    app, job = one["containers"]
    assert list(app) == [
        "id", "name", "image", "state", "attempt", "restarts", "created_at", "started_at",
        "finished_at", "exit_code", "reason", "log_path",
    ]  # fmt: skip
    assert app["state"] == "running"
    assert app["exit_code"] is None
    assert app["finished_at"] is None
    assert job["exit_code"] == 137
    assert job["reason"] == "OOMKilled"
    assert job["finished_at"] == "2023-11-14T22:13:20.000000002Z"
    assert job["log_path"] == "/var/log/pods/x/job/0.log"
    assert sorted(feed.asked) == sorted([EXITED.id, container("app").id])


def test_it_lists_once_and_never_subscribes(run: Run) -> None:
    feed = node()
    assert run("pods", feed=feed).code == 0
    assert feed.settings.source is SourceChoice.NONE


def test_a_simulated_runtime_is_called_so(run: Run) -> None:
    feed = node(pod("web"), healths=[live(simulated=True)])
    assert run("pods", feed=feed).lines[0] == "-- SIMULATED containerd v2.1.9"
    assert json.loads(run("pods", "-o", "json", feed=feed).out)["simulated"] is True


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--name", "^web"], ["web"]),
        (["--name", "e"], ["new", "web"]),
        (["--namespace", "sys$"], ["dns"]),
        (["--label", "app=web"], ["web"]),
        (["--label", "app=web", "--label", "x=y"], []),
        (["--state", "NotReady"], ["dns"]),
        (["-s", "ready"], ["new", "web"]),
        (["-p", "s-we"], ["web"]),
        (["--pod", "uid-dns"], ["dns"]),
        (["--id", "new"], ["new"]),
        (["-n", "2"], ["new", "web"]),
        (["--last", "1"], ["new"]),
        (["-l"], ["new"]),
        (["--name", "web", "--namespace", "sys"], []),
    ],
)
def test_filters(run: Run, arguments: list[str], names: list[str]) -> None:
    feed = node(
        pod("web", created_at=T0 + 2),
        pod("dns", namespace="kube-sys", state=SandboxState.NOTREADY, created_at=T0 + 1),
        pod("new", created_at=T0 + 3),
    )
    told = json.loads(run("pods", "-o", "json", *arguments, feed=feed).out)
    assert [each["name"] for each in told["pods"]] == names


def test_quiet_prints_whole_sandbox_ids_and_asks_nothing(run: Run) -> None:
    feed = node(pod("web", EXITED))
    assert run("pods", "-q", feed=feed).lines == ["s-web".ljust(64, "0")]
    assert feed.asked == []


def test_ids_are_cut_as_crictl_does_unless_asked_otherwise(run: Run) -> None:
    feed = node(pod("web"))
    assert run("pods", feed=feed).lines[1].split()[-1] == "s-web".ljust(13, "0")
    assert run("pods", "--no-trunc", feed=feed).lines[1].split()[-1] == "s-web".ljust(64, "0")


def test_what_the_runtime_answers_badly_ends_with_3_and_its_words(run: Run) -> None:
    broken = Health(Phase.CONNECTING, error="what answers there is not a CRI v1 runtime")
    feed = node(healths=[Health(), broken])
    ended = run("pods", feed=feed)
    assert ended.code == 3
    assert ended.err == "pleg-tui: what answers there is not a CRI v1 runtime\n"
    assert feed.stopped


def test_a_runtime_that_does_not_answer_ends_with_3(run: Run) -> None:
    feed = node(healths=[Health(), Health(Phase.CONNECTING)])
    ended = run("pods", "--timeout", "50ms", feed=feed)
    assert ended.code == 3
    assert "--timeout" in ended.err


def test_a_status_overtakes_the_listing() -> None:
    listed = container("job")
    now = with_status(listed, STATUS)
    assert (now.state, now.exit_code, now.reason) == (ContainerState.EXITED, 137, "OOMKilled")
    # An exit code of 0 is left out of the answer.
    ended = with_status(EXITED, {"status": {"state": "CONTAINER_EXITED"}})
    assert ended.exit_code == 0
    assert with_status(listed, {}) == listed
    assert with_status(listed, {"status": {"started_at": "x"}}).started_at == 0
