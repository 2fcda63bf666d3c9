"""A certificate that signs itself, as a kubelet makes one when it is given none.

Written out because nothing else here needs a cryptography library: an ECDSA key on P-256 (SEC 1,
FIPS 186-4) and an X.509 certificate (RFC 5280). For a simulated kubelet on the loopback only: no
care is taken to keep the key from those who can measure this process.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from ipaddress import ip_address

CERTIFICATE = "/var/lib/kubelet/pki/kubelet.crt"
KEY = "/var/lib/kubelet/pki/kubelet.key"
"""Where a kubelet keeps them."""

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int] | None

_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_P256 = "1.2.840.10045.3.1.7"
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_COMMON_NAME = "2.5.4.3"
_ALT_NAME = "2.5.29.17"
_BASIC = "2.5.29.19"
_KEY_ID = "2.5.29.14"
_DAY_S = 86_400


def self_signed(name: str, addresses: tuple[str, ...] = ("127.0.0.1",)) -> tuple[str, str]:
    """A new certificate for a year and its key, both PEM."""
    secret = secrets.randbelow(_N - 1) + 1
    public = _times(secret, _G)
    assert public is not None  # noqa: S101 - 0 < secret < N
    point = b"\x04" + public[0].to_bytes(32, "big") + public[1].to_bytes(32, "big")
    algorithm = _sequence(_oid(_ECDSA_SHA256))
    who = _sequence(_set(_sequence(_oid(_COMMON_NAME), _tlv(0x0C, name.encode()))))
    key_info = _sequence(_sequence(_oid(_EC_PUBLIC_KEY), _oid(_P256)), _bits(point))
    now = time.time()
    body = _sequence(
        _tlv(0xA0, _integer(2)),
        _integer(secrets.randbits(120)),
        algorithm,
        who,
        _sequence(_time(now - _DAY_S), _time(now + 365 * _DAY_S)),
        who,
        key_info,
        _tlv(0xA3, _sequence(*_extensions(name, addresses, point))),
    )
    certificate = _sequence(body, algorithm, _bits(_sign(secret, body)))
    key = _sequence(
        _integer(1),
        _tlv(0x04, secret.to_bytes(32, "big")),
        _tlv(0xA0, _oid(_P256)),
        _tlv(0xA1, _bits(point)),
    )
    return _pem("CERTIFICATE", certificate), _pem("EC PRIVATE KEY", key)


def _extensions(name: str, addresses: tuple[str, ...], point: bytes) -> list[bytes]:
    names = [_tlv(0x82, name.encode())]
    names += [_tlv(0x87, ip_address(address).packed) for address in addresses]
    # It is its own authority: a client may be given it as that.
    authority = _sequence(_tlv(0x01, b"\xff"))
    key_id = _tlv(0x04, hashlib.sha1(point, usedforsecurity=False).digest())
    return [
        _sequence(_oid(_BASIC), _tlv(0x01, b"\xff"), _tlv(0x04, authority)),
        _sequence(_oid(_KEY_ID), _tlv(0x04, key_id)),
        _sequence(_oid(_ALT_NAME), _tlv(0x04, _sequence(*names))),
    ]


def _sign(secret: int, message: bytes) -> bytes:
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    while True:
        nonce = secrets.randbelow(_N - 1) + 1
        point = _times(nonce, _G)
        r = point[0] % _N if point is not None else 0
        s = pow(nonce, -1, _N) * (digest + r * secret) % _N
        if r and s:
            return _sequence(_integer(r), _integer(s))


def _times(factor: int, point: _Point) -> _Point:
    total: _Point = None
    while factor:
        if factor & 1:
            total = _plus(total, point)
        point = _plus(point, point)
        factor >>= 1
    return total


def _plus(a: _Point, b: _Point) -> _Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, _P) % _P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _P) % _P
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


# ---- DER (X.690) ----


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        length = bytes((size,))
    else:
        digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes((0x80 | len(digits),)) + digits
    return bytes((tag,)) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _set(*parts: bytes) -> bytes:
    return _tlv(0x31, b"".join(parts))


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(content: bytes) -> bytes:
    return _tlv(0x03, b"\x00" + content)


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = bytearray((first * 40 + second,))
    for number in rest:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        content += bytes(reversed(septets))
    return _tlv(0x06, bytes(content))


def _time(when: float) -> bytes:
    return _tlv(0x17, time.strftime("%y%m%d%H%M%SZ", time.gmtime(when)).encode())


def _pem(what: str, data: bytes) -> str:
    text = base64.b64encode(data).decode()
    lines = "\n".join(text[i : i + 64] for i in range(0, len(text), 64))
    return f"-----BEGIN {what}-----\n{lines}\n-----END {what}-----\n"
