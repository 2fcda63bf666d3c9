"""Whatever a program writes, what is shown is text: colours at most."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleg_tui.node.log_text import MAX_CHARACTERS, PLAIN, Run, Style, runs_of

ESC = "\x1b"


@pytest.mark.parametrize(
    ("codes", "style"),
    [
        ("31", Style(fg=1)),
        ("97", Style(fg=15)),
        ("44", Style(bg=4)),
        ("103", Style(bg=11)),
        ("1;4;33", Style(fg=3, bold=True, underline=True)),
        ("2", Style(dim=True)),
        ("3;7", Style(italic=True, reverse=True)),
        ("38;5;208", Style(fg=208)),
        ("48;5;17;1", Style(bg=17, bold=True)),
        ("38;2;1;20;255", Style(fg=(1, 20, 255))),
        ("48;2;0;0;0", Style(bg=(0, 0, 0))),
        ("1;22", PLAIN),
        ("31;39", PLAIN),
        ("31;0", PLAIN),
        ("31;", PLAIN),
        ("31;;1", Style(bold=True)),
        ("38;5;256", PLAIN),
        ("38;2;1;2", PLAIN),
        ("38;2;1;2;300;1", Style(bold=True)),
        ("38", PLAIN),
        ("38;9;1", Style(bold=True)),
        ("5;8;73;99999", PLAIN),
    ],
)
def test_colours_and_weights_are_understood(codes: str, style: Style) -> None:
    assert runs_of(f"{ESC}[{codes}mx") == (Run("x", style),)


def test_a_line_in_colours_is_a_few_runs() -> None:
    text = f"a {ESC}[1;31mred{ESC}[0m b{ESC}[m{ESC}[39m c"
    assert runs_of(text) == (Run("a "), Run("red", Style(fg=1, bold=True)), Run(" b c"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{ESC}]0;title\x07", "^[]0;title^G"),
        (f"{ESC}]52;c;Zm9v{ESC}\\", "^[]52;c;Zm9v^[\\"),
        (f"{ESC}[2J{ESC}[H", "^[[2J^[[H"),
        (f"{ESC}[38:5:1mx", "^[[38:5:1mx"),
        (f"{ESC}[?25l", "^[[?25l"),
        (f"{ESC}[31", "^[[31"),
        (f"{ESC}[{'1;' * 50}mx", f"^[[{'1;' * 50}mx"),
        ("\x9b31mx", "\ufffd31mx"),
        ("50%\r100%", "50%^M100%"),
        ("\u202eevil", "\ufffdevil"),
        ("\0\0", "^@^@"),
        ("[red]x[/]", "[red]x[/]"),
    ],
)
def test_everything_else_is_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert runs_of(text) == (Run(shown),)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\tx", "        x"),
        ("ab\tx", "ab      x"),
        ("12345678\tx", "12345678        x"),
        ("日本\tx", "日本    x"),
        ("\x01\tx", "^A      x"),
        ("a\t\tb", "a               b"),
    ],
)
def test_tabs_lead_to_the_next_column(text: str, shown: str) -> None:
    assert runs_of(text) == (Run(shown),)


def test_a_tab_counts_columns_across_colours() -> None:
    assert runs_of(f"a{ESC}[31mb\tc") == (Run("a"), Run("b      c", Style(fg=1)))


def test_nothing_is_nothing() -> None:
    assert runs_of("") == ()
    assert runs_of(f"{ESC}[31m") == ()


@pytest.mark.parametrize(
    "text", ["x" * 200000, "\x01" * 200000, f"{ESC}[31mx" * 50000, "\t" * 99999]
)
def test_a_long_text_is_cut_and_says_so(text: str) -> None:
    runs = runs_of(text)
    shown = "".join(run.text for run in runs)
    assert MAX_CHARACTERS // 20 < len(shown) <= MAX_CHARACTERS
    assert shown.endswith("…")


@given(st.text(st.one_of(st.characters(), st.sampled_from("\x1b[;m0123458\t\r\x9b")), max_size=60))
def test_whatever_comes_in_what_comes_out_is_printable(text: str) -> None:
    runs = runs_of(text)
    for run in runs:
        assert run.text.isprintable()
        assert run.text
    for first, second in pairwise(runs):
        assert first.style != second.style


@given(st.text(st.characters(exclude_characters="\x1b"), max_size=40))
def test_a_printable_text_is_left_as_it_is(text: str) -> None:
    if text.isprintable() and text:
        assert runs_of(text) == (Run(text),)
