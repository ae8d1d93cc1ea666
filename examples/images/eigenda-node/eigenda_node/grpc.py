# Copyright: (c) 2026, restaking.avs contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Enough HTTP/2 to answer every gRPC call with UNIMPLEMENTED, so that a proxy in front of the port can be tried.

Sources: RFC 9113 (frames), RFC 7541 (header fields, literals without Huffman code), gRPC over HTTP/2 (trailers-only).
"""

from __future__ import annotations

import socket
import struct
from typing import Any

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 4, 6, 7, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_LARGEST = 16384


def _field(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


# 0x88 is the static table's ":status: 200".
UNIMPLEMENTED = (
    b"\x88" + _field(b"content-type", b"application/grpc") + _field(b"grpc-status", b"12") + _field(b"grpc-message", b"stand-in")
)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _receive(connection: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def answer_calls(connection: Any) -> None:
    """Serves one connection until the peer closes it, breaks the protocol or is silent for the socket's timeout.

    A call is answered when its request has ended: a proxy that has the answer before it has sent the request resets the
    stream towards its own client.
    """
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _receive(connection, len(PREFACE)) != PREFACE:
            return
        connection.sendall(frame(_SETTINGS, 0, 0))
        while True:
            head = _receive(connection, 9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            stream = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
            if size > _LARGEST:
                return
            payload = _receive(connection, size)
            if kind == _SETTINGS and not flags & _ACK:
                connection.sendall(frame(_SETTINGS, _ACK, 0))
            elif kind == _PING and not flags & _ACK:
                connection.sendall(frame(_PING, _ACK, 0, payload))
            elif kind == _DATA and payload:
                grown = struct.pack(">I", size)
                connection.sendall(frame(_WINDOW_UPDATE, 0, 0, grown) + frame(_WINDOW_UPDATE, 0, stream, grown))
            elif kind == _GOAWAY:
                return
            if kind in (_HEADERS, _DATA) and flags & _END_STREAM:
                connection.sendall(frame(_HEADERS, _END_STREAM | _END_HEADERS, stream, UNIMPLEMENTED))
    except (EOFError, OSError):
        return
