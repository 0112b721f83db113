"""How each protocol asks for TLS on an open connection, up to the point where the handshake begins.

RFC 3207 (SMTP), RFC 2595 (IMAP, POP3), RFC 4217 (FTP), RFC 4511 section 4.14 (LDAP), RFC 6120 section 5 (XMPP), MySQL
internals manual, "SSLRequest"; PostgreSQL is in `net/postgres.py`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, get_args
from xml.sax.saxutils import quoteattr

from staging_exporter.core.model import ProbeFailed, Reason
from staging_exporter.net import postgres
from staging_exporter.net.connect import AskForTls, Connection

Protocol = Literal["smtp", "imap", "pop3", "ftp", "ldap", "xmpp", "postgres", "mysql"]
_MAX_ANSWER = 64 * 1024
_MAX_LINES = 100
_LDAP_REQUEST = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
_LDAP_RESPONSE = 0x78
_STREAM_END = re.compile(rb"</stream:features>|<stream:features[^>]{0,200}/>|</stream:error>|</stream:stream>")
_TLS_ANSWER = re.compile(rb"<proceed[^>]{0,200}>|<failure[^>]{0,200}>|</stream:stream>")
# Of the MySQL protocol: capabilities, and the codes of errors that are no faults of the server.
_CLIENT_SSL = 0x800
_CAPABILITIES = 0x200 | _CLIENT_SSL | 0x8000 | 0x80000
_MYSQL_REASONS = {1040: Reason.SATURATED, 1129: Reason.DENIED, 1130: Reason.DENIED, 1203: Reason.SATURATED}


def ask_by(protocol: Protocol, name: str) -> AskForTls:
    """What asks for TLS in that protocol; `name` is that of the server.

    It raises ProbeFailed: `tls` when the server refuses or does not offer TLS, `content` when its greeting is not a
    welcome, `protocol` when it speaks another protocol, `closed` when it hangs up; OSError.
    """
    return lambda connection: _ASK[protocol](connection, name)


async def _smtp(connection: Connection, _name: str) -> None:
    await _replied(connection, b"220", Reason.CONTENT)
    offered = await _command(connection, f"EHLO {_own_name(connection)}", b"250", Reason.CONTENT)
    if not any(line[4:].strip().upper() == b"STARTTLS" for line in offered):
        raise ProbeFailed(Reason.TLS, f"the server does not offer STARTTLS, only {_shown(b' '.join(offered))}")
    await _command(connection, "STARTTLS", b"220", Reason.TLS)


def _own_name(connection: Connection) -> str:
    """Our address, as RFC 5321 section 4.1.3 writes it: servers refuse names that do not exist."""
    host = str((connection.writer.get_extra_info("sockname") or "?")[0]).partition("%")[0]
    if ":" in host:
        return f"[IPv6:{host}]"
    return f"[{host}]" if "." in host else "localhost"


async def _ftp(connection: Connection, _name: str) -> None:
    await _replied(connection, b"220", Reason.CONTENT)
    await _command(connection, "AUTH TLS", b"234", Reason.TLS)


async def _command(connection: Connection, command: str, wanted: bytes, otherwise: Reason) -> list[bytes]:
    await connection.send(f"{command}\r\n".encode())
    return await _replied(connection, wanted, otherwise, f" to {command.split()[0]}")


async def _replied(connection: Connection, wanted: bytes, otherwise: Reason, to: str = "") -> list[bytes]:
    """The lines of a reply with three digits in front; `220-` continues, `220 ` ends. Raises ProbeFailed."""
    lines: list[bytes] = []
    while len(lines) < _MAX_LINES:
        line = await _line(connection, f"a reply{to} that begins with {wanted.decode()}")
        if not lines and not re.match(rb"\d{3}([ -]|$)", line):
            raise ProbeFailed(Reason.PROTOCOL, f"the server sent {_shown(line)}, expected {wanted.decode()}{to}")
        lines.append(line)
        if re.match(rb"\d{3}( |$)", line):
            break
    if not lines[-1].startswith(wanted):
        raise ProbeFailed(otherwise, f"the server sent {_shown(b' '.join(lines))}, expected {wanted.decode()}{to}")
    return lines


async def _imap(connection: Connection, _name: str) -> None:
    greeting = await _line(connection, "a greeting of IMAP")
    if not greeting.upper().startswith((b"* OK", b"* PREAUTH")):
        reason = Reason.CONTENT if greeting.startswith(b"* ") else Reason.PROTOCOL
        raise ProbeFailed(reason, f"the server sent {_shown(greeting)}, expected * OK")
    await connection.send(b"a1 STARTTLS\r\n")
    for _ in range(_MAX_LINES):
        answer = await _line(connection, "an answer to STARTTLS")
        if answer.startswith(b"a1 "):
            break
    if not answer.upper().startswith(b"A1 OK"):
        raise ProbeFailed(Reason.TLS, f"the server sent {_shown(answer)}, expected OK to STARTTLS")


async def _pop3(connection: Connection, _name: str) -> None:
    greeting = await _line(connection, "a greeting of POP3")
    if not greeting.startswith(b"+OK"):
        reason = Reason.CONTENT if greeting.startswith(b"-ERR") else Reason.PROTOCOL
        raise ProbeFailed(reason, f"the server sent {_shown(greeting)}, expected +OK")
    await connection.send(b"STLS\r\n")
    answer = await _line(connection, "an answer to STLS")
    if not answer.startswith(b"+OK"):
        raise ProbeFailed(Reason.TLS, f"the server sent {_shown(answer)}, expected +OK to STLS")


async def _ldap(connection: Connection, _name: str) -> None:
    await connection.send(_LDAP_REQUEST)
    head = await _exactly(connection, 2, "an answer to StartTLS")
    length, more = head[1], b""
    if length & 0x80:
        more = await _exactly(connection, length & 0x7F, "an answer to StartTLS")
        length = int.from_bytes(more, "big")
    if head[0] != 0x30 or length > _MAX_ANSWER:
        raise ProbeFailed(Reason.PROTOCOL, f"the server sent {_shown(head + more)}, expected an answer of LDAP")
    body = await _exactly(connection, length, "an answer to StartTLS")
    try:
        _, _, rest = _tlv(body)  # the number of the message
        kind, answer, _ = _tlv(rest)
        _, result, rest = _tlv(answer)
        _, _, rest = _tlv(rest)  # a name
        text = _tlv(rest)[1][:200].decode(errors="replace")
    except IndexError:
        kind, result, text = 0, b"", ""
    if kind != _LDAP_RESPONSE:
        raise ProbeFailed(Reason.PROTOCOL, f"the server sent {_shown(body)}, expected an answer to StartTLS")
    if (code := int.from_bytes(result, "big")) != 0:
        raise ProbeFailed(Reason.TLS, f"the server refuses StartTLS with result {code}, expected 0: {text}")


def _tlv(data: bytes) -> tuple[int, bytes, bytes]:
    """The tag and the value of the first element of BER, and what follows it. Raises IndexError."""
    length, begin = data[1], 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(data[2:begin], "big")
    if len(data) < begin + length:
        raise IndexError
    return data[0], data[begin : begin + length], data[begin + length :]


async def _xmpp(connection: Connection, name: str) -> None:
    await connection.send(
        f"<?xml version='1.0'?><stream:stream to={quoteattr(name)} version='1.0' xmlns='jabber:client' "
        "xmlns:stream='http://etherx.jabber.org/streams'>".encode()
    )
    features = await _until(connection, _STREAM_END, "the features of an XMPP stream")
    if b"<starttls" not in features:
        reason = Reason.CONTENT if b"<stream:error" in features else Reason.TLS
        at = features.find(b"<stream:error" if reason == Reason.CONTENT else b"<stream:features")
        raise ProbeFailed(reason, f"the server does not offer STARTTLS to {name}: {_shown(features[max(0, at) :])}")
    await connection.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    answer = await _until(connection, _TLS_ANSWER, "an answer to STARTTLS")
    if b"<proceed" not in answer:
        raise ProbeFailed(Reason.TLS, f"the server sent {_shown(answer)}, expected proceed to STARTTLS")


async def _postgres(connection: Connection, _name: str) -> None:
    await postgres.ask_for_tls(connection)


async def _mysql(connection: Connection, _name: str) -> None:
    head = await _exactly(connection, 4, "a greeting of MySQL")
    length = int.from_bytes(head[:3], "little")
    if head[3] != 0 or not 0 < length <= _MAX_ANSWER:
        raise ProbeFailed(Reason.PROTOCOL, f"the server sent {_shown(head)}, expected a greeting of MySQL")
    greeting = await _exactly(connection, length, "a greeting of MySQL")
    if greeting[0] == 0xFF and length >= 3:
        code, text = int.from_bytes(greeting[1:3], "little"), greeting[3:].decode(errors="replace")
        text = re.sub(r"^#.{5}", "", text)[:200]
        reason = _MYSQL_REASONS.get(code, Reason.SERVER_ERROR)
        raise ProbeFailed(reason, f"the server sent error {code}, expected a greeting: {text}")
    version, _, rest = greeting[1:].partition(b"\0")
    if greeting[0] != 10 or len(rest) < 15:
        raise ProbeFailed(Reason.PROTOCOL, f"the server sent {_shown(head + greeting)}, expected a greeting of MySQL")
    if not int.from_bytes(rest[13:15], "little") & _CLIENT_SSL:
        raise ProbeFailed(Reason.TLS, f"the server does not offer TLS; its version is {_shown(version)}")
    await connection.send(struct.pack("<IIIB23x", 32 | 1 << 24, _CAPABILITIES, 1 << 24, 45))


async def _line(connection: Connection, wanted: str) -> bytes:
    """The next line, without its end."""
    try:
        line = await connection.reader.readline()
    except ValueError:  # longer than what the stream buffers
        raise ProbeFailed(Reason.PROTOCOL, f"the server sent an endless line, expected {wanted}") from None
    if not line.endswith(b"\n"):
        raise _hung_up(line, wanted)
    return line.rstrip(b"\r\n")


async def _exactly(connection: Connection, length: int, wanted: str) -> bytes:
    data = b""
    while len(data) < length:
        more = await connection.reader.read(length - len(data))
        if not more:
            raise _hung_up(data, wanted)
        data += more
    return data


async def _until(connection: Connection, end: re.Pattern[bytes], wanted: str) -> bytes:
    data = b""
    while not end.search(data):
        more = await connection.reader.read(4096)
        if not more:
            raise _hung_up(data, wanted)
        data += more
        if not data.lstrip().startswith(b"<"[: len(data.lstrip())]) or len(data) > _MAX_ANSWER:
            raise ProbeFailed(Reason.PROTOCOL, f"the server sent {_shown(data)}, expected {wanted}")
    return data


def _hung_up(data: bytes, wanted: str) -> ProbeFailed:
    after = f" after {_shown(data)}" if data else ""
    return ProbeFailed(Reason.CLOSED, f"the peer hung up{after}, expected {wanted}")


def _shown(data: bytes) -> str:
    text = data.decode(errors="replace")
    return repr(text[:200])


_ASK: Mapping[Protocol, Callable[[Connection, str], Awaitable[None]]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "ftp": _ftp,
    "ldap": _ldap,
    "xmpp": _xmpp,
    "postgres": _postgres,
    "mysql": _mysql,
}
assert set(_ASK) == set(get_args(Protocol))
