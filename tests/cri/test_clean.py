"""Text from the node is shown, never obeyed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.cri.clean import MAX_LENGTH, clean


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("web-7d4b9", "web-7d4b9"),
        ("\x1b[31mred", "^[[31mred"),
        ("\x1b]52;c;cm0gLXJm\x07", "^[]52;c;cm0gLXJm^G"),
        ("a\nb\tc\r", "a^Jb^Ic^M"),
        ("\x7f", "^?"),
        ("\x9b31m", "\ufffd31m"),
        ("user\u202etxt.exe", "user\ufffdtxt.exe"),
        ("a\u200bb\ufeffc", "a\ufffdb\ufffdc"),
        ("pay\u3164ments\ufe0f\u034f", "pay\ufffdments\ufffd\ufffd"),
        ("a\x85b", "a\ufffdb"),
        ("a\u00a0b\u3000c", "a b c"),
        ("\ud800", "\ufffd"),
        ("x[/]y [@click=app.quit]", "x[/]y [@click=app.quit]"),
        ("日本 é 👍", "日本 é 👍"),
    ],
)
def test_control_and_invisible_characters_become_visible(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


@given(st.text())
def test_what_comes_out_is_one_printable_line(text: str) -> None:
    result = clean(text)
    assert result.isprintable()
    assert clean(result) == result


def test_a_label_of_64_kib_is_cut_and_says_so() -> None:
    result = clean("x" * 65536)
    assert len(result) == MAX_LENGTH
    assert result.endswith("…")
