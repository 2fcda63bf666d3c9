"""The checklist: is this node on events, could it be, and what stands in the way.

Pure: the same facts give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from pleg_tui.cri import traits
from pleg_tui.cri.clean import clean
from pleg_tui.migrate.facts import Facts
from pleg_tui.migrate.ladder import Rung, Status, When, at_least, rungs, worst
from pleg_tui.node.kubelet.types import Mode
from pleg_tui.node.runtime_config import OPTION, Setting

_MUST_KNOW = ("kubelet", "kubelet-version", "distribution", "gate", "runtime", "runtime-events")
"""Checks without which there is no answer."""
_BREAKS_USE = ("kubelet-version", "runtime", "runtime-events")
"""Checks that, failed, spoil events that are already in use."""
_DOCS = "kubernetes.io: Switching from Polling to CRI Event-based Updates to Container Status"


class Answer(StrEnum):
    """The checklist in one word."""

    READY = "ready"
    NOT_READY = "not-ready"
    IN_USE = "in-use"
    DEGRADED = "degraded"
    """The gate is on, and the kubelet polls all the same; or a known fault spoils it."""
    UNKNOWN = "unknown"


class Check(Struct, frozen=True):
    """One line of the checklist, cleaned."""

    id: str
    status: Status
    title: str
    evidence: str
    """What was seen; for unknown: why it could not be."""
    remedy: str = ""
    """What to do about it; empty: nothing."""
    source: str = ""
    """Where the rule comes from."""


def check(facts: Facts) -> tuple[Check, ...]:
    """Every line of the checklist, in the order in which to mend them."""
    return tuple(_lines(facts))


def answer(facts: Facts, checks: tuple[Check, ...]) -> Answer:
    """The checklist in one word."""
    status = {one.id: one.status for one in checks}
    mode = facts.kubelet.mode
    if mode in (Mode.EVENTED, Mode.HINT_ONLY):
        spoiled = any(status.get(name) is Status.FAIL for name in (*_BREAKS_USE, "interrupted"))
        return Answer.DEGRADED if spoiled else Answer.IN_USE
    if mode is Mode.FALLEN_BACK:
        return Answer.DEGRADED
    if facts.kubelet.evented_gate.on:
        return Answer.DEGRADED if mode is Mode.GENERIC else Answer.UNKNOWN
    if Status.FAIL in status.values():
        return Answer.NOT_READY
    if any(status.get(name) is Status.UNKNOWN for name in _MUST_KNOW):
        return Answer.UNKNOWN
    return Answer.READY


def because(facts: Facts, checks: tuple[Check, ...]) -> str:
    """The answer in a sentence."""
    word = answer(facts, checks)
    if word is Answer.READY:
        warned = sum(one.status is Status.WARN for one in checks)
        risks = f", with {warned} warning{'s' * (warned != 1)}" if warned else ""
        return f"this node can be switched to events{risks}"
    if word is Answer.IN_USE:
        return (
            "this kubelet lives on the runtime's events"
            if (facts.kubelet.mode is Mode.EVENTED)
            else "this kubelet polls, and events make it notice ended containers sooner"
        )
    if word is Answer.DEGRADED and facts.kubelet.mode in (Mode.FALLEN_BACK, Mode.GENERIC):
        return "the gate is on, but this kubelet polls: restart it"
    wanted = Status.UNKNOWN if word is Answer.UNKNOWN else Status.FAIL
    named = [
        one.title
        for one in checks
        if one.status is wanted and (wanted is Status.FAIL or one.id in _MUST_KNOW)
    ]
    if word is Answer.UNKNOWN:
        return f"not known: {', '.join(named) or 'what this kubelet does'}"
    return f"in the way: {', '.join(named)}"


def relevant(facts: Facts) -> tuple[Rung, ...]:
    """The rungs of the ladder that speak of this kubelet and this runtime, of any status."""
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    found = (rungs("kubelet", facts.kubelet.version.value or "") or ()) + (
        rungs(known.name, facts.runtime.version) or ()
    )
    return tuple(rung for rung in found if _matters(rung, facts))


def static_pods(facts: Facts) -> bool | None:
    """Whether static pods run here; None: not known."""
    return None if facts.pods.static is None else bool(facts.pods.static)


def _matters(rung: Rung, facts: Facts) -> bool:
    if rung.when is When.STATIC:
        return static_pods(facts) is not False
    return rung.when is not When.SIDECARS or bool(facts.pods.sidecars)


def _lines(facts: Facts) -> Iterator[Check]:
    yield from _interrupted(facts)
    yield _kubelet(facts)
    yield _kubelet_version(facts)
    yield _distribution(facts)
    yield _gate(facts)
    yield _runtime(facts)
    yield _runtime_events(facts)
    yield _events_flow(facts)
    yield _sidecars(facts)
    yield _static(facts)
    yield _drained(facts)
    yield _writable(facts)
    yield _setting(
        "cgroups",
        "control groups",
        facts.machine.cgroups,
        "run this on the node itself as root, or in a privileged debug pod",
    )
    yield _setting(
        "systemd",
        "systemd restarts services",
        facts.machine.systemd,
        "give the command that restarts a service with --restart-command",
    )


def _interrupted(facts: Facts) -> Iterator[Check]:
    unfinished = facts.unfinished
    if unfinished is None:
        return
    doing = "its rollback" if unfinished.undoing else f"a switch to {unfinished.target}"
    again = (
        ""
        if unfinished.undoing
        else (f"`pleg-tui switch {unfinished.target} --apply` finishes it, ")
    )
    yield Check(
        "interrupted",
        Status.FAIL,
        "no switch was left half done",
        f"{doing} was interrupted at: {clean(unfinished.reached)}",
        f"{again}`pleg-tui rollback` {'finishes' if unfinished.undoing else 'undoes'} it",
        "the journal in /var/lib/pleg-tui",
    )


def _kubelet(facts: Facts) -> Check:
    kubelet = facts.kubelet
    if kubelet.pid is None:
        remedy = "run this on the node as root; in a debug pod with hostPID and --root /host"
        return Check("kubelet", Status.UNKNOWN, "kubelet found", clean(kubelet.why), remedy)
    evidence = f"process {kubelet.pid}"
    if kubelet.why:
        evidence += f"; {kubelet.why}"
    return Check("kubelet", Status.PASS, "kubelet found", clean(evidence))


def _kubelet_version(facts: Facts) -> Check:
    version = facts.kubelet.version
    title = "kubelet version"
    if version.value is None:
        remedy = "run this as root, or name the kubelet with --kubelet-url and a certificate"
        return Check("kubelet-version", Status.UNKNOWN, title, clean(version.source), remedy)
    found = rungs("kubelet", version.value)
    if found is None:
        why = f"{version.value} is no version that can be read"
        return Check("kubelet-version", Status.UNKNOWN, title, clean(why))
    # What depends on the pods has a line of its own.
    mine = tuple(rung for rung in found if rung.when is When.ALWAYS)
    faults = tuple(rung for rung in mine if rung.status is not Status.PASS)
    said = "; ".join(rung.says for rung in faults)
    if not faults:
        said = "no fault of this version is known"
        if mine:
            said += "; what to know of it is in the plan of `pleg-tui switch evented`"
    return Check(
        "kubelet-version",
        worst(mine),
        title,
        clean(f"{version.value} ({version.source}): {said}"),
        _joined(rung.remedy for rung in faults),
        _joined(rung.source for rung in faults),
    )


def _distribution(facts: Facts) -> Check:
    home = facts.kubelet.home
    title = "where its configuration lives"
    if home.distribution is None:
        remedy = "change the gate by hand where this kubelet's configuration is made"
        return Check("distribution", Status.UNKNOWN, title, clean(home.source), remedy)
    says = [f"{home.distribution} ({home.source})"]
    places = [home.drop_in_dir or home.config_file or ""]
    says += [place for place in places if place]
    if home.overwritten_by:
        says.append(f"mind: {home.overwritten_by}")
    evidence = clean("; ".join(says))
    broken = [file for file in facts.kubelet.config_files if file.error]
    if broken:
        told = clean("; ".join(f"{file.path}: {file.error}" for file in broken))
        return Check("distribution", Status.FAIL, title, told, "mend this file first")
    if home.supported is False:
        return Check("distribution", Status.FAIL, title, evidence, clean(home.change))
    if home.supported is None:
        return Check("distribution", Status.UNKNOWN, title, evidence, clean(home.change))
    # A drop-in of ours stays where others are written anew; a line in a file does not.
    lasts = home.drop_in_dir is not None or not home.overwritten_by
    status = Status.PASS if lasts else Status.WARN
    return Check("distribution", status, title, evidence, clean(home.change))


def _gate(facts: Facts) -> Check:
    gate = facts.kubelet.evented_gate
    title = "feature gate EventedPLEG"
    source = "k/k#122697: alpha and off by default"
    if gate.on is None:
        return Check("gate", Status.UNKNOWN, title, clean(gate.source), "run this as root", source)
    word = "on" if gate.on else "off"
    evidence = clean(f"{word}: {gate.source}; the kubelet is {facts.kubelet.mode.value}")
    if gate.on and facts.kubelet.mode in (Mode.FALLEN_BACK, Mode.GENERIC):
        remedy = f"restart {facts.kubelet.home.unit or 'the kubelet'}: the gate alone does not help"
        return Check("gate", Status.FAIL, title, evidence, remedy, "k/k#129827")
    return Check("gate", Status.PASS, title, evidence, source=source)


def _runtime(facts: Facts) -> Check:
    seen = facts.runtime
    title = "runtime version"
    if not seen.name:
        remedy = "name the runtime's socket with -r, and run this as root"
        return Check("runtime", Status.UNKNOWN, title, clean(seen.why), remedy)
    known = traits.traits(seen.name, seen.version)
    simulated = "simulated " if seen.simulated else ""
    heading = f"{simulated}{known.title}"
    if known.name not in traits.NAMES:
        why = f"{heading}: nothing is known about this runtime's events"
        return Check("runtime", Status.UNKNOWN, title, clean(why), "use containerd or CRI-O")
    found = rungs(known.name, seen.version)
    if found is None:
        why = f"{heading}: its version ({seen.version or 'empty'}) cannot be read"
        return Check("runtime", Status.UNKNOWN, title, clean(why))
    said = "; ".join(rung.says for rung in found) or "nothing is known against it"
    return Check(
        "runtime",
        worst(found),
        title,
        clean(f"{heading}: {said}"),
        _joined(rung.remedy for rung in found),
        _joined(rung.source for rung in found),
    )


def _runtime_events(facts: Facts) -> Check:
    title = "runtime sends CRI events"
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    config = facts.runtime_config
    crio = known.name == "cri-o" or (config.process is not None and config.process.name == "cri-o")
    if not crio:
        source = "" if known.name != "containerd" else "containerd has no option for it"
        if known.cri_events == "none":
            remedy = "use a runtime that does: containerd 2.0.3 or CRI-O 1.35, or later"
            return Check("runtime-events", Status.FAIL, title, known.cri_events_why, remedy, source)
        return _setting("runtime-events", title, config.pod_events, "see the line above")
    broken = [file for file in config.files if file.error]
    if broken:
        told = "; ".join(f"{file.path}: {file.error}" for file in broken)
        remedy = "; ".join(file.remedy for file in broken)
        return Check("runtime-events", Status.FAIL, title, clean(told), clean(remedy), _DOCS)
    option = config.pod_events
    if option.on is None:
        return Check("runtime-events", Status.UNKNOWN, title, clean(option.source))
    evidence = clean(f"{OPTION} is {'on' if option.on else 'off'}: {option.source}")
    if option.on and config.unread:
        late = clean(f"{evidence}; {config.unread} was changed after CRI-O's start")
        remedy = "restart crio before the kubelet: `pleg-tui switch evented` does both"
        return Check("runtime-events", Status.WARN, title, late, remedy, "crio.8.md")
    if option.on:
        return Check("runtime-events", Status.PASS, title, evidence)
    # `switch evented` turns it on: what is in the way is only a flag, which is above every file.
    by_flag = config.flag.on is False
    remedy = f"set `{OPTION} = true` under [crio.runtime] in a file in {config.drop_in_dir}, and "
    remedy += "restart crio before the kubelet: `pleg-tui switch evented` does both"
    if by_flag:
        remedy = f"take away {config.flag.source}: it is above every file"
    return Check(
        "runtime-events",
        Status.FAIL if by_flag or facts.kubelet.evented_gate.on else Status.WARN,
        title,
        evidence,
        remedy,
        "cri-o#7164, crio.conf.5.md",
    )


def _events_flow(facts: Facts) -> Check:
    title = "events seen to flow"
    kubelet = facts.kubelet
    events = kubelet.figures.events
    if events.value:
        return Check(
            "events",
            Status.PASS,
            title,
            clean(f"the kubelet has processed {events.value:.0f} events ({events.source})"),
        )
    if facts.events.on is not None:
        status = Status.PASS if facts.events.on else Status.FAIL
        return Check("events", status, title, clean(facts.events.source))
    why = "the kubelet does not read events now, and only a reader sees them"
    if kubelet.mode in (Mode.EVENTED, Mode.HINT_ONLY):
        why = f"how many the kubelet has processed is not known: {events.source}"
    known = traits.traits(facts.runtime.name, facts.runtime.version)
    if known.cri_events != "safe" and known.cri_events_why:
        why += f"; looking is not safe here: {known.cri_events_why}"
    remedy = "" if known.cri_events != "safe" else "`pleg-tui events --source cri` shows them"
    return Check("events", Status.UNKNOWN, title, clean(why), remedy)


def _sidecars(facts: Facts) -> Check:
    title = "no pod has sidecars"
    version = facts.kubelet.version.value
    rule = next(rung for rung in rungs("kubelet", "1.33.0") or () if rung.when is When.SIDECARS)
    touched = any(rung.when is When.SIDECARS for rung in rungs("kubelet", version or "") or ())
    if version is not None and not touched:
        return Check("sidecars", Status.PASS, title, f"does not matter to kubelet {clean(version)}")
    if facts.pods.sidecars:
        named = clean(", ".join(facts.pods.sidecars), 300)
        return Check(
            "sidecars", Status.WARN, title, f"{named}: {rule.says}", rule.remedy, rule.source
        )
    if facts.pods.running == 0:
        return Check("sidecars", Status.PASS, title, "no pod runs here")
    return Check(
        "sidecars",
        Status.UNKNOWN,
        title,
        "the runtime does not tell sidecars from other containers",
        "look for init containers with restartPolicy Always: `kubectl get pods -A -o json` with a "
        "field selector spec.nodeName",
        rule.source,
    )


def _static(facts: Facts) -> Check:
    title = "no static pods"
    version = facts.kubelet.version.value
    if at_least(version, 1, 37):
        return Check("static-pods", Status.PASS, title, f"does not matter to kubelet {version}")
    source = "k/k#121349, k/k#123087"
    if facts.pods.static is None:
        return Check("static-pods", Status.UNKNOWN, title, clean(facts.pods.why), source=source)
    if not facts.pods.static:
        return Check("static-pods", Status.PASS, title, "none is in the listing", source=source)
    return Check(
        "static-pods",
        Status.WARN,
        title,
        clean(", ".join(facts.pods.static), 300) + ": may start twice or not at all with events",
        "leave this node on polling, or accept the risk with --accept-risks",
        source,
    )


def _drained(facts: Facts) -> Check:
    title = "node drained"
    node = facts.kubelet.node
    name = clean(node.name) if node.name else "NODE"
    remedy = f"`kubectl drain {name} --ignore-daemonsets`, and `kubectl uncordon {name}` afterwards"
    if facts.pods.running == 0:
        return Check("drained", Status.PASS, title, "no pod runs here", source=_DOCS)
    others = None
    if facts.pods.running is not None:
        others = facts.pods.running - len(facts.pods.static or ())
    pods = "" if others is None else f"; {others} pods run that are not static"
    if node.cordoned is None:
        why = f"whether it is cordoned is not known: {node.source}{pods}"
        return Check("drained", Status.UNKNOWN, title, clean(why), remedy, _DOCS)
    if not node.cordoned:
        why = f"it takes new pods{pods} ({node.source})"
        return Check("drained", Status.WARN, title, clean(why), remedy, _DOCS)
    why = f"it is cordoned ({node.source}){pods}, which a drain leaves only for DaemonSets"
    return Check("drained", Status.PASS, title, clean(why), source=_DOCS)


def _writable(facts: Facts) -> Check:
    title = "configuration can be written"
    if not facts.machine.writable:
        return Check("writable", Status.UNKNOWN, title, "no file is known that would be written")
    bad = [(path, one) for path, one in facts.machine.writable.items() if one.on is not True]
    if not bad:
        return Check("writable", Status.PASS, title, clean(", ".join(facts.machine.writable)))
    told = "; ".join(f"{path}: {one.source}" for path, one in bad)
    status = Status.FAIL if any(one.on is False for _, one in bad) else Status.UNKNOWN
    return Check("writable", status, title, clean(told), "run this as root, on a writable system")


def _setting(name: str, title: str, setting: Setting, remedy: str) -> Check:
    if setting.on is None:
        return Check(name, Status.UNKNOWN, title, clean(setting.source), remedy)
    if setting.on:
        return Check(name, Status.PASS, title, clean(setting.source))
    return Check(name, Status.WARN, title, clean(setting.source), remedy)


def _joined(texts: Iterator[str]) -> str:
    return "; ".join(dict.fromkeys(text for text in texts if text))
