"""Text from the node is shown, never obeyed."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.cri.clean import MAX_LENGTH, MAX_MARKS, clean


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
        (
            "e\u0301 \u0e01\u0e33\u0e49 \u0939\u093f\u0928\u094d",
            "e\u0301 \u0e01\u0e33\u0e49 \u0939\u093f\u0928\u094d",
        ),
        ("\u0301x", "\ufffdx"),
        ("z" + "\u0300" * 6, "z" + "\u0300" * 4 + "\ufffd\u0300"),
        ("\u1161\u1162", "\ufffd\u1162"),
        ("\u1112\u1161\u11ab", "\u1112\u1161\u11ab"),
        ("a\U000e0101b\U000e0041", "a\ufffdb\ufffd"),
    ],
)
def test_control_and_invisible_characters_become_visible(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


NASTY = st.text(
    st.one_of(
        st.characters(),
        st.characters(max_codepoint=0xA0),
        st.characters(categories=["Cc", "Cf", "Cs", "Mn", "Me", "Mc", "Zl", "Zp", "Zs"]),
        st.sampled_from("\u034f\u115f\u1160\u17b4\u180b\u2800\u3164\ufe0f\uffa0\U000e0100"),
    )
)


@given(NASTY)
def test_what_comes_out_is_one_printable_line(text: str) -> None:
    result = clean(text)
    assert result.isprintable()
    assert clean(result) == result


@given(NASTY)
def test_nothing_that_comes_out_is_a_control_an_order_or_unseen(text: str) -> None:
    for character in clean(text):
        assert unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN",
        )  # fmt: skip
        assert character not in "\u034f\u115f\u1160\u17b4\u2800\u3164\ufe0f\uffa0\U000e0100"


@given(NASTY)
def test_marks_have_a_character_to_stand_on_and_are_few(text: str) -> None:
    marks = MAX_MARKS
    for character in clean(text):
        marks = marks + 1 if unicodedata.category(character)[0] == "M" else 0
        assert marks <= MAX_MARKS


@given(st.text(st.characters(categories=["Lu", "Ll", "N", "P", "Sm", "Sc"])))
def test_plain_text_stays_as_it_is(text: str) -> None:
    if text.isprintable() and "\u2800" not in text:
        assert clean(text) == text


@given(NASTY, st.integers(2, 40))
def test_nothing_is_longer_than_was_asked_for(text: str, limit: int) -> None:
    assert len(clean(text, limit)) <= 2 * limit  # a control character takes two


def test_a_label_of_64_kib_is_cut_and_says_so() -> None:
    result = clean("x" * 65536)
    assert len(result) == MAX_LENGTH
    assert result.endswith("…")
