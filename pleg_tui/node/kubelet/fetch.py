"""One page over HTTP or HTTPS from the node itself or its API server, bounded in time and size.

No redirect is followed and no proxy is used, so a token goes nowhere but to the server it is meant
for; no message ever holds a token.
"""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from pleg_tui.cri.clean import clean

MAX_BYTES = 32 << 20
"""A kubelet's metrics page has some hundred kilobytes to a few megabytes."""


class Access(Struct, frozen=True):
    """How to prove who we are, and whom we believe."""

    client_cert: str = ""
    client_key: str = ""
    """Paths as this program sees them, of PEM files."""
    token: str = ""
    ca_file: str = ""
    ca_data: str = ""
    """PEM text of the certificate authority."""
    insecure: bool = False
    pinned: Sequence[bytes] = ()
    """Certificates (DER) one of which the server may show, whoever signed it: read from the
    server's own files on this node, they prove more than a signature does."""

    def __repr__(self) -> str:
        """Without the token."""
        return f"Access({self.client_cert!r}, token={'yes' if self.token else 'no'})"


class FetchError(Exception):
    """Why there is no page: one sentence, with the remedy where there is one."""

    def __init__(self, says: str, *, status: int | None = None, refused: bool = False) -> None:
        super().__init__(says)
        self.status = status
        """The server's answer where it gave one: 401, 403, …"""
        self.refused = refused
        """Nobody listens there."""
        self.untrusted = False
        """Its certificate could not be verified."""


def fetch(url: str, access: Access, timeout_s: float, limit: int = MAX_BYTES) -> str:
    """The text of a page.

    Args:
        url: http or https.
        access: nothing of it is used over http.
        timeout_s: for all of it, name look-up, handshake and body.
        limit: bytes; a larger page is an error.

    Raises:
        FetchError: there is none.
    """
    request = _Request(url, access, timeout_s, limit)
    # A server may answer a byte at a time, and a name look-up knows no timeout: only a thread of
    # its own bounds both.
    worker = threading.Thread(target=request.run, name="fetch", daemon=True)
    worker.start()
    worker.join(timeout_s)
    if worker.is_alive():
        request.abort()
        raise FetchError(f"{_shown(url)} gave no answer within {timeout_s:g} s")
    if request.error is not None:
        raise request.error
    return request.text


class _Request:
    def __init__(self, url: str, access: Access, timeout_s: float, limit: int) -> None:
        self.text = ""
        self.error: FetchError | None = None
        self._url = url
        self._access = access
        self._timeout = timeout_s
        self._limit = limit
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        shown = _shown(self._url)
        try:
            self.text = self._get()
        except FetchError as error:
            self.error = error
        except TimeoutError:
            self.error = FetchError(f"{shown} gave no answer within {self._timeout:g} s")
        except ssl.SSLCertVerificationError as error:
            self.error = _untrusted(shown, error)
        except ssl.SSLError as error:
            self.error = FetchError(f"{shown}: TLS failed ({clean(error.reason or 'broken')})")
        except ConnectionRefusedError:
            self.error = FetchError(f"nobody listens at {shown}", refused=True)
        except socket.gaierror:
            self.error = FetchError(f"the name in {shown} is not known here")
        except OSError as error:
            reason = clean((error.strerror or "broken off").lower())
            self.error = FetchError(f"{shown} cannot be reached: {reason}")
        except http.client.HTTPException:
            self.error = FetchError(f"{shown} does not speak HTTP")
        except (ValueError, UnicodeError):
            # The texts of these errors may hold the header, and so the token.
            self.error = FetchError(f"{shown} cannot be asked: the URL or the token is malformed")
        finally:
            if self._connection is not None:
                self._connection.close()

    def abort(self) -> None:
        connection = self._connection
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def _get(self) -> str:
        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise FetchError(f"{_shown(self._url)} is no URL such as https://127.0.0.1:10250")
        headers = {"Accept": "text/plain, application/json", "User-Agent": "pleg-tui"}
        if parts.scheme == "https":
            context, pin = _context(self._access)
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=self._timeout, context=context
            )
            self._connection = connection
            connection.connect()
            if pin:
                _check_pin(connection, self._access.pinned, _shown(self._url))
            if self._access.token:
                headers["Authorization"] = "Bearer " + self._access.token
        else:
            connection = http.client.HTTPConnection(
                parts.hostname, parts.port, timeout=self._timeout
            )
            self._connection = connection
        path = parts.path or "/"
        connection.request("GET", f"{path}?{parts.query}" if parts.query else path, headers=headers)
        response = connection.getresponse()
        body = response.read(self._limit + 1)
        shown = _shown(self._url)
        if response.status in (401, 403):
            raise FetchError(_refusal(shown, response.status), status=response.status)
        if response.status != 200:
            raise FetchError(f"{shown} answers {response.status}", status=response.status)
        if len(body) > self._limit:
            raise FetchError(f"{shown} answers more than {self._limit >> 20} MiB")
        return body.decode("utf-8", "replace")


def certificates(pem: str) -> list[bytes]:
    """The certificates in a text of PEM, as DER; those that are broken are left out."""
    found = []
    for body in re.findall(
        r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.DOTALL
    ):
        try:
            found.append(base64.b64decode("".join(body.split()), validate=True))
        except ValueError:
            continue
    return found


def _context(access: Access) -> tuple[ssl.SSLContext, bool]:
    """How to speak TLS, and whether the server's certificate is to be compared by us."""
    context = ssl.create_default_context()
    pin = False
    if access.insecure or (access.pinned and not (access.ca_file or access.ca_data)):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        pin = not access.insecure
    elif access.ca_file or access.ca_data:
        try:
            context = ssl.create_default_context(
                cafile=access.ca_file or None, cadata=access.ca_data or None
            )
        except (OSError, ValueError):
            raise FetchError(_unusable("the CA file", access.ca_file)) from None
    if access.client_cert:
        try:
            context.load_cert_chain(
                access.client_cert, access.client_key or None, password=lambda: b""
            )
        except (OSError, ValueError):
            raise FetchError(
                _unusable("the client certificate or its key", access.client_cert)
            ) from None
    return context, pin


def _unusable(what: str, path: str) -> str:
    where = f" {clean(path)}" if path else ""
    return f"{what}{where} cannot be used: it must be a readable PEM file without a passphrase"


def _check_pin(connection: http.client.HTTPConnection, pinned: Sequence[bytes], shown: str) -> None:
    sock = connection.sock
    shows = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
    if shows not in pinned:
        error = FetchError(
            f"{shown} shows a certificate that is not the one in the kubelet's own files, and "
            "nobody that is trusted here has signed it"
        )
        error.untrusted = True
        raise error


def _untrusted(shown: str, error: ssl.SSLCertVerificationError) -> FetchError:
    # X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH
    if error.verify_code in (62, 64):
        reason = "is for another name or address"
    elif error.verify_code in (18, 19):
        reason = "is self-signed"
    elif error.verify_code == 10:
        reason = "has expired"
    else:
        reason = "is not signed by anybody who is trusted here"
    made = FetchError(f"the certificate of {shown} {reason}")
    made.untrusted = True
    return made


def _refusal(shown: str, status: int) -> str:
    if status == 401:
        return f"{shown} does not know who we are (401)"
    return f"{shown} knows who we are, but we may not read this (403)"


def _shown(url: str) -> str:
    """A URL without what may be secret in it."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "the URL"
    return clean(f"{parts.scheme}://{host}{parts.path}", 200)
