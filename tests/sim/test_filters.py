"""The filters of a subscription to containerd's events."""

from __future__ import annotations

import pytest

from pleg_tui.sim.native import FilterError, NativeEvent, parse_filters

EXIT = NativeEvent("/tasks/exit", b"")
CREATE = NativeEvent("/containers/create", b"")
OTHER = NativeEvent("/tasks/exit", b"", "moby")


@pytest.mark.parametrize(
    ("filters", "seen"),
    [
        ([], [True, True, True]),
        ([""], [True, True, True]),
        (["namespace==k8s.io"], [True, True, False]),
        (["namespace!=k8s.io"], [False, False, True]),
        (['topic=="/tasks/exit"'], [True, False, True]),
        (['namespace==k8s.io,topic~="^/tasks/"'], [True, False, False]),
        (['namespace==k8s.io, topic~="^/(tasks|containers)/"'], [True, True, False]),
        (["namespace==moby", 'topic=="/containers/create"'], [False, True, True]),
        (["topic~=|^/containers/|"], [False, True, False]),
        (["topic~=/exit$/"], [True, False, True]),
        (["topic"], [True, True, True]),
        (["unheard-of"], [False, False, False]),
        (["event.id==x"], [False, False, False]),
        (['topic~="(["'], [False, False, False]),
    ],
)
def test_filters(filters: list[str], seen: list[bool]) -> None:
    wanted = parse_filters(filters)
    assert [wanted(EXIT), wanted(CREATE), wanted(OTHER)] == seen


@pytest.mark.parametrize(
    "wrong",
    [
        "==x",
        "topic=x",
        "topic===x",
        "topic=~x",
        "topic==",
        'topic=="',
        "a b",
        "topic==x,",
        "topic==/tasks/exit",  # "/" quotes, so this ends after /tasks/
    ],
)
def test_what_is_no_filter_is_refused(wrong: str) -> None:
    with pytest.raises(FilterError, match="filters"):
        parse_filters([wrong])
