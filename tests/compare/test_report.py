"""The whole answer, the JSON that is a promise to scripts, and the way back."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pleg_tui.compare.report import NotOurs, build, from_json, to_json
from pleg_tui.compare.types import (
    Block,
    Context,
    KubeletBeside,
    Lane,
    LaneReport,
    Plan,
    Report,
    Sighting,
    Watch,
)
from tests.compare.synthetic import REAL, full, report

SECOND = 10**9
START = 1_800_000_000_123_456_789


def sighting(lane: Lane, state: str, at: int, after_ms: int, id_: str = "a") -> Sighting:
    return Sighting(lane, id_, state, START + at, START + at + after_ms * 10**6, "ns/pod/c")


SEEN = (
    sighting(Lane.EVENTED, "running", 10 * SECOND, 1),
    sighting(Lane.POLLING, "running", 10 * SECOND, 700),
    sighting(Lane.EVENTED, "running", 20 * SECOND, 1, "b"),
    sighting(Lane.EVENTED, "exited", 20 * SECOND + 300_000_000, 2, "b"),
)
WHOLE = replace(
    REAL,
    sources={Lane.POLLING: "generic relist of kubelet 1.36, every 1 s", Lane.EVENTED: "events"},
    kubelet=KubeletBeside("1.36.2", "generic", 42.1, 1.0, 2.5, "metrics", ""),
    watches=tuple(Watch(lane, START, START + 300 * SECOND) for lane in Lane),
    overhead="two clients in Python",
    started_at=START,
    notes=("A note of the lanes.",),
)


def whole(context: Context = WHOLE, blocks: list[Block] | None = None) -> Report:
    return build(Plan(seed=5), full(trouble="bursts") if blocks is None else blocks, SEEN, context)


def of(made: Report, lane: Lane) -> LaneReport:
    found = made.lanes[lane]
    assert found is not None
    return found


def test_what_the_clients_did_is_told_by_the_second() -> None:
    polling = of(whole(), Lane.POLLING)
    assert polling.calls_per_s == 2.0
    assert polling.bytes_per_s == 232_000
    assert polling.context_switches_per_s == 20
    assert polling.rss_bytes == 30 << 20
    assert polling.client_cpu_ms_per_s == pytest.approx(4.75, rel=0.02)
    assert polling.source == "generic relist of kubelet 1.36, every 1 s"


def test_the_sightings_become_detection_and_the_missed_list() -> None:
    made = whole()
    assert [(one.lane, one.id, one.state) for one in made.missed] == [(Lane.POLLING, "b", "life")]
    polling, evented = of(made, Lane.POLLING), of(made, Lane.EVENTED)
    assert (polling.transitions_seen, polling.transitions_missed) == (1, 2)
    assert (evented.transitions_seen, evented.transitions_missed) == (3, 0)
    assert polling.detection.p50 == pytest.approx(700)
    assert [edge for edge, _ in polling.detection.histogram] == [
        edge for edge, _ in evented.detection.histogram
    ]


def test_every_block_that_does_not_count_in_full_is_named() -> None:
    blocks = full()
    blocks[2] = replace(blocks[2], spoiled="the runtime restarted.")
    blocks[3] = replace(blocks[3], runtime_cpu_ns=None)
    blocks[4] = replace(blocks[4], runtime_cpu_ns=(blocks[4].runtime_cpu_ns or 0) + 10**9)
    made = whole(blocks=blocks)
    assert made.blocks == 27
    assert len(made.measured) == 28
    assert made.spoiled[0].endswith("does not count: the runtime restarted.")
    assert "could not be read" in made.spoiled[1]
    assert "was far from the others" in made.spoiled[2]
    assert [one.split()[1] for one in made.spoiled] == ["3", "4", "5"]


def test_a_lane_that_is_not_available_is_none_with_the_reason() -> None:
    context = replace(WHOLE, available=frozenset({Lane.POLLING}), reason="CRI-O 1.30 steals")
    made = whole(context, full(available=context.available))
    assert made.lanes[Lane.EVENTED] is None
    assert made.reason == "CRI-O 1.30 steals"
    assert to_json(made)["lanes"]["evented"] is None


def test_nothing_measured_yet_is_a_report_too() -> None:
    made = build(Plan(), (), (), replace(WHOLE, finished=False))
    assert made.blocks == 0
    assert of(made, Lane.POLLING).client_cpu_ms_per_s is None
    assert made.projection is None
    assert any("still running" in one for one in made.caveats)
    assert from_json(through(made)).verdict == made.verdict


def test_changes_explain_only_where_everybody_was_counted() -> None:
    told = "as the live stream counted it"
    assert any(told in one for one in whole().caveats)
    blind = replace(WHOLE, counted_throughout=False)
    assert not any(told in one for one in whole(blind).caveats)
    assert whole().caveats[-1] == "A note of the lanes."


def through(made: Report) -> object:
    return json.loads(json.dumps(to_json(made), allow_nan=False))


def test_the_json_has_every_promised_key() -> None:
    told = to_json(whole())
    assert told["schema"] == "pleg-tui/compare/v1"
    assert told.keys() >= {
        *("schema", "simulated", "runtime", "kubelet", "pods", "containers", "blocks"),
        *("seconds", "seed", "baseline", "lanes", "reason", "missed", "verdict"),
    }
    assert told["baseline"].keys() == {"runtime_cpu_ms_per_s"}
    for lane in ("polling", "evented"):
        assert told["lanes"][lane].keys() >= {
            *("source", "client_cpu_ms_per_s", "runtime_cpu_ms_per_s", "calls_per_s"),
            *("bytes_per_s", "context_switches_per_s", "rss_bytes", "transitions_seen"),
            *("transitions_missed", "detection_ms"),
        }
        assert told["lanes"][lane]["runtime_cpu_ms_per_s"].keys() == {
            *("estimate", "low", "high", "significant")
        }
        assert told["lanes"][lane]["detection_ms"].keys() >= {
            *("p50", "p90", "p99", "max", "n", "histogram")
        }
    assert told["started_at"] == "2027-01-15T08:00:00.123456789Z"
    assert told["projection"]["modelled"] is True


@pytest.mark.parametrize(
    "made",
    [
        whole(),
        whole(replace(WHOLE, simulated=True, kubelet=KubeletBeside(why="no kubelet was found"))),
        report(Context(False, "")),
        report(plan=Plan(same=Lane.EVENTED, kubelet_version="1.36.2")),
    ],
)
def test_what_is_written_can_be_read_back(made: Report) -> None:
    again = from_json(through(made))
    assert to_json(again) == to_json(made)
    assert replace(again, measured=()).runtime == made.runtime
    assert again.plan == made.plan
    assert again.missed == made.missed
    assert math.isinf(of(again, Lane.POLLING).detection.histogram[-1][0])


def test_a_report_made_again_from_its_own_blocks_is_the_same() -> None:
    made = whole()
    again = from_json(through(made))
    repeated = build(again.plan, again.measured, SEEN, WHOLE)
    assert to_json(repeated) == to_json(made)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, "no report of pleg-tui"),
        ([], "no report of pleg-tui"),
        ({}, "no report of pleg-tui"),
        ({"schema": 5}, "no report of pleg-tui"),
        ({"schema": "pleg-tui/pods/v1"}, "what pleg-tui pods wrote"),
        ({"schema": "pleg-tui/compare-diff/v1"}, "what pleg-tui compare-diff wrote"),
        ({"schema": "pleg-tui/compare/v2"}, "a later pleg-tui"),
        ({"schema": "pleg-tui/compare/v1"}, "runtime is missing"),
    ],
)
def test_what_is_no_report_is_refused_in_one_sentence(document: object, why: str) -> None:
    with pytest.raises(NotOurs, match=why) as caught:
        from_json(document)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("pods",), "many", "pods is no number"),
        (("pods",), -1, "pods is no count"),
        (("pods",), True, "pods is no number"),
        (("seconds",), float("nan"), "seconds is beyond all measure"),
        (("simulated",), None, "simulated is neither"),
        (("lanes",), [], "lanes is no object"),
        (("lanes", "polling", "detection_ms"), None, "lanes.polling.detection_ms is no object"),
        (("lanes", "polling", "runtime_cpu_ms_per_s", "low"), 99, "outside its own interval"),
        (("missed", 0, "lane"), "guessing", r"missed\[0\].lane is none that"),
        (("missed", 0, "at"), "yesterday", r"missed\[0\].at is no time"),
        (("measured", 3, "arm"), 7, r"measured\[3\].arm is none that"),
        (("started_at"), "2027-13-45T00:00:00Z", "started_at is no time"),
        (("caveats",), [1], "caveats is no list of texts"),
        (("verdict",), {}, "verdict is no text"),
    ],
)
def test_what_is_damaged_is_told_by_its_place(
    path: tuple[str | int, ...] | str, value: object, why: str
) -> None:
    document = json.loads(json.dumps(to_json(whole())))
    keys = (path,) if isinstance(path, str) else path
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    with pytest.raises(NotOurs, match=why):
        from_json(document)


def test_keys_of_later_versions_are_left_alone_and_younger_ones_may_be_missing() -> None:
    document = to_json(whole())
    document["invented"] = {"later": 1}
    for key in ("plan", "projection", "spoiled", "caveats", "measured", "difference", "overhead"):
        del document[key]
    assert from_json(document).verdict == whole().verdict


def test_texts_of_a_file_are_cleaned() -> None:
    document = to_json(whole())
    document["verdict"] = "good\x1b[31m news"
    assert "\x1b" not in from_json(document).verdict


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KEYS = sorted(to_json(whole()))


@given(st.sampled_from(KEYS), JSON)
def test_no_document_makes_anything_but_a_report_or_a_refusal(key: str, value: object) -> None:
    document = {**to_json(report()), key: value}
    with suppress(NotOurs):
        from_json(document)
