"""The filter line: which pods and containers are shown, and which events.

Words are parted by spaces and all must hold. A word matches the pod's "namespace/name", or a
container's name, image or id; "in quotes" it may have spaces, and none of its signs mean anything.

    web             plain text, anywhere
    ~^web-[0-9]     a regular expression, also as /^web-[0-9]/ (which may have spaces)
    !web            leaves out what matches; before any of the others, too
    ns:shop         looks at the namespace alone
    state:oom,error one of these states (content.states)
    -l app=web      labels, as crictl's and kubectl's own -l: key=value, key!=value, key

Letters' case makes no difference except in labels, and in expressions that have a capital letter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from msgspec import Struct

from pleg_tui.model import Container, Pod
from pleg_tui.ui.content.patterns import Expression, PatternError
from pleg_tui.ui.content.states import StateError, state_named

MIN_ID = 4
"""So many characters of an id are needed before it is searched: fewer match by accident."""
StatesOf = Callable[[Container | None], frozenset[str]]
"""What holds of a container of the pod, or (None) of the pod itself, in words of content.states."""
_OF_PODS = frozenset({"ready", "notready", "starting", "stopping", "removed"})
"""States that a pod has as a whole."""


class FilterError(ValueError):
    """It is no filter; the text is one clear sentence."""


class Field(Enum):
    """What a term looks at."""

    TEXT = auto()
    NAMESPACE = auto()
    LABEL = auto()
    STATE = auto()


class Term(Struct, frozen=True):
    """One word of the filter."""

    field: Field
    text: str
    value: str | None = None
    """The label's value; None where only the key was named."""
    inverse: bool = False
    expression: Expression | None = None
    """Of a text or a namespace: finds it in the place of `text`."""
    states: frozenset[str] = frozenset()

    def matches_pod(self, pod: Pod, containers: tuple[Container, ...], of: StatesOf) -> bool:
        """The pod itself matches, leaving `inverse` aside."""
        match self.field:
            case Field.TEXT:
                return self._finds(f"{pod.namespace}/{pod.name}")
            case Field.NAMESPACE:
                return self._finds(pod.namespace)
            case Field.LABEL:
                return pod.sandbox is not None and self._matches_labels(pod.sandbox.labels)
        return self._pod_is_so(containers, of)

    def matches_container(self, container: Container, of: StatesOf) -> bool:
        """The container itself matches, leaving `inverse` aside."""
        match self.field:
            case Field.TEXT:
                by_id = self.expression is None and len(self.text) >= MIN_ID
                return (
                    self._finds(container.name)
                    or self._finds(container.image)
                    or (by_id and container.id.startswith(self.text))
                )
            case Field.NAMESPACE:
                return False
            case Field.LABEL:
                return self._matches_labels(container.labels)
        return bool(self.states & of(container))

    def _finds(self, text: str) -> bool:
        if self.expression is not None:
            return self.expression.found_in(text)
        return self.text in text.lower()

    def _matches_labels(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.text)
        return found is not None if self.value is None else found == self.value

    def _pod_is_so(self, containers: tuple[Container, ...], of: StatesOf) -> bool:
        """What its containers are is asked of them: a pod that runs may hold one that does not."""
        states = self.states
        told = any(not states.isdisjoint(of(container)) for container in containers)
        asked = states & _OF_PODS if told else states
        return bool(asked) and not asked.isdisjoint(of(None))


class Filter(Struct, frozen=True):
    """A parsed filter line; an empty one lets everything through."""

    text: str = ""
    """As it was typed."""
    terms: tuple[Term, ...] = ()
    asks_states: bool = False
    """It names states."""

    def __eq__(self, other: object) -> bool:
        """Whether the same was typed."""
        return isinstance(other, Filter) and self.text == other.text

    def __hash__(self) -> int:
        """Of what was typed."""
        return hash(self.text)

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def slow(self) -> str:
        """Why it does not work any more, in one sentence; empty while it does."""
        found = (term.expression.slow for term in self.terms if term.expression is not None)
        return next((slow for slow in found if slow), "")

    def learn(self, pods: Iterable[Pod]) -> None:
        """Look these pods' names up at one go: expressions take a fraction of the time then."""
        expressions = [
            term.expression
            for term in self.terms
            if term.expression is not None and term.field is Field.TEXT
        ]
        if expressions:
            names = [f"{pod.namespace}/{pod.name}" for pod in pods]
            for expression in expressions:
                expression.learn(names)

    @property
    def plain(self) -> str:
        """The text, in small letters, where the filter is one plain text and nothing else; else "".

        Most of what is typed is a part of a name, and while it is short most pods have it: a pod
        whose "namespace/name" has it passes with all its containers.
        """
        if len(self.terms) != 1:
            return ""
        term = self.terms[0]
        simple = term.field is Field.TEXT and not term.inverse and term.expression is None
        return term.text if simple else ""

    def select(
        self, pod: Pod, containers: tuple[Container, ...], of: StatesOf | None = None
    ) -> tuple[Container, ...] | None:
        """Those of the pod's containers that pass; None when the pod itself is left out.

        A pod that matches keeps all its containers; one that does not is kept for those of its
        containers that do.

        Args:
            pod: the pod.
            containers: those that may be shown.
            of: tells their states; without it no state holds.
        """
        of = of or _stateless
        kept = containers
        pod_passes = True
        for term in self.terms:
            hit = term.matches_pod(pod, containers, of)
            if term.inverse:
                if hit:
                    return None
                kept = tuple(c for c in kept if not term.matches_container(c, of))
            elif not hit:
                pod_passes = False
                kept = tuple(c for c in kept if term.matches_container(c, of))
        if kept:
            return kept
        return () if pod_passes and not containers else None


NO_FILTER = Filter()


class Word(NamedTuple):
    """A word of the line, its quotes taken off."""

    text: str
    bare: int
    """So many of its first characters were not in quotes: only in them do signs mean anything."""


def parse(text: str) -> Filter:
    """The filter that a line of text stands for.

    Raises:
        FilterError: an expression is not one, or there is no such state.
    """
    terms: list[Term] = []
    line = _words(text)
    try:
        for word in line:
            inverse = word.bare > 0 and word.text.startswith("!") and len(word.text) > 1
            body = Word(word.text[1:], word.bare - 1) if inverse else word
            if _begins(body, "-l") and (body.text == "-l" or "=" in body.text):
                selector = body.text[2:] or next(line, Word("", 0)).text
                terms += [_label(part, inverse) for part in selector.split(",") if part]
            elif body.text and body != Word("!", 1):
                terms += _term(body, inverse)
    except (PatternError, StateError) as error:
        raise FilterError(str(error)) from None
    asks_states = any(term.field is Field.STATE for term in terms)
    return Filter(text.strip(), tuple(terms), asks_states)


def _term(word: Word, inverse: bool) -> Iterator[Term]:
    if _begins(word, "state:"):
        names = [name for name in word.text[6:].split(",") if name]
        if names:
            states = frozenset(map(state_named, names))
            yield Term(Field.STATE, "", inverse=inverse, states=states)
        return
    which = Field.TEXT
    if _begins(word, "ns:"):
        which, word = Field.NAMESPACE, Word(word.text[3:], word.bare - 3)
    pattern = _pattern(word)
    if pattern:
        yield Term(which, pattern, inverse=inverse, expression=Expression(pattern))
    elif pattern is None and word.text:
        yield Term(which, word.text.lower(), inverse=inverse)


def _pattern(word: Word) -> str | None:
    """The expression that a word is; None when it is plain text."""
    if _begins(word, "~"):
        return word.text[1:]
    if _begins(word, "/") and len(word.text) > 2 and word.text.endswith("/"):
        return word.text[1:-1]
    return None


def _begins(word: Word, sign: str) -> bool:
    return word.bare >= len(sign) and word.text[: len(sign)].lower() == sign


def _words(line: str) -> Iterator[Word]:
    """The words of a line; quotes that are not closed reach to its end."""
    at = 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        end = _slashed(line, at)
        if end:
            yield Word(line[at:end], end - at)
            at = end
            continue
        text: list[str] = []
        bare = -1
        quoted = False
        while at < len(line) and (quoted or not line[at].isspace()):
            character = line[at]
            if character == "\\" and line[at + 1 : at + 2] == '"':
                text.append('"')
                at += 1
            elif character == '"':
                bare = len(text) if bare < 0 else bare
                quoted = not quoted
            else:
                text.append(character)
            at += 1
        yield Word("".join(text), len(text) if bare < 0 else bare)


def _slashed(line: str, start: int) -> int:
    """Where the expression between slashes ends that begins here; 0 when none does."""
    at = start + (line[start] == "!")
    if line[at : at + 3].lower() == "ns:":
        at += 3
    if line[at : at + 1] != "/":
        return 0
    end = at + 1
    while (end := line.find("/", end) + 1) > 0:
        if (end == len(line) or line[end].isspace()) and line[end - 2] != "\\":
            return end if end - at > 2 else 0
    return 0


def _label(part: str, inverse: bool) -> Term:
    key, equals, value = part.partition("=")
    if not equals:
        return Term(Field.LABEL, key, None, inverse)
    if key.endswith("!"):
        return Term(Field.LABEL, key[:-1], value, not inverse)
    return Term(Field.LABEL, key, value.removeprefix("="), inverse)


def _stateless(_container: Container | None) -> frozenset[str]:
    return frozenset()
