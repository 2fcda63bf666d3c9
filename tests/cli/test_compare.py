"""`compare`: what it prints, saves and answers, with experiments that are played."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from pleg_tui.cli.compare_text import progress_line
from pleg_tui.compare import prepare as preparing
from pleg_tui.compare.report import to_json
from pleg_tui.compare.types import Lane, NotMeasurable, Plan, Progress, Report
from pleg_tui.feed.types import Settings
from tests import compare_scenes as scenes
from tests.cli.conftest import Ended, Run
from tests.cli.fakes import FakeFeed

Compare = Callable[..., Ended]


class Played(scenes.FakeExperiment):
    """Ends by itself; with a signal, in its middle it is told to end."""

    signal_at_13 = 0

    async def run(self) -> Report:
        self.go(13, self.final)
        if self.signal_at_13:
            os.kill(os.getpid(), self.signal_at_13)
        else:
            self.finish()
        await self._end.wait()
        return self.told

    def stop(self) -> None:
        self.stopped = True
        self.finish(replace(self.final, blocks=13))


@pytest.fixture
def plans() -> list[Plan]:
    return []


@pytest.fixture
def compare(run: Run, monkeypatch: pytest.MonkeyPatch, plans: list[Plan]) -> Compare:
    """Run `compare` on an experiment that ends with this report, or that cannot be made."""

    def compare_(
        *arguments: str, report: Report = scenes.FULL, error: str = "", number: int = 0
    ) -> Ended:
        async def prepare(settings: Settings, plan: Plan, *, beside: str = "") -> Played:
            plans.append(plan)
            if error:
                raise NotMeasurable(error)
            played = Played(plan, report)
            played.signal_at_13 = number
            return played

        monkeypatch.setattr(preparing, "prepare", prepare)
        return run("compare", *arguments, feed=FakeFeed())

    return compare_


def test_the_table_says_the_verdict_first_and_every_figure_with_its_interval(
    compare: Compare,
) -> None:
    ended = compare()
    assert ended.code == 0
    assert ended.err == ""
    assert ended.lines[0] == "-- containerd v2.1.9, 50 pods, 100 containers"
    assert ended.lines[1].startswith("Polling once a second costs")
    (cpu,) = (line for line in ended.lines if line.startswith("runtime's daemon"))
    assert "3.1 ms/s (2.7 to 3.6)" in cpu
    assert "no measurable cost (-0.35 to 0.51)" in cpu
    assert "not the kubelet" in ended.out
    assert "PROJECTED, NOT MEASURED" in ended.out
    assert "left out: block 13 (polling): the runtime restarted" in ended.out
    (missed,) = (line for line in ended.lines if "flaky" in line)
    assert "never seen" in missed
    assert "lived 312 ms" in missed


def test_simulated_is_said_wherever_a_figure_is(compare: Compare) -> None:
    ended = compare(report=scenes.simulated())
    headings = [
        line
        for line in ended.lines
        if (line[:1] != " " and line[:4].isupper()) or line.startswith("--")
    ]
    assert len(headings) == 6
    assert all("simulated" in line.lower() for line in headings)


def test_json_is_the_promised_object(compare: Compare) -> None:
    ended = compare("-o", "json", report=scenes.unavailable())
    told = json.loads(ended.out)
    assert told["schema"] == "pleg-tui/compare/v1"
    assert told["lanes"]["evented"] is None
    assert "CRI-O 1.33 or newer" in told["reason"]
    assert told["lanes"]["polling"]["runtime_cpu_ms_per_s"]["significant"] is True


def test_the_plan_is_what_the_options_say(compare: Compare, plans: list[Plan]) -> None:
    compare("--duration", "10m", "--block", "20", "--period", "500ms", "--seed", "7",
            "--kubelet-version", "v1.35.1", "--same", "polling")  # fmt: skip
    assert plans == [Plan(600, 20, 2.0, 0.5, seed=7, kubelet_version="1.35.1", same=Lane.POLLING)]


@pytest.mark.parametrize("duration", ["150", "150s", "2m30s"])
def test_a_duration_may_be_written_in_several_ways(
    compare: Compare, plans: list[Plan], duration: str
) -> None:
    compare("--duration", duration)
    assert plans[0].duration_s == 150


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_the_report_of_what_there_is(
    compare: Compare, number: int, tmp_path: Path
) -> None:
    ended = compare("-o", "json", "--save", str(tmp_path / "r.json"), number=number)
    assert ended.code == 128 + number
    assert json.loads(ended.out)["blocks"] == 13
    assert json.loads((tmp_path / "r.json").read_text())["blocks"] == 13


def test_not_measurable_is_one_sentence_and_exit_code_1(compare: Compare) -> None:
    ended = compare(error="the runtime's process was not found: run this as root")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == "pleg-tui: the runtime's process was not found: run this as root\n"


def test_a_run_whose_effects_could_not_be_read_ends_with_1_and_says_why(compare: Compare) -> None:
    blind = replace(
        scenes.early(12), caveats=("The runtime's own CPU is unknown: no permission, use sudo.",)
    )
    ended = compare(report=blind)
    assert ended.code == 1
    assert "use sudo" in ended.err
    assert "WHAT EACH COSTS" in ended.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--duration", "10s"], "--duration 120s"),
        (["--duration", "-5m"], "--duration"),
        (["--block", "1s"], "--block"),
        (["--period", "0"], "--period"),
        (["--duration", "soon"], "30s"),
        (["--kubelet-version", "new"], "1.36"),
        (["--save", "/no/such/folder/r.json"], "no folder"),
        (["--save", "/dev/null"], "there already"),
        (["--diff", "/no/a.json", "/no/b.json"], "cannot be read"),
        (["--diff", "/dev/null", "/dev/null"], "is no file"),
        (["--diff", "a", "b", "--duration", "5m"], "measures nothing"),
        (["--same", "sideways"], "invalid choice"),
        (["--churn", "2"], "add --demo"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_measured(
    run: Run, arguments: list[str], says: str
) -> None:
    ended = run("compare", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.count("\n") == 1
    assert says in ended.err


def test_no_runtime_ends_with_3(run: Run) -> None:
    ended = run("compare", "-r", "/no/such.sock")
    assert ended.code == 3
    assert "nothing is at" in ended.err


# -- files


def test_a_saved_report_is_its_owners_alone(compare: Compare, tmp_path: Path) -> None:
    path = tmp_path / "before.json"
    ended = compare("--save", str(path))
    assert ended.err == f"pleg-tui: saved {path}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["schema"] == "pleg-tui/compare/v1"


def test_nothing_is_saved_over_anything(compare: Compare, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to(target)
    taken = tmp_path / "taken"
    taken.write_text("precious")
    for path in (link, taken):
        ended = compare("--save", str(path))
        assert ended.code == 2
        assert "there already" in ended.err
    assert not target.exists()
    assert taken.read_text() == "precious"


def test_what_appears_meanwhile_is_left_as_it_is(
    compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.json"

    class Slow(Played):
        async def run(self) -> Report:
            path.write_text("precious")
            return await super().run()

    monkeypatch.setattr("tests.cli.test_compare.Played", Slow, raising=False)
    monkeypatch.setitem(globals(), "Played", Slow)
    ended = compare("--save", str(path))
    assert ended.code == 1
    assert "left as it is" in ended.err
    assert ended.lines[0].startswith("-- containerd"), "the report is printed all the same"
    assert path.read_text() == "precious"


# -- before and after


@pytest.fixture
def saved(tmp_path: Path) -> tuple[str, str]:
    after = replace(scenes.no_cost(), started_at=scenes.T0 + 3600 * scenes.S)
    for name, report in (("a.json", scenes.FULL), ("b.json", after)):
        (tmp_path / name).write_text(json.dumps(to_json(report)))
    return str(tmp_path / "a.json"), str(tmp_path / "b.json")


def test_two_reports_are_held_against_each_other(run: Run, saved: tuple[str, str]) -> None:
    ended = run("compare", "--diff", *saved)
    assert ended.code == 0, ended.err
    assert "BEFORE" in ended.out
    assert "AFTER" in ended.out
    told = run("compare", "--diff", *saved, "-o", "json")
    assert isinstance(json.loads(told.out), dict)


def test_what_is_no_report_is_named(run: Run, saved: tuple[str, str], tmp_path: Path) -> None:
    for text in ("", "{}", "[1]", '{"schema": "pleg-tui/pods/v1"}', "[" * 5000):
        path = tmp_path / "other"
        path.write_text(text)
        ended = run("compare", "--diff", saved[0], str(path))
        assert (ended.code, ended.out) == (2, "")
        assert str(path) in ended.err
        assert ended.err.count("\n") == 1


# -- progress


def test_progress_is_one_line_with_the_time_left() -> None:
    progress = Progress("running", 13, 28, None, 140, 140)
    assert progress_line(progress, 80) == "[##########..........]  50%  2 min 20 s left"
    assert len(progress_line(progress, 30)) == 30
    assert "starting" in progress_line(Progress("starting", 0, 28, None, 0, 280), 80)
