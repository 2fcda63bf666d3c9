"""What runs on the simulated node: pods as Deployments, DaemonSets and Jobs make them."""

from __future__ import annotations

import hashlib
import random
from enum import StrEnum
from functools import cache

from msgspec import Struct, field

from pleg_tui.sim.objects import Image

MIB = 1 << 20
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters that Kubernetes makes random names of: no vowels, nothing that looks alike."""


class Kind(StrEnum):
    """What made a pod; it shapes the pod's name."""

    DEPLOYMENT = "Deployment"
    DAEMONSET = "DaemonSet"
    STATEFULSET = "StatefulSet"
    JOB = "Job"


class Behaviour(StrEnum):
    """How a container spends its life."""

    SERVE = "serve"
    """It runs until something ends it."""
    FINISH = "finish"
    """It ends by itself after a while, mostly with 0."""
    CRASH = "crash"
    """It ends with an error soon after each start."""
    LEAK = "leak"
    """It grows until the kernel kills it."""


class Spec(Struct, frozen=True):
    """A container of a pod."""

    name: str
    image: str
    memory: int = 0
    """Limit, bytes; 0 for none."""
    cpu: int = 0
    """Limit, thousandths of a core; 0 for none."""
    behaviour: Behaviour = Behaviour.SERVE
    seconds: tuple[float, float] = (0.0, 0.0)
    """How long FINISH, CRASH and LEAK take, as they would on a real node."""
    init: bool = False


class Workload(Struct, frozen=True):
    """A template of pods."""

    namespace: str
    name: str
    kind: Kind
    containers: tuple[Spec, ...]
    host_network: bool = False
    labels: dict[str, str] = field(default_factory=dict)

    def __hash__(self) -> int:
        """Of what names it."""
        return hash((self.namespace, self.name, self.kind))


def word(rng: random.Random, length: int) -> str:
    """A random name part."""
    return "".join(rng.choices(_ALPHABET, k=length))


def pod_name(workload: Workload, rng: random.Random, revision: str, ordinal: int) -> str:
    """A pod's name as its owner forms it."""
    if workload.kind is Kind.DEPLOYMENT:
        return f"{workload.name}-{revision}-{word(rng, 5)}"
    if workload.kind is Kind.STATEFULSET:
        return f"{workload.name}-{ordinal}"
    if workload.kind is Kind.JOB:
        return f"{workload.name}-{revision}-{word(rng, 5)}"
    return f"{workload.name}-{word(rng, 5)}"


@cache
def image(name: str) -> Image:
    """The image of that name; digest and size follow from it."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Image(name, digest, 4 * MIB + int(digest[:7], 16) % (300 * MIB))


def _app(namespace: str, name: str, tag: str, memory: int, cpu: int, *more: Spec) -> Workload:
    own = Spec(name, f"{namespace}/{name}:{tag}", memory * MIB, cpu)
    return Workload(namespace, name, Kind.DEPLOYMENT, (*more, own) if more else (own,))


_PROXY = Spec("proxy", "mesh/proxy:1.27.3", 128 * MIB, 200)
_MIGRATE = Spec("migrate", "shop/migrate:2.4", 64 * MIB, 0, Behaviour.FINISH, (1.0, 3.0), init=True)

SYSTEM: tuple[Workload, ...] = (
    Workload(
        "kube-system",
        "kube-proxy",
        Kind.DAEMONSET,
        (Spec("kube-proxy", "kube-proxy:v1.36.2"),),
        host_network=True,
    ),
    Workload(
        "kube-system",
        "cni-agent",
        Kind.DAEMONSET,
        (
            Spec("install-cni", "cni/agent:1.17.4", 0, 0, Behaviour.FINISH, (0.3, 1.0), init=True),
            Spec("agent", "cni/agent:1.17.4", 512 * MIB),
        ),
        host_network=True,
    ),
    Workload(
        "kube-system",
        "coredns",
        Kind.DEPLOYMENT,
        (Spec("coredns", "coredns/coredns:v1.12.1", 170 * MIB, 100),),
    ),
    Workload(
        "monitoring",
        "node-exporter",
        Kind.DAEMONSET,
        (Spec("node-exporter", "prometheus/node-exporter:v1.9.1", 180 * MIB, 250),),
        host_network=True,
    ),
)
"""One pod each, on every node."""

APPS: tuple[Workload, ...] = (
    _app("shop", "web", "5.2.0", 256, 500, _PROXY),
    _app("shop", "api", "3.14.1", 512, 1000, _MIGRATE, _PROXY),
    _app("shop", "payments", "1.9.7", 384, 500, _PROXY),
    _app("shop", "worker", "3.14.1", 768, 1000),
    Workload(
        "shop",
        "cache",
        Kind.STATEFULSET,
        (
            Spec("redis", "cache/redis:7.4", 512 * MIB, 500),
            Spec("metrics", "cache/redis-exporter:1.67", 64 * MIB, 50),
        ),
    ),
    _app("default", "frontend", "2.0.3", 128, 250),
    _app("search", "indexer", "0.8.0", 1024, 2000),
    _app("search", "query", "0.8.0", 512, 1000, _PROXY),
    _app("logging", "collector", "3.2", 200, 200),
)

JOBS: tuple[Workload, ...] = tuple(
    Workload(
        namespace,
        name,
        Kind.JOB,
        (Spec(name, f"{namespace}/{name}:1.4", 128 * MIB, 0, Behaviour.FINISH, seconds),),
    )
    for namespace, name, seconds in (
        ("batch", "report", (1.0, 4.0)),
        ("batch", "thumbnail", (0.2, 1.5)),
        ("batch", "cleanup", (0.1, 0.6)),
        ("shop", "invoice", (0.5, 3.0)),
    )
)

CRASHERS: tuple[Workload, ...] = (
    Workload(
        "shop",
        "recommender",
        Kind.DEPLOYMENT,
        (
            Spec(
                "recommender",
                "shop/recommender:0.3.0",
                256 * MIB,
                500,
                Behaviour.CRASH,
                (1.0, 6.0),
            ),
            _PROXY,
        ),
    ),
    Workload(
        "default",
        "legacy",
        Kind.DEPLOYMENT,
        (Spec("legacy", "default/legacy:1.0", 128 * MIB, 0, Behaviour.CRASH, (0.5, 3.0)),),
    ),
)

LEAKERS: tuple[Workload, ...] = (
    Workload(
        "search",
        "ranker",
        Kind.DEPLOYMENT,
        (
            Spec("ranker", "search/ranker:0.8.0", 256 * MIB, 500, Behaviour.LEAK, (8.0, 30.0)),
            _PROXY,
        ),
    ),
    Workload(
        "batch",
        "importer",
        Kind.DEPLOYMENT,
        (Spec("importer", "batch/importer:2.1", 128 * MIB, 0, Behaviour.LEAK, (5.0, 20.0)),),
    ),
)

BURST = Workload(
    "storm",
    "burst",
    Kind.JOB,
    tuple(
        Spec(name, f"storm/{name}:1.0", 64 * MIB, 0, Behaviour.FINISH, (0.05, 1.5))
        for name in ("worker", "helper")
    ),
)
"""What a storm is made of."""

EVERY: tuple[Workload, ...] = (*SYSTEM, *APPS, *JOBS, *CRASHERS, *LEAKERS, BURST)


def images() -> list[Image]:
    """Every image that a workload may run, and the pause image."""
    names = {spec.image for workload in EVERY for spec in workload.containers}
    return [image(name) for name in sorted(names | {"pause:3.10"})]
