"""The C structures of linux-sockets.py and the forms that they have in its steps and results.

Addresses, option values and ancillary messages; test/support/step-forms.ts has the same forms for tapstack.
"""

import ctypes
import socket
import struct

AF_UNSPEC, AF_UNIX, AF_INET, AF_PACKET = 0, 1, 2, 17
SOL_SOCKET, SOL_PACKET, IPPROTO_IP, IPPROTO_UDP = 1, 263, 0, 17

TCP_STATES = (
    "- ESTABLISHED SYN-SENT SYN-RECEIVED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED CLOSE-WAIT LAST-ACK LISTEN CLOSING"
).split()


def interface_index(interface):
    return socket.if_nametoindex(interface) if isinstance(interface, str) else interface


def interface_name(index):
    try:
        return socket.if_indextoname(index)
    except OSError:
        return index


def octets_of(data):
    """Text, a list of octets, or {"size": n} for so many zeros."""
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, dict):
        return bytes(data["size"])
    return bytes(data)


# --- Addresses.


def take_address(args):
    """The octets of the address that `args` begins with, None for NULL: [text, port, family?] or one of the forms."""
    if isinstance(args[0], str):
        return inet_address(*args[:3])
    if args[0] is None:
        return None
    form = args[0]
    if "octets" in form:
        raw = bytes(form["octets"])
    elif "inet" in form:
        raw = inet_address(*form["inet"], form.get("family", AF_INET))
    elif "unix" in form:
        raw = unix_address(form["unix"])
    else:
        raw = packet_address(**form["packet"])
    length = form.get("length", len(raw))
    return raw[:length].ljust(length, b"\0")


def inet_address(address, port, family=AF_INET):
    return struct.pack("=H", family) + struct.pack("!H4s8x", port, socket.inet_aton(address))


def unix_address(path):
    raw = path.encode()
    return struct.pack("=H", AF_UNIX) + raw + (b"" if raw[:1] in (b"", b"\0") else b"\0")


def packet_address(protocol=0, interface=0, hardware="", hardwareType=0, packetType=0):
    octets = bytes.fromhex(hardware.replace(":", ""))
    index = interface_index(interface)
    return (
        struct.pack("=H", AF_PACKET)
        + struct.pack("!H", protocol)
        + struct.pack("=iHBB", index, hardwareType, packetType, len(octets))
        + octets.ljust(8, b"\0")
    )


def shown_address(raw):
    """What a call wrote: nothing, [text, port], or one form."""
    if len(raw) < 2:
        return []
    (family,) = struct.unpack("=H", raw[:2])
    if family == AF_INET:
        port, address = struct.unpack("!2xH4s", raw[:8])
        return [socket.inet_ntoa(address), port]
    if family == AF_UNIX:
        path = raw[2:]
        return [{"unix": (path if path[:1] == b"\0" else path.split(b"\0")[0]).decode("latin1")}]
    if family == AF_PACKET:
        (protocol,) = struct.unpack("!H", raw[2:4])
        index, hardware_type, packet_type, length = struct.unpack("=iHBB", raw[4:12])
        return [
            {
                "packet": {
                    "protocol": protocol,
                    "interface": interface_name(index),
                    "hardware": raw[12 : 12 + length].hex(":"),
                    "hardwareType": hardware_type,
                    "packetType": packet_type,
                }
            }
        ]
    return [{"octets": list(raw)}]


class NameRoom:
    """Room for a name: so many octets, {"null": n} for NULL with a length, None for a NULL length. Any length where none is said."""

    BLANK = b"\xee"

    def __init__(self, *room):
        self.any = not room
        (said,) = room or (128,)
        self.has_length = said is not None
        count = said["null"] if isinstance(said, dict) else said or 0
        self.size = max(0, count)
        self.length = ctypes.c_int(count)
        self.raw = None if isinstance(said, dict) else ctypes.create_string_buffer(self.BLANK * self.size + b"\0")

    def pointer(self):
        return ctypes.byref(self.length) if self.has_length else None

    def shown(self, length=None):
        """What a call wrote; `length` is that of a struct msghdr."""
        length = self.length.value if length is None else ctypes.c_int(length).value
        if self.any:
            return shown_address(self.raw.raw[:length])
        room = None if self.raw is None else list(self.raw.raw[: self.size])
        return [{"room": room, "length": length if self.has_length else None}]


# --- Option values.


def option_value(values):
    """The octets for setsockopt, None for NULL: ints, or one of the forms."""
    if not values or values[0] is None:
        return None if values else b""
    form = values[0]
    if isinstance(form, int):
        return struct.pack("=%di" % len(values), *(((v + 0x80000000) & 0xFFFFFFFF) - 0x80000000 for v in values))
    if "null" in form:
        return None
    if "octets" in form:
        return bytes(form["octets"])
    if "text" in form:
        return form["text"].encode()
    if "linger" in form:
        return struct.pack("=2i", *form["linger"])
    if "timeval" in form:
        return struct.pack("=2q", *form["timeval"])
    if "mreq" in form:
        return b"".join(socket.inet_aton(address) for address in form["mreq"])
    if "mreqn" in form:
        group, address, interface = form["mreqn"]
        return socket.inet_aton(group) + socket.inet_aton(address) + struct.pack("=i", interface_index(interface))
    if "packetMreq" in form:
        interface, kind, hardware = form["packetMreq"]
        octets = bytes.fromhex(hardware.replace(":", ""))
        return struct.pack("=iHH8s", interface_index(interface), kind, len(octets), octets)
    raise ValueError("no such form of an option value: %r" % (form,))


def null_length(values):
    """The length that goes with NULL: that of an int, unless it is said."""
    return 4 if values[0] is None else values[0]["null"]


OPTION_SIZES = {"address": 4, "linger": 8, "timeval": 16, "ucred": 12, "text": 256, "octets": 256, "info": 256, "statistics": 8}


def option_size(form):
    if isinstance(form, dict):
        return form["room"] & 0xFFFFFFFF
    return 4 * form if isinstance(form, int) else OPTION_SIZES[form]


def shown_option(form, raw):
    if isinstance(form, int):
        return list(struct.unpack("=%di" % (len(raw) // 4), raw[: len(raw) // 4 * 4]))
    if form == "linger":
        return list(struct.unpack("=2i", raw))
    if form == "timeval":
        return list(struct.unpack("=2q", raw))
    if form == "ucred":
        pid, uid, gid = struct.unpack("=iII", raw)
        return [shown_pid(pid), uid, gid]
    if form == "address":
        return [socket.inet_ntoa(raw)]
    if form == "text":
        return [raw.split(b"\0")[0].decode()]
    if form == "info":
        return [TCP_STATES[raw[0]]]
    if form == "statistics":
        return list(struct.unpack("=2I", raw))
    return list(raw)


def shown_pid(pid):
    return "pid" if pid > 0 else pid


# --- Ancillary messages.

SENT = {
    "IP_TTL": (IPPROTO_IP, 2, lambda ttl: struct.pack("=i", ttl)),
    "IP_TOS": (IPPROTO_IP, 1, lambda tos: struct.pack("=i", tos)),
    "IP_PKTINFO": (
        IPPROTO_IP,
        8,
        lambda interface, specific, destination="0.0.0.0": struct.pack("=i", interface_index(interface))
        + socket.inet_aton(specific)
        + socket.inet_aton(destination),
    ),
    "IP_RETOPTS": (IPPROTO_IP, 7, lambda *octets: bytes(octets)),
    "UDP_SEGMENT": (IPPROTO_UDP, 103, lambda size: struct.pack("=H", size)),
    "SCM_CREDENTIALS": (SOL_SOCKET, 2, lambda pid, uid, gid: struct.pack("=iII", pid, uid, gid)),
}


def control_octets(messages, fd_of, pid):
    """The octets of msg_control: [name, value ...] each, or ["raw", level, type, octets]. A pid of "pid" is our own."""
    raw = b""
    for name, *values in messages:
        if name == "raw":
            level, kind, octets = values
            data = bytes(octets)
        elif name == "SCM_RIGHTS":
            level, kind = SOL_SOCKET, 1
            data = struct.pack("=%di" % len(values), *(fd_of(value) for value in values))
        else:
            level, kind, pack = SENT[name]
            data = pack(*(pid if value == "pid" else value for value in values))
        raw += struct.pack("=Qii", 16 + len(data), level, kind) + data + bytes(-len(data) % 8)
    return raw


def shown_control(raw, take_fds):
    """What came, each message as [name, value ...]; `take_fds` gives the descriptors of SCM_RIGHTS names."""
    messages = []
    at = 0
    while at + 16 <= len(raw):
        length, level, kind = struct.unpack("=Qii", raw[at : at + 16])
        if length < 16:
            break
        messages.append(shown_message(level, kind, raw[at + 16 : at + length], take_fds))
        at += (length + 7) // 8 * 8
    return messages


def shown_message(level, kind, data, take_fds):
    if (level, kind) == (IPPROTO_IP, 1):
        return ["IP_TOS", data[0]]
    if (level, kind) == (IPPROTO_IP, 2):
        return ["IP_TTL", *struct.unpack("=i", data)]
    if (level, kind) == (IPPROTO_IP, 8):
        index, specific, destination = struct.unpack("=i4s4s", data)
        return ["IP_PKTINFO", interface_name(index), socket.inet_ntoa(specific), socket.inet_ntoa(destination)]
    if (level, kind) == (IPPROTO_IP, 11):
        return ["IP_RECVERR", shown_error(data)]
    if (level, kind) == (IPPROTO_IP, 7):
        return ["IP_RETOPTS", *data]
    if (level, kind) == (IPPROTO_UDP, 104):
        return ["UDP_GRO", *struct.unpack("=i", data)]
    if (level, kind) == (SOL_SOCKET, 29):
        return ["SO_TIMESTAMP"]
    if (level, kind) == (SOL_SOCKET, 1):
        return ["SCM_RIGHTS", take_fds(struct.unpack("=%di" % (len(data) // 4), data))]
    if (level, kind) == (SOL_SOCKET, 2) and len(data) == 12:
        pid, uid, gid = struct.unpack("=iII", data)
        return ["SCM_CREDENTIALS", shown_pid(pid), uid, gid]
    if (level, kind) == (SOL_PACKET, 8) and len(data) == 20:
        return ["PACKET_AUXDATA", *struct.unpack("=3I4H", data)]
    return ["raw", level, kind, list(data)]


def shown_error(data):
    errno, origin, kind, code, info = struct.unpack("=IBBBxI4x", data[:16])
    offender = shown_address(data[16:])
    return {
        "errno": errno,
        "origin": origin,
        "type": kind,
        "code": code,
        "info": info,
        "offender": offender[0] if offender and isinstance(offender[0], str) else None,
    }


# --- Messages.


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class MsgHdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


def address_of(buffer):
    return None if buffer is None else ctypes.cast(buffer, ctypes.c_void_p)


def pointers(buffers):
    """struct iovec for buffers (octets or what ctypes has made)."""
    return (IoVec * max(1, len(buffers)))(*(IoVec(address_of(b), len(b)) for b in buffers))
