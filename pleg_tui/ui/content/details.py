"""What is known of one container or pod, in sections, from the live list and from a look-up.

A look-up's answer is JSON-like data in the CRI's own field names; what a runtime leaves out is not
shown, and what it sends in another shape than expected is passed over. Of environment variables
only the names are shown until the values, which may be secrets, are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pleg_tui.cri.clean import MAX_LENGTH
from pleg_tui.model import Container, ContainerState, Pod, Sandbox, SandboxState
from pleg_tui.ui.content.lines import Line, Part
from pleg_tui.ui.content.secrets import masked_text
from pleg_tui.ui.content.status import Tone, container_change, status_in, why
from pleg_tui.ui.content.text import SECOND, age, fit, tidy, width_of

Value = tuple[str, str]
"""(text, style)."""
Pair = tuple[str, Value]
Section = tuple[str, list[Pair]]


def moment(at: int, now: int) -> str:
    """A wall time in ns as local date and time, and how long ago that was."""
    if not at:
        return "unknown"
    stamp = datetime.fromtimestamp(at // SECOND).astimezone()
    return (
        f"{stamp:%Y-%m-%d %H:%M:%S}.{at % SECOND // 1_000_000:03} {stamp:%z}, {age(now - at)} ago"
    )


def container_sections(
    container: Container,
    pod: Pod,
    answer: Mapping[str, Any] | None,
    now: int,
    *,
    values: bool = False,
) -> list[Section]:
    """All about one container.

    Args:
        container: as the live list knows it.
        pod: that it belongs to.
        answer: what the look-up said; None when it failed.
        now: wall time, ns.
        values: show the values of environment variables too.
    """
    same = [c for c in pod.containers if c.name == container.name]
    place = next((i for i, c in enumerate(same) if c.id == container.id), len(same))
    older = same[place + 1 :]
    state = status_in(pod, container, now)
    status = _mapping(answer, "status")
    image = _text(_mapping(status, "image").get("image")) or container.image
    sections: list[Section] = [
        (
            "Container",
            [
                ("name", (container.name, "strong")),
                ("pod", (f"{pod.namespace}/{pod.name}", "")),
                ("state", (state.word, state.tone.value)),
                ("attempt", (str(container.attempt), "")),
                ("restarts", (str(container.restarts), "")),
                ("image", (image or "unknown", "")),
                ("image ref", (_text(status.get("image_ref")) or container.image_ref, "")),
            ],
        ),
    ]
    if container.state is ContainerState.EXITED:  # why and when: what one has come for
        sections += [("Exit", _exit(container)), ("Times", _times(container, now))]
    sections.append(("Ids", _ids(container.id, container.sandbox_id, pod.uid)))
    if container.state is not ContainerState.EXITED:
        sections.append(("Times", _times(container, now)))
    for index, previous in enumerate(older):
        change = container_change(previous)
        title = "Last state (the attempt before)" if not index else f"{index + 1} attempts before"
        ended = [("ended", (change.text, change.tone.value))]
        code = "" if previous.exit_code is None else str(previous.exit_code)
        ended += [("exit code", (code, "")), ("reason", (previous.reason, ""))]
        ended += [("message", (previous.message, "")), *_times(previous, now)]
        sections.append((title, [*ended, ("id", (previous.id, ""))]))
    if container.restarts and not older:
        kept = "unknown: the runtime does not keep the attempt before any more"
        sections.append(("Last state (the attempt before)", [("ended", (kept, "dim"))]))
    sections += [
        ("Process", list(_process(answer))),
        ("Sandbox", _sandbox_pairs(pod, container)),
        ("Limits", list(_limits(status, container))),
        ("Mounts", list(_mounts(status))),
        ("Labels", _pairs(_strings(status, "labels") or container.labels)),
        (
            "Annotations",
            _annotations(_strings(status, "annotations") or container.annotations, values),
        ),
        (
            "Environment: values may be secrets, v hides them"
            if values
            else "Environment: v shows the values, which may be secrets",
            [
                (name, (value or "(empty)", "") if values else ("(value not shown)", "dim"))
                for name, value in env_pairs(answer)
            ],
        ),
        ("Log", [("path", (_text(status.get("log_path")) or container.log_path, ""))]),
    ]
    return _filled(sections)


def pod_sections(
    pod: Pod, answer: Mapping[str, Any] | None, now: int, *, values: bool = False
) -> list[Section]:
    """All about one pod.

    Args:
        pod: as the live list knows it.
        answer: what the look-up of its sandbox said; None when it failed.
        now: wall time, ns.
        values: show the values of environment variables that its annotations hold too.
    """
    sandbox = pod.sandbox
    status = _mapping(answer, "status")
    head: list[Pair] = [
        ("name", (pod.name, "strong")),
        ("namespace", (pod.namespace, "")),
        ("ready", (f"{pod.running} of {len(pod.counted)} run", "")),
        ("restarts", (str(pod.restarts), "")),
    ]
    rows = []
    newest = {container.id for container in pod.current}
    for container in pod.containers:
        state = status_in(pod, container, now)
        change = container_change(container)
        text = f"{state.word}  {change.text}" if change.text != state.word else state.word
        if change.at:
            text += f", {age(now - change.at)} ago"
        older = "" if container.id in newest else f" (attempt {container.attempt})"
        rows.append((container.name + older, (text, state.tone.value)))
    sections: list[Section] = [("Pod", head), ("Containers", rows)]
    if sandbox is not None:
        head.append(("sandbox", (sandbox.state.name.lower(), _sandbox_style(sandbox))))
        head.append(("attempt", (str(sandbox.attempt), "")))
        head.append(("created", (moment(sandbox.created_at, now), "")))
        handler = _text(status.get("runtime_handler")) or sandbox.runtime_handler
        head.append(("runtime handler", (handler, "")))
        sections.append(("Ids", [("sandbox", (sandbox.id, "")), ("pod uid", (pod.uid, ""))]))
        sections.append(("Network", list(_network(sandbox, status))))
    else:
        head.append(("sandbox", ("not known", "warn")))
        sections.append(("Ids", [("pod uid", (pod.uid, ""))]))
    earlier = [
        (f"attempt {s.attempt}", (f"{s.state.name.lower()}  {s.id}", "dim"))
        for s in pod.sandboxes[1:]
    ]
    sections.append(("Earlier sandboxes", earlier))
    if sandbox is not None:
        sections.append(("Labels", _pairs(_strings(status, "labels") or sandbox.labels)))
        annotations = _strings(status, "annotations") or sandbox.annotations
        sections.append(("Annotations", _annotations(annotations, values)))
    return _filled(sections)


def section_lines(sections: Iterable[Section], note: Value | None = None) -> list[Line]:
    """Sections as lines: a title, then a line for each pair; values that end early say so."""
    lines: list[Line] = []
    if note is not None:
        lines += [(Part(" "), Part(tidy(note[0]), note[1])), ()]
    for title, pairs in sections:
        if lines and lines[-1]:
            lines.append(())
        lines.append((Part(f" {title}", "section"),))
        width = min(max(width_of(tidy(label)) for label, _ in pairs), 48)
        for label, (text, style) in pairs:
            name = tidy(label)
            cell = fit(name, width) if width_of(name) <= width else name
            if len(text) > MAX_LENGTH:
                text = f"{text[:MAX_LENGTH]}… ({len(text):,} characters: y shows more)"
            lines.append((Part(f"   {cell}  ", "label"), Part(tidy(text), style)))
    return lines


def env_pairs(answer: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """A container's environment variables, as the runtime's verbose answer has them.

    containerd and CRI-O send the OCI specification as info.runtimeSpec, which has the image's own
    variables as well; containerd sends the kubelet's request as info.config.
    """
    for source in _sources(answer):
        process = _mapping(_mapping(source, "runtimeSpec"), "process")
        pairs = [_text(item).partition("=") for item in _list(process.get("env"))]
        if pairs:
            return [(name, value) for name, _, value in pairs]
    for source in _sources(answer):
        found = [
            (_text(item.get("key")), _text(item.get("value")))
            for item in _list(_mapping(source, "config").get("envs"))
            if isinstance(item, Mapping)
        ]
        if found:
            return found
    return []


def log_directory(answer: Mapping[str, Any] | None) -> str:
    """Where a pod's logs are, as the verbose answer about its sandbox says (info.config)."""
    for source in _sources(answer):
        if folder := _text(_mapping(source, "config").get("log_directory")):
            return folder
    return ""


def _sources(answer: Mapping[str, Any] | None) -> tuple[Mapping[str, Any], ...]:
    """Where runtimes put what CRI does not define: in info, or in info.info."""
    info = _mapping(answer, "info")
    return info, _mapping(info, "info")


def _process(answer: Mapping[str, Any] | None) -> Iterator[Pair]:
    for source in _sources(answer):
        if pid := _number(source.get("pid")):
            yield "pid", (str(pid), "")
        spec = _mapping(source, "runtimeSpec")
        process = _mapping(spec, "process")
        yield "command", (" ".join(_text(word) for word in _list(process.get("args"))), "")
        yield "working dir", (_text(process.get("cwd")), "")
        user = _mapping(process, "user")
        if user:
            yield "user", (f"uid {_number(user.get('uid'))}, gid {_number(user.get('gid'))}", "")
        yield "cgroup", (_text(_mapping(spec, "linux").get("cgroupsPath")), "")


def _sandbox_pairs(pod: Pod, container: Container) -> list[Pair]:
    sandbox = next((s for s in pod.sandboxes if s.id == container.sandbox_id), None)
    if sandbox is None:
        return []
    return [
        ("state", (sandbox.state.name.lower(), _sandbox_style(sandbox))),
        ("attempt", (str(sandbox.attempt), "")),
        ("runtime handler", (sandbox.runtime_handler, "")),
        ("ip", (", ".join(sandbox.ips), "")),
    ]


def _ids(container: str, sandbox: str, uid: str) -> list[Pair]:
    return [("container", (container, "")), ("sandbox", (sandbox, "")), ("pod uid", (uid, ""))]


def _times(container: Container, now: int) -> list[Pair]:
    pairs: list[Pair] = [("created", (moment(container.created_at, now), ""))]
    if container.state is not ContainerState.CREATED or container.started_at:
        pairs.append(("started", (moment(container.started_at, now), "")))
    if container.state is ContainerState.EXITED:
        pairs.append(("finished", (moment(container.finished_at, now), "")))
        if container.started_at and container.finished_at:
            ran = (container.finished_at - container.started_at) / SECOND
            pairs.append(("ran for", (f"{ran:,.3f} s", "")))
    return pairs


def _exit(container: Container) -> list[Pair]:
    tone = Tone.BAD if container.exit_code or container.reason == "OOMKilled" else Tone.OFF
    return [
        ("why", (why(container), tone.value)),
        ("reason", (container.reason, "")),
        ("message", (container.message, "")),
    ]


def _limits(status: Mapping[str, Any], container: Container) -> Iterator[Pair]:
    linux = _mapping(_mapping(status, "resources"), "linux")
    memory = _number(linux.get("memory_limit_in_bytes")) or container.memory_limit
    yield "memory", (f"{memory / (1 << 20):,.0f} MiB" if memory else "none known", "")
    quota, period = _number(linux.get("cpu_quota")), _number(linux.get("cpu_period"))
    if quota > 0 and period > 0:
        yield "cpu", (f"{quota / period:.2f} cores ({quota} of {period} µs)", "")
    if shares := _number(linux.get("cpu_shares")):
        yield "cpu shares", (str(shares), "")
    if cpus := _text(linux.get("cpuset_cpus")):
        yield "cpu set", (cpus, "")
    if adjustment := _number(linux.get("oom_score_adj")):
        yield "oom score", (f"{adjustment:+}", "")


def _mounts(status: Mapping[str, Any]) -> Iterator[Pair]:
    for mount in _list(status.get("mounts")):
        if isinstance(mount, Mapping):
            how = "ro" if mount.get("readonly") else "rw"
            source = _text(mount.get("host_path")) or _text(_mapping(mount, "image").get("image"))
            yield _text(mount.get("container_path")), (f"{how}  {source}", "")


def _network(sandbox: Sandbox, status: Mapping[str, Any]) -> Iterator[Pair]:
    for index, address in enumerate(sandbox.ips):
        yield ("ip" if not index else "further ip"), (address, "")
    options = _mapping(_mapping(_mapping(status, "linux"), "namespaces"), "options")
    for name in ("network", "pid", "ipc"):
        if value := _text(options.get(name)):
            yield f"{name} namespace", (value.lower(), "")


def _sandbox_style(sandbox: Sandbox) -> str:
    return "good" if sandbox.state is SandboxState.READY else "off"


def _pairs(strings: Mapping[str, str]) -> list[Pair]:
    return [(key, (strings[key], "")) for key in sorted(strings)]


def _annotations(strings: Mapping[str, str], values: bool) -> list[Pair]:
    """Where `kubectl apply` has put a whole pod into one, without its variables' values."""
    return _pairs(strings if values else {k: masked_text(strings[k]) for k in strings})


def _filled(sections: Iterable[Section]) -> list[Section]:
    """Without values that are empty and sections that have none."""
    filled = [(title, [p for p in pairs if p[0] and p[1][0]]) for title, pairs in sections]
    return [section for section in filled if section[1]]


def _mapping(parent: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    value = parent.get(key) if parent is not None else None
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _strings(parent: Mapping[str, Any], key: str) -> dict[str, str]:
    return {name: _text(value) for name, value in _mapping(parent, key).items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    """An integer; 64-bit ones come as text in protobuf's JSON."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
