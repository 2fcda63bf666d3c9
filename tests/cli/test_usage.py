"""Wrong usage is said in one sentence, with the remedy, and ends with 2."""

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "needs a terminal"),
        (["demo"], 2, "needs a terminal"),
        (["-o", "json"], 2, "prints nothing"),
        (["frobnicate"], 2, "frobnicate"),
        (["--frobnicate"], 2, "frobnicate"),
        (["pods", "--frobnicate"], 2, "pleg-tui pods --help"),
        (["events", "--count", "0"], 2, "number from 1"),
        (["events", "--duration", "soon"], 2, "30s"),
        (["events", "--duration"], 2, "expected one argument"),
        (["pods", "--name", "("], 2, "no regular expression"),
        (["pods", "--label", "x"], 2, "key=value"),
        (["pods", "-s", "happy"], 2, "invalid choice"),
        (["pods", "-o", "yaml"], 2, "invalid choice"),
        (["pods", "--scenario", "storm"], 2, "add --demo"),
        (["pods", "--demo", "-r", "/x.sock"], 2, "real runtime"),
        (["pods", "--demo", "--pods", "-1"], 2, "pods must be"),
        (["pods", "-r", "tcp://127.0.0.1:1"], 2, "only unix:///path"),
        (["-c", "/no.yaml", "pods"], 2, "does not exist"),
        (["pods", "--root", "/no/such"], 2, "not a folder"),
        (["--debug", "/no/such/file", "pods"], 2, "cannot be written"),
        (["pods", "-r", "/no/such.sock"], 3, "nothing is at"),
        (["events", "-r", "/no/such.sock"], 3, "--wait"),
        (["pods", "-r", "/dev/null"], 3, "not a socket"),
        (["simulate", "--pods", "-1"], 2, "pods must be"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    run: Run, arguments: list[str], code: int, says: str
) -> None:
    ended = run(*arguments)
    assert ended.code == code
    assert ended.out == ""
    assert ended.err.startswith("pleg-tui: ")
    assert ended.err.count("\n") == 1
    assert says in ended.err
