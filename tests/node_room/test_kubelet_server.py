from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pleg_tui.node.kubelet.fetch import Access, FetchError, certificates, fetch
from pleg_tui.node.kubelet.node_object import read_node
from pleg_tui.node.kubelet.options import KubeletOptions
from pleg_tui.node.kubelet.server import KubeletServer
from tests.node_room.kubelets import Node, Server, configz, page

TOKEN = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"
NODE = (
    '{"kind":"Node","metadata":{"name":"worker-1"},"spec":{"unschedulable":true},"status":'
    '{"conditions":[{"type":"Ready","status":"False","reason":"KubeletNotReady","message":'
    '"PLEG is not healthy\\u001b[31m"}],"nodeInfo":{"kubeletVersion":"v1.33.4-eks-1"}}}'
)


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with self-signed certificates: server.pem (127.0.0.1), other.pem, client.pem."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make certificates with")
    folder = tmp_path_factory.mktemp("tls")
    for name, subject, address in (
        ("server", "/CN=server", "IP:127.0.0.1"),
        ("other", "/CN=other", "DNS:elsewhere"),
        ("client", "/O=system:nodes/CN=system:node:worker-1", "DNS:worker-1"),
    ):
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
             "-nodes", "-days", "3650", "-subj", subject, "-addext", f"subjectAltName={address}",
             "-keyout", f"{name}.key", "-out", f"{name}.crt"],
            cwd=folder, check=True, capture_output=True,
        )  # fmt: skip
        both = (folder / f"{name}.crt").read_text() + (folder / f"{name}.key").read_text()
        (folder / f"{name}.pem").write_text(both)
    return folder


def asked(root: Path, options: KubeletOptions, **config: object) -> tuple[KubeletServer, bool]:
    server = KubeletServer(str(root), options, config, {"config": "/c"})
    return server, server.sample() is not None


def test_the_read_only_port_of_its_configuration_is_asked(tmp_path: Path) -> None:
    with Server({"/metrics": (200, page(relists=5))}) as server:
        found, good = asked(tmp_path, KubeletOptions(timeout_s=30), readOnlyPort=server.port)
        assert good
        assert found.door.url == server.url


def test_configz_comes_through_the_same_door(tmp_path: Path) -> None:
    answers = {
        "/metrics": (200, page(relists=5)),
        "/configz": (200, configz({"EventedPLEG": True}, staticPodURLHeader={"A": ["x"]})),
    }
    with Server(answers) as server:
        found, _ = asked(tmp_path, KubeletOptions(url=server.url + "/", timeout_s=30))
        told = found.configz()
        assert told.gates == {"EventedPLEG": True}
        assert "staticPodURLHeader" not in told.config
        server.answers["/configz"] = (404, "")
        assert found.configz().gates is None
        assert "404" in found.configz().why
        server.answers["/configz"] = (200, "<html>")
        assert "is not JSON" in found.configz().why


@pytest.mark.parametrize("status", [401, 403])
def test_missing_rights_are_told_with_what_to_grant(tmp_path: Path, status: int) -> None:
    with Server({"/metrics": (status, "no")}) as server:
        found, good = asked(tmp_path, KubeletOptions(url=server.url, timeout_s=30))
        assert not good
        assert str(status) in found.door.why
        (remedy,) = found.door.remedies
        assert "nodes/metrics" in remedy
        assert "ClusterRoleBinding" in remedy
        assert "--kubelet-token-file" in remedy


def test_on_a_control_plane_node_its_own_client_certificate_is_named(tmp_path: Path) -> None:
    Node(tmp_path).write("/etc/kubernetes/pki/apiserver-kubelet-client.key", "key")
    with Server({"/metrics": (401, "")}) as server:
        found, _ = asked(tmp_path, KubeletOptions(url=server.url, timeout_s=30))
        assert "apiserver-kubelet-client.crt" in found.door.remedies[0]


def test_a_self_signed_certificate_is_told_with_the_ways_out(tmp_path: Path, tls: Path) -> None:
    with Server({"/metrics": (200, page(relists=5))}, tls / "server.pem") as server:
        found, good = asked(tmp_path, KubeletOptions(url=server.url, timeout_s=30))
        assert not good
        assert "self-signed" in found.door.why
        assert "--kubelet-ca" in found.door.remedies[0]
        assert "--kubelet-insecure" in found.door.remedies[0]
        for options in (
            KubeletOptions(url=server.url, ca_file=str(tls / "server.crt"), timeout_s=30),
            KubeletOptions(url=server.url, insecure=True, timeout_s=30),
        ):
            assert asked(tmp_path, options)[1]


def test_the_kubelets_own_certificate_file_is_enough(tmp_path: Path, tls: Path) -> None:
    node = Node(tmp_path)
    node.write("/var/lib/kubelet/pki/kubelet.crt", (tls / "other.crt").read_text())
    token = node.write("/token", TOKEN)
    with Server({"/metrics": (200, page(relists=5))}, tls / "server.pem") as server:
        options = KubeletOptions(url=server.url, token_file=str(token), timeout_s=30)
        found, good = asked(tmp_path, options)
        assert not good
        assert "not the one in the kubelet's own files" in found.door.why
        assert server.asked == []  # the token was not sent to a stranger
        node.write("/var/lib/kubelet/pki/kubelet.crt", (tls / "server.crt").read_text())
        assert asked(tmp_path, options)[1]
        assert server.asked[0][1]["Authorization"] == f"Bearer {TOKEN}"


def test_a_certificate_for_another_name_is_told(tmp_path: Path, tls: Path) -> None:
    with Server({}, tls / "other.pem") as server:
        options = KubeletOptions(url=server.url, ca_file=str(tls / "other.crt"), timeout_s=30)
        assert "another name or address" in asked(tmp_path, options)[0].door.why


def test_a_client_certificate_lets_us_in(tmp_path: Path, tls: Path) -> None:
    with Server(
        {"/metrics": (200, page(relists=5))}, tls / "server.pem", tls / "client.crt"
    ) as server:
        options = KubeletOptions(
            url=server.url,
            client_cert=str(tls / "client.crt"),
            client_key=str(tls / "client.key"),
            ca_file=str(tls / "server.crt"),
            timeout_s=30,
        )
        assert asked(tmp_path, options)[1]


@pytest.mark.parametrize("name", ["missing", "broken"])
def test_credentials_that_cannot_be_used_are_told(tmp_path: Path, tls: Path, name: str) -> None:
    path = tmp_path / name
    if name == "broken":
        path.write_text("no certificate")
    with Server({}, tls / "server.pem") as server:
        for options, what in (
            (KubeletOptions(client_cert=str(path), insecure=True), "client certificate"),
            (KubeletOptions(ca_file=str(path)), "CA file"),
        ):
            found = KubeletServer(str(tmp_path), options, {"port": server.port}, {"config": "/c"})
            assert found.sample() is None
            assert f"the {what}" in found.door.why


@pytest.mark.parametrize("content", [None, "", "two words", "line\nline", "ümlaut", "\x00" * 9])
def test_a_bad_token_is_told_and_not_shown(tmp_path: Path, tls: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with Server({}, tls / "server.pem") as server:
        options = KubeletOptions(url=server.url, token_file=str(path), insecure=True)
        found = asked(tmp_path, options)[0].door.why
        assert "token" in found
        assert str(path) in found
        assert not content or content not in found


def test_a_token_is_never_sent_in_the_clear_nor_after_a_redirect(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with Server({"/metrics": (302, "")}) as server:
        options = KubeletOptions(url=server.url, token_file=str(token), timeout_s=30)
        found, good = asked(tmp_path, options)
        assert not good
        assert "302" in found.door.why
        assert len(server.asked) == 1
        assert "Authorization" not in server.asked[0][1]


def test_no_message_and_no_repr_holds_the_token(tmp_path: Path) -> None:
    access = Access(token=TOKEN)
    assert TOKEN not in repr(access)
    for url in ("https://user:pw@h/", "ftp://x", "https://", "https://127.0.0.1:1/", "https://[x"):
        with pytest.raises(FetchError) as caught:
            fetch(url, access, 5)
        assert TOKEN not in str(caught.value)
        assert "pw" not in str(caught.value)


@pytest.fixture
def hung() -> Iterator[tuple[int, str]]:
    """A port where a connection is taken and nothing more happens; and one that drips."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1], "hung"


def test_a_hung_server_ends_with_a_sentence(tmp_path: Path, hung: tuple[int, str]) -> None:
    for scheme in ("http", "https"):
        options = KubeletOptions(url=f"{scheme}://127.0.0.1:{hung[0]}", timeout_s=0.3)
        found, good = asked(tmp_path, options)
        assert not good
        assert "gave no answer within 0.3 s" in found.door.why


def test_a_dripping_server_is_cut_off_too(tmp_path: Path) -> None:
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
                    while not done.wait(0.02):
                        connection.sendall(b"x")
                except OSError:
                    return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(FetchError, match=r"no answer within 0\.4 s"):
            fetch(f"http://127.0.0.1:{listener.getsockname()[1]}/metrics", Access(), 0.4)
        done.set()
        thread.join(10)


def test_nobody_there_and_not_http_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FetchError, match="nobody listens"):
        fetch(f"http://127.0.0.1:{port}/", Access(), 30)
    with Server({"/big": (200, b"x" * 5000)}) as server, pytest.raises(FetchError, match="more"):
        fetch(f"{server.url}/big", Access(), 30, limit=100)


def test_a_page_that_is_not_a_kubelets_is_told(tmp_path: Path) -> None:
    with Server({"/metrics": (200, "node_cpu 1\n")}) as server:
        found, good = asked(tmp_path, KubeletOptions(url=server.url, timeout_s=30))
        assert not good
        assert "not a kubelet's metrics page" in found.door.why


def kubeconfig(server: str, tls: Path, user: str) -> str:
    ca = base64.b64encode((tls / "server.crt").read_bytes()).decode()
    return (
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        f"clusters: [{{name: k, cluster: {{server: '{server}', "
        f"certificate-authority-data: {ca}}}}}]\n"
        f"contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n"
        f"users: [{{name: u, user: {{{user}}}}}]\n"
    )


def test_the_node_object_is_read_as_the_kubelet(tmp_path: Path, tls: Path) -> None:
    node = Node(tmp_path)
    node.write("/var/lib/kubelet/pki/kubelet-client.pem", (tls / "client.pem").read_text())
    (tmp_path / "var/lib/kubelet/pki/kubelet-client-current.pem").symlink_to(
        "/var/lib/kubelet/pki/kubelet-client.pem"
    )
    path = "/var/lib/kubelet/pki/kubelet-client-current.pem"
    with Server(
        {"/api/v1/nodes/worker-1": (200, NODE)}, tls / "server.pem", tls / "client.crt"
    ) as server:
        user = f"client-certificate: {path}, client-key: {path}"
        node.write("/etc/kubernetes/kubelet.conf", kubeconfig(server.url, tls, user))
        facts = read_node(str(tmp_path), {}, "", 30)
    assert (facts.name, facts.cordoned, facts.ready) == ("worker-1", True, False)
    assert facts.kubelet_version == "1.33.4-eks-1"
    assert facts.conditions == {"Ready": "False: PLEG is not healthy^[[31m"}
    assert "/etc/kubernetes/kubelet.conf" in facts.source


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("exec: {command: aws}", "from a program, which is not run"),
        ("username: x", "has no client certificate"),
        ("client-certificate: /missing.pem", "/missing.pem does not exist"),
        ("client-certificate-data: '!!!'", "client certificate"),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_told(
    tmp_path: Path, tls: Path, user: str, reason: str
) -> None:
    node = Node(tmp_path)
    node.write("/etc/kubernetes/kubelet.conf", kubeconfig("https://127.0.0.1:1", tls, user))
    facts = read_node(str(tmp_path), {"hostname-override": "n"}, "", 5)
    assert facts.cordoned is None
    assert reason in facts.source


def test_no_or_a_broken_kubeconfig_is_told(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert "has no kubeconfig" in read_node(str(tmp_path), {}, "", 5).source
    node.write("/etc/kubernetes/kubelet.conf", "{{{")
    assert "is not YAML" in read_node(str(tmp_path), {}, "", 5).source
    node.write("/etc/kubernetes/kubelet.conf", "a: 1")
    assert "names no https server" in read_node(str(tmp_path), {}, "", 5).source


@pytest.mark.parametrize("answer", [(403, ""), (200, "<html>"), (200, '{"kind":"Status"}')])
def test_what_the_api_server_refuses_is_told(
    tmp_path: Path, tls: Path, answer: tuple[int, str]
) -> None:
    user = "token: abc"
    with Server({"/api/v1/nodes/n": answer}, tls / "server.pem") as server:
        Node(tmp_path).write("/k.conf", kubeconfig(server.url, tls, user))
        facts = read_node(
            str(tmp_path), {"kubeconfig": "/k.conf", "hostname-override": "n"}, "", 30
        )
    assert facts.ready is None
    assert facts.source
    assert "abc" not in facts.source


def test_broken_pem_is_left_out() -> None:
    assert certificates("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----") == []
