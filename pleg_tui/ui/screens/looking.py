"""What can be looked at closer from wherever a pod or container is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType

from pleg_tui.model import Container, ContainerState, Pod
from pleg_tui.ui.content.status import status_in
from pleg_tui.ui.screens.base import PlegScreen

Target = tuple[Pod, Container | None]


class LookingScreen(PlegScreen):
    """A screen on which a pod or container is chosen: its logs, processes and a shell in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l", "logs", "logs", id="look.logs", tooltip="Its log, followed"),
        Binding("p", "previous_logs", "previous", id="look.previous-logs",
                tooltip="The log of the instance before"),
        Binding("x", "processes", "processes", id="look.processes",
                tooltip="What it executes: its processes, refreshed every 2 s"),
        Binding("e", "shell", "shell", id="look.shell",
                tooltip="A shell in it, through crictl exec"),
    ]  # fmt: skip

    def target(self) -> Target | None:
        """What is chosen; None, and said so, when nothing is."""
        raise NotImplementedError

    def action_logs(self) -> None:
        """Show its log."""
        self._with_container("Log of", self._show_logs)

    def action_previous_logs(self) -> None:
        """Show the log of the instance before."""
        self._with_container("Previous log of", lambda p, c: self._show_logs(p, c, previous=True))

    def action_processes(self) -> None:
        """Show its processes."""
        self._with_container("Processes of", self._show_processes)

    def action_shell(self) -> None:
        """Run a shell in it."""
        self._with_container("Shell in", self._run_shell, running=True)

    def _show_logs(self, pod: Pod, container: Container, *, previous: bool = False) -> None:
        from pleg_tui.ui.screens.logs import LogScreen

        self.app.push_screen(LogScreen(pod, container, previous=previous))

    def _show_processes(self, pod: Pod, container: Container) -> None:
        from pleg_tui.ui.screens.processes import ProcessScreen

        self.app.push_screen(ProcessScreen(pod, container))

    def _run_shell(self, pod: Pod, container: Container) -> None:
        from pleg_tui.ui.screens.shell import open_shell

        open_shell(self.tui, pod, container)

    def _with_container(
        self, title: str, then: Callable[[Pod, Container], None], *, running: bool = False
    ) -> None:
        """Do it with the chosen container, or with the one that is picked of the chosen pod."""
        target = self.target()
        if target is None:
            return
        pod, container = target
        if container is not None:
            then(pod, container)
            return
        choices = list(pod.current) if running else self.choices(pod)
        if running:
            alive = [c for c in choices if c.state is ContainerState.RUNNING]
            choices = alive or choices[:1]
        if not choices:
            self.say("That pod has no container", "warn")
        elif len(choices) == 1:
            then(pod, choices[0])
        else:
            self._pick(title, pod, choices, then)

    def choices(self, pod: Pod) -> list[Container]:
        """The containers of the chosen pod that may be meant."""
        return list(pod.current)

    def _pick(
        self,
        title: str,
        pod: Pod,
        choices: list[Container],
        then: Callable[[Pod, Container], None],
    ) -> None:
        from pleg_tui.ui.screens.menu import MenuScreen

        by_id = {c.id: c for c in choices}

        def picked(container_id: str | None) -> None:
            if container_id is not None:
                then(pod, by_id[container_id])

        now = self.tui.now()
        newest = {c.id for c in pod.current}
        labels = [
            (c.id, f"{c.name}  {status_in(pod, c, now).word}"
                   + ("" if c.id in newest else f", attempt {c.attempt}"))
            for c in choices
        ]  # fmt: skip
        self.app.push_screen(MenuScreen(title, labels, choices[0].id), picked)
