"""The filter line: which pods and containers are shown.

Words are parted by spaces and all must hold. A word matches the pod's "namespace/name", or a
container's name, image or id. `!word` leaves out what matches, `ns:word` looks at the namespace
alone, `-l key=value`, `-l key!=value` and `-l key` look at the labels (several with commas), as
crictl's and kubectl's own -l does. Letters' case makes no difference except in labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pleg_tui.model import Container, Pod

MIN_ID = 4
"""So many characters of an id are needed before it is searched: fewer match by accident."""


class Field(Enum):
    """What a term looks at."""

    TEXT = auto()
    NAMESPACE = auto()
    LABEL = auto()


@dataclass(frozen=True, slots=True)
class Term:
    """One word of the filter."""

    field: Field
    text: str
    value: str | None = None
    """The label's value; None where only the key was named."""
    inverse: bool = False

    def matches_pod(self, pod: Pod) -> bool:
        """The pod itself matches, leaving `inverse` aside."""
        if self.field is Field.TEXT:
            return self.text in f"{pod.namespace}/{pod.name}".lower()
        if self.field is Field.NAMESPACE:
            return self.text in pod.namespace.lower()
        return pod.sandbox is not None and self._matches_labels(pod.sandbox.labels)

    def matches_container(self, container: Container) -> bool:
        """The container itself matches, leaving `inverse` aside."""
        if self.field is Field.TEXT:
            text = self.text
            return (
                text in container.name.lower()
                or text in container.image.lower()
                or (len(text) >= MIN_ID and container.id.startswith(text))
            )
        if self.field is Field.NAMESPACE:
            return False
        return self._matches_labels(container.labels)

    def _matches_labels(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.text)
        return found is not None if self.value is None else found == self.value


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter line; an empty one lets everything through."""

    text: str = ""
    """As it was typed."""
    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    def select(self, pod: Pod, containers: tuple[Container, ...]) -> tuple[Container, ...] | None:
        """Those of the pod's containers that pass; None when the pod itself is left out.

        A pod that matches keeps all its containers; one that does not is kept for those of its
        containers that do.
        """
        kept = containers
        pod_passes = True
        for term in self.terms:
            hit = term.matches_pod(pod)
            if term.inverse:
                if hit:
                    return None
                kept = tuple(c for c in kept if not term.matches_container(c))
            elif not hit:
                pod_passes = False
                kept = tuple(c for c in kept if term.matches_container(c))
        if kept:
            return kept
        return () if pod_passes and not containers else None


NO_FILTER = Filter()


def parse(text: str) -> Filter:
    """The filter that a line of text stands for; every text is one, nothing is an error."""
    terms: list[Term] = []
    words = iter(text.split())
    for word in words:
        inverse = word.startswith("!") and len(word) > 1
        body = word[1:] if inverse else word
        if body == "-l" or (body.startswith("-l") and "=" in body):
            selector = body[2:] or next(words, "")
            terms += [_label(part, inverse) for part in selector.split(",") if part]
        elif body.lower().startswith("ns:"):
            if body[3:]:
                terms.append(Term(Field.NAMESPACE, body[3:].lower(), inverse=inverse))
        elif body != "!":
            terms.append(Term(Field.TEXT, body.lower(), inverse=inverse))
    return Filter(text.strip(), tuple(terms))


def _label(part: str, inverse: bool) -> Term:
    key, equals, value = part.partition("=")
    if not equals:
        return Term(Field.LABEL, key, None, inverse)
    if key.endswith("!"):
        return Term(Field.LABEL, key[:-1], value, not inverse)
    return Term(Field.LABEL, key, value.removeprefix("="), inverse)
