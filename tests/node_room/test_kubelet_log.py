from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.kubelet.log import read_log, read_log_file
from pleg_tui.node.kubelet.log_evidence import judge_log
from pleg_tui.node.kubelet.log_lines import LogFacts, digest, parse_line
from pleg_tui.node.kubelet.process import find_kubelet
from pleg_tui.node.kubelet.types import Mode, Weight
from tests.node_room.kubelets import DATA, PID, Node, klog, start_lines

ERRORS = (
    "GetContainerEvents failed to get streaming client",
    "container events stream is closed",
    "failed to receive streaming container event",
)
HERE = frozenset({PID})


def facts_of(text: str, pids: frozenset[int] = HERE, **more: bool) -> LogFacts:
    return digest(map(parse_line, text.splitlines()))


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_the_log_of_a_real_kubelet_on_events() -> None:
    log = read_log_file(str(DATA / "evented/kubelet.log"), frozenset())
    assert log.gates == {"EventedPLEG": True}
    assert log.version == "1.36.2"
    assert log.verbosity == 4
    assert (log.stream_errors, log.fell_back) == (0, False)
    assert log.events > 0
    assert log.unhealthy == 0  # the one at the start only says that it has just begun


def test_the_log_of_a_real_kubelet_that_polls() -> None:
    log = read_log_file(str(DATA / "generic/kubelet.log"), frozenset())
    assert log.gates == {"EventedPLEG": False}
    assert log.events == 0


@pytest.mark.parametrize(
    "line",
    [
        "I1123 16:00:55.9   812 f.go:249] feature gates: &{map[A:false EventedPLEG:true]}",
        "I1123 16:00:55.9   812 feature_gate.go:249] feature gates: {map[EventedPLEG:true]}",
        'I1123 16:00:55.9   812 feature_gate.go:476] "Updated" featureGates={"EventedPLEG":true}',
        "Nov 23 16:00:55 n kubelet[812]: I1123 16:00:55.9   812 feature_gate.go:476] "
        '"Updated" featureGates={"EventedPLEG":true}',
        json.dumps({"ts": 1.0, "msg": "Updated", "featureGates": {"EventedPLEG": True}, "v": 1}),
    ],
)
def test_the_gates_are_read_in_every_form(line: str) -> None:
    gates = facts_of(line).gates
    assert gates is not None
    assert gates["EventedPLEG"] is True


def test_five_errors_of_the_stream_are_a_fall_back() -> None:
    text = "".join(klog(ERRORS[n % 3], at=f"16:00:0{n}.0", level="E") for n in range(5))
    log = facts_of(text)
    assert (log.stream_errors, log.burst) == (5, True)
    (evidence,) = judge_log(LogFacts(source="f", stream_errors=5, burst=True))
    assert (evidence.weight, evidence.polls) == (Weight.STRONG, True)
    assert "within ten seconds" in evidence.says


def test_errors_far_apart_add_up_for_the_count_is_never_set_back() -> None:
    text = "".join(klog(ERRORS[0], at=f"1{n}:00:00.0", level="E") for n in range(5))
    log = facts_of(text)
    assert (log.stream_errors, log.burst) == (5, False)


def test_four_errors_decide_nothing() -> None:
    (evidence,) = judge_log(LogFacts(source="f", stream_errors=4))
    assert evidence.weight is Weight.WEAK


def test_in_1_37_only_the_line_itself_tells_that_it_has_given_up() -> None:
    (errors,) = judge_log(LogFacts(source="f", stream_errors=9), hint_only=True)
    assert errors.polls is None
    text = klog(
        "Evented PLEG: disabling container-termination fast path after exhausting event stream "
        "retries|retries=5",
        level="E",
    )
    assert facts_of(text).fast_path_off
    (evidence,) = judge_log(LogFacts(source="f", fast_path_off=True), hint_only=True)
    assert evidence.mode is Mode.FALLEN_BACK


def test_the_fall_back_line_is_known() -> None:
    line = klog("Fall back to Generic PLEG relisting since Evented PLEG is not working")
    assert facts_of(line).fell_back


def test_the_rhythm_of_logged_relists() -> None:
    polling = "".join(klog("GenericPLEG: Relisting", at=f"16:00:{n:02}.0") for n in range(12))
    found = judge_log(LogFacts(source="f", relists=facts_of(polling).relists))
    assert [e.polls for e in found] == [True]
    rare = "".join(klog("GenericPLEG: Relisting", at=f"16:{n:02}:00.0") for n in range(0, 25, 5))
    found = judge_log(LogFacts(source="f", relists=facts_of(rare).relists))
    assert [e.polls for e in found] == [False]


def test_a_pod_cannot_put_words_into_the_kubelets_mouth() -> None:
    evil = "Fall back to Generic PLEG relisting since Evented PLEG is not working"
    inside = klog(f'container event received|resp="labels:{{k:\\"{evil}\\"}}"')
    value = f"resp=<\n\t{evil}\n\t{klog(evil)} >\n"
    text = inside + value + f"\tx kubelet[1]: {klog(evil)}" + evil + "\n"
    assert not facts_of(text).fell_back


def test_skipped_pods_are_counted_with_the_reason() -> None:
    why = "PLEG is not healthy: pleg was last seen active 3m5s ago; threshold is 3m0s"
    log = facts_of(klog(f'Skipping pod synchronization|err="{why}"', level="E"))
    assert (log.unhealthy, log.unhealthy_says) == (1, why)


def test_only_this_kubelets_lines_count(tmp_path: Path) -> None:
    old = "".join(klog(ERRORS[0], pid=700) for _ in range(9)) + klog(ERRORS[0], pid=700)
    text = (
        start_lines("1.35.0", 700) + old + start_lines("1.36.2") + klog(ERRORS[1], at="16:00:01.0")
    )
    log = read_log_file(write(tmp_path / "log", text), HERE)
    assert (log.version, log.stream_errors) == ("1.36.2", 1)


def test_a_kubelet_before_it_with_the_same_pid_does_not_count(tmp_path: Path) -> None:
    text = (
        start_lines("1.35.0", at="10:00:00.0")
        + klog(ERRORS[0], at="11:00:00.0")
        + klog('Updated|featureGates={"EventedPLEG":true}', at="16:00:00.0")
        + start_lines("1.36.2", at="16:00:00.5")
    )
    log = read_log_file(write(tmp_path / "log", text), HERE)
    assert (log.version, log.stream_errors, log.gates) == ("1.36.2", 0, {"EventedPLEG": True})


def test_json_logging_has_no_pid_and_the_last_start_counts(tmp_path: Path) -> None:
    lines = [
        {"ts": 1e12, "msg": "Kubelet version", "kubeletVersion": "v1.35.0"},
        {"ts": 1e12 + 1, "msg": ERRORS[0]},
        {"ts": 1e12 + 9e6, "msg": "Kubelet version", "kubeletVersion": "v1.36.2"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    log = read_log_file(write(tmp_path / "log", text), HERE)
    assert (log.version, log.stream_errors) == ("1.36.2", 0)


def test_a_log_without_a_line_of_this_kubelet_says_so(tmp_path: Path) -> None:
    log = read_log_file(write(tmp_path / "log", start_lines("1.36.2", 5)), HERE)
    assert log.source == ""
    assert "no line of this kubelet of process 812" in log.why


def test_a_huge_log_is_read_from_both_ends(tmp_path: Path) -> None:
    path = tmp_path / "log"
    noise = klog("SyncLoop (housekeeping)") * 1000
    with path.open("w") as file:
        file.write(klog('Updated|featureGates={"EventedPLEG":true}') + start_lines("1.36.2"))
        while file.tell() < 12 << 20:
            file.write(noise)
        file.write(klog(ERRORS[0]) * 5)
    log = read_log_file(str(path), HERE)
    assert log.gates == {"EventedPLEG": True}
    assert log.stream_errors == 5
    assert "only the first 1 and last 8 were read" in log.why


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe", "empty"])
def test_what_is_no_log_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "log"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "empty":
        path.touch()
    log = read_log_file(str(path), HERE)
    assert log.source == ""
    assert str(path) in log.why


def test_where_standard_error_goes_is_where_it_is_read(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.process()
    node.write("/var/log/own.log", start_lines("1.36.2"))
    node.log_to_file("/var/log/own.log")
    log = read_log(str(tmp_path), find_kubelet(str(tmp_path)).chosen)
    assert log.version == "1.36.2"


def test_syslog_has_the_lines_of_many(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.process()
    ours = f"Nov 23 16:00:00 n kubelet[{PID}]: {start_lines('1.36.2', 1)}"
    other = f"Nov 23 16:00:00 n evil[7]: kubelet[{PID}]: {klog(ERRORS[0], 7)}"
    node.write("/var/log/syslog", other + ours + other)
    log = read_log(str(tmp_path), find_kubelet(str(tmp_path)).chosen)
    assert (log.version, log.stream_errors) == ("1.36.2", 0)


def test_no_journal_is_told_with_the_remedy(tmp_path: Path) -> None:
    node = Node(tmp_path)
    node.process()
    log = read_log(str(tmp_path), find_kubelet(str(tmp_path)).chosen)
    assert log.source == ""
    assert "journal" in log.why
    assert "--kubelet-log" in log.why


JOURNALCTL = """#!/bin/sh
echo "$@" > {args}
{does}
"""


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Node, Path]:
    """A node with a journal, and the place for a stand-in journalctl."""
    node = Node(tmp_path / "node")
    node.process()
    (node.root / "var/log/journal").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    return node, tmp_path / "bin/journalctl"


def test_the_journal_is_asked_for_this_process_since_its_start(
    journal: tuple[Node, Path],
) -> None:
    node, program = journal
    line = f"1795449600.5 host kubelet[{PID}]: {start_lines('1.34.1')}"
    (program.parent / "lines").write_text(line)
    program.write_text(
        JOURNALCTL.format(args=program.parent / "args", does=f"cat {program.parent / 'lines'}")
    )
    program.chmod(0o755)
    log = read_log(str(node.root), find_kubelet(str(node.root)).chosen)
    assert log.version == "1.34.1"
    asked = (program.parent / "args").read_text()
    assert f"_PID={PID}" in asked
    assert "--since=@1795449584" in asked
    assert f"--directory={node.root}/var/log/journal" in asked


@pytest.mark.parametrize(
    ("does", "reason"),
    [("exit 1", "failed (exit code 1)"), ("sleep 60", "no answer within 0.5 s"), ("", "no line")],
)
def test_a_journal_that_does_not_work_is_told(
    journal: tuple[Node, Path], does: str, reason: str
) -> None:
    node, program = journal
    program.write_text(JOURNALCTL.format(args="/dev/null", does=does))
    program.chmod(0o755)
    log = read_log(str(node.root), find_kubelet(str(node.root)).chosen, timeout_s=0.5)
    assert log.source == ""
    assert reason in log.why


@given(st.lists(st.text() | st.sampled_from([klog(e) for e in ERRORS]) | st.just('{"msg":1}')))
def test_no_line_is_too_strange(lines: list[str]) -> None:
    judge_log(digest(map(parse_line, lines)))
