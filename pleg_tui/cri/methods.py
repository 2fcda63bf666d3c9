"""The calls: gRPC paths of the CRI and of containerd's event service, and nothing else.

Paths are all that a client needs beside the messages, so no gRPC stubs are generated.
"""

RUNTIME_SERVICE = "runtime.v1.RuntimeService"
IMAGE_SERVICE = "runtime.v1.ImageService"
EVENTS_SERVICE = "containerd.services.events.v1.Events"

VERSION = f"/{RUNTIME_SERVICE}/Version"
STATUS = f"/{RUNTIME_SERVICE}/Status"
LIST_POD_SANDBOX = f"/{RUNTIME_SERVICE}/ListPodSandbox"
LIST_CONTAINERS = f"/{RUNTIME_SERVICE}/ListContainers"
POD_SANDBOX_STATUS = f"/{RUNTIME_SERVICE}/PodSandboxStatus"
CONTAINER_STATUS = f"/{RUNTIME_SERVICE}/ContainerStatus"
GET_CONTAINER_EVENTS = f"/{RUNTIME_SERVICE}/GetContainerEvents"
SUBSCRIBE = f"/{EVENTS_SERVICE}/Subscribe"


def short(path: str) -> str:
    """The method's own name, as people say it: "ListContainers"."""
    return path.rpartition("/")[2]
