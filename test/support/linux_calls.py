"""The steps of linux-sockets.py, each as a call on the kernel's sockets; linux_forms.py has the forms of what they are given."""

import ctypes
import fcntl
import os
import socket
import struct
import time

from linux_forms import (
    MsgHdr,
    NameRoom,
    address_of,
    AF_PACKET,
    control_octets,
    null_length,
    octets_of,
    option_size,
    option_value,
    pointers,
    shown_control,
    shown_option,
    take_address,
)
from linux_namespaces import enter

libc = ctypes.CDLL(None, use_errno=True)
NOBODY = 65534
POLL = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x2000
MSG_NOSIGNAL = 0x4000


class Case:
    def __init__(self, namespaces):
        self.namespaces = namespaces
        self.fds = {}

    def fd(self, name):
        return name if isinstance(name, int) else self.fds.get(name, -1)

    def name(self, fd):
        return next((name for name, number in self.fds.items() if number == fd), fd)

    def result(self, value):
        return -ctypes.get_errno() if value < 0 else value

    def step(self, call, *args):
        ctypes.set_errno(0)
        return getattr(self, "do_" + call)(*args)

    def opened(self, name, value):
        if value >= 0:
            self.fds[name] = value
            return 0
        return self.result(value)

    def without_waiting(self, name, call, *args):
        """Calls with O_NONBLOCK set, and leaves it as it was."""
        fd = self.fd(name)
        flags = libc.fcntl(fd, fcntl.F_GETFL, 0)
        change = flags >= 0 and flags & os.O_NONBLOCK == 0
        if change:
            libc.fcntl(fd, fcntl.F_SETFL, flags | os.O_NONBLOCK)
        ctypes.set_errno(0)
        value = self.result(call(fd, *args))
        if change:
            libc.fcntl(fd, fcntl.F_SETFL, flags)
        return value

    # Making sockets and connections.

    def do_on(self, host):
        enter(self.namespaces["ab".index(host)])
        return 0

    def do_drop(self):
        return self.result(libc.setresgid(NOBODY, NOBODY, 0) or libc.setresuid(NOBODY, NOBODY, 0))

    def do_socket(self, name, domain, kind, protocol):
        if domain == AF_PACKET:  # An EtherType: in host byte order in steps.
            protocol = socket.htons(protocol & 0xFFFF)
        return self.opened(name, libc.socket(domain, kind, protocol))

    def do_socketpair(self, one, other, domain, kind, protocol):
        pair = (ctypes.c_int * 2)()
        value = libc.socketpair(domain, kind, protocol, pair)
        if value == 0:
            self.fds[one], self.fds[other] = pair
        return self.result(value)

    def do_bind(self, name, *args):
        raw = take_address(args)
        return self.result(libc.bind(self.fd(name), raw, 16 if raw is None else len(raw)))

    def do_connect(self, name, *args):
        raw = take_address(args)
        return self.without_waiting(name, libc.connect, raw, 16 if raw is None else len(raw))

    def do_listen(self, name, backlog):
        return self.result(libc.listen(self.fd(name), backlog))

    def do_accept(self, name, child):
        value = self.without_waiting(name, libc.accept, None, None)
        return value if value < 0 else self.opened(child, value)

    def do_accept4(self, name, child, flags, *room):
        room = NameRoom(*room)
        value = self.without_waiting(name, libc.accept4, room.raw, room.pointer(), flags)
        return value if value < 0 else [self.opened(child, value)] + room.shown()

    def do_shutdown(self, name, how):
        return self.result(libc.shutdown(self.fd(name), how))

    def do_close(self, name):
        return self.result(libc.close(self.fd(name)))

    def named(self, call, name, room):
        room = NameRoom(*room)
        value = self.result(call(self.fd(name), room.raw, room.pointer()))
        return value if value < 0 else [value] + room.shown()

    def do_getsockname(self, name, *room):
        return self.named(libc.getsockname, name, room)

    def do_getpeername(self, name, *room):
        return self.named(libc.getpeername, name, room)

    # Moving octets.

    def data(self, data):
        """Buffer and length: {"null": n} is no buffer of n octets, {"text", "length"} a length that is not the text's."""
        if isinstance(data, dict) and "null" in data:
            return None, data["null"]
        if isinstance(data, dict) and "text" in data:
            return data["text"].encode(), data["length"]
        raw = octets_of(data)
        return raw, len(raw)

    def room(self, size):
        if isinstance(size, dict) and "null" in size:
            return None, size["null"]
        space, length = (size["size"], size["length"]) if isinstance(size, dict) else (size, size)
        return ctypes.create_string_buffer(max(1, space)), length

    def do_send(self, name, data, flags=0):
        raw, length = self.data(data)
        return self.without_waiting(name, libc.send, raw, ctypes.c_size_t(length), flags | MSG_NOSIGNAL)

    def do_sendto(self, name, data, flags, *to):
        raw, length = self.data(data)
        address = take_address(to)
        size = 0 if address is None else len(address)
        return self.without_waiting(
            name, libc.sendto, raw, ctypes.c_size_t(length), flags | MSG_NOSIGNAL, address, size
        )

    def do_write(self, name, data):
        raw, length = self.data(data)
        return self.without_waiting(name, libc.write, raw, ctypes.c_size_t(length))

    def do_writev(self, name, *pieces):
        raws = [octets_of(piece) for piece in pieces]
        return self.without_waiting(name, libc.writev, pointers(raws), len(raws))

    def do_sendmsg(self, name, message, flags=0):
        raws = [octets_of(piece) for piece in message.get("iov", [])]
        iov = pointers(raws)
        to = take_address([message["name"]]) if "name" in message else None
        control = control_octets(message.get("control", []), self.fd, os.getpid())
        header = MsgHdr(
            address_of(to), len(to or b""), address_of(iov), len(raws), address_of(control or None), len(control), 0
        )
        return self.without_waiting(name, libc.sendmsg, ctypes.byref(header), flags | MSG_NOSIGNAL)

    def received(self, count, buffer, length):
        if count < 0 or buffer is None:
            return count
        return [count, buffer.raw[: min(length, count)].decode("latin1")]

    def do_recv(self, name, size, flags=0):
        buffer, length = self.room(size)
        count = self.without_waiting(name, libc.recv, buffer, ctypes.c_size_t(length), flags)
        return self.received(count, buffer, length)

    def do_read(self, name, size):
        buffer, length = self.room(size)
        return self.received(self.without_waiting(name, libc.read, buffer, ctypes.c_size_t(length)), buffer, length)

    def do_recvfrom(self, name, size, flags=0, *room):
        buffer, size = self.room(size)
        room = NameRoom(*room)
        count = self.without_waiting(
            name, libc.recvfrom, buffer, ctypes.c_size_t(size), flags, room.raw, room.pointer()
        )
        answer = self.received(count, buffer, size)
        return answer if count < 0 or buffer is None else answer + room.shown()

    def spread(self, count, buffers):
        pieces = []
        for buffer in buffers:
            pieces.append(buffer.raw[: max(0, min(count, len(buffer)))].decode("latin1"))
            count -= len(buffer)
        return pieces

    def do_readv(self, name, *sizes):
        buffers = [(ctypes.c_char * size)() for size in sizes]
        count = self.without_waiting(name, libc.readv, pointers(buffers), len(buffers))
        return count if count < 0 else [count, self.spread(count, buffers)]

    def do_recvmsg(self, name, message, flags=0):
        buffers = [(ctypes.c_char * size)() for size in message.get("iov", [])]
        iov = pointers(buffers)
        name_room = NameRoom(*([message["name"]] if "name" in message else []))
        room = message.get("control", 0)
        control = ctypes.create_string_buffer(max(1, room))
        header = MsgHdr(
            address_of(name_room.raw),
            name_room.length.value,
            address_of(iov),
            len(buffers),
            address_of(control),
            room,
            0,
        )
        count = self.without_waiting(name, libc.recvmsg, ctypes.byref(header), flags)
        if count < 0:
            return count
        return [
            count,
            {
                "data": self.spread(count, buffers),
                "from": name_room.shown(header.namelen),
                "flags": header.flags,
                "control": shown_control(
                    control.raw[: header.controllen], lambda fds: self.take_fds(fds, message.get("rights", []))
                ),
            },
        ]

    def take_fds(self, fds, names):
        for index, fd in enumerate(fds):
            self.fds[names[index] if index < len(names) else "right %d of %d" % (index, len(self.fds))] = fd
        return len(fds)

    # Options and questions.

    def do_setsockopt(self, name, level, option, *values):
        raw = option_value(values)
        length = null_length(values) if raw is None else len(raw)
        return self.result(libc.setsockopt(self.fd(name), level, option, raw, length))

    def do_getsockopt(self, name, level, option, form=1):
        raw, length = ctypes.create_string_buffer(256), ctypes.c_uint(option_size(form))
        value = self.result(libc.getsockopt(self.fd(name), level, option, raw, ctypes.byref(length)))
        return value if value < 0 else [value] + shown_option(form, raw.raw[: length.value])

    def do_ioctl(self, name, request, value=0):
        number = ctypes.c_int(value)
        result = self.result(libc.ioctl(self.fd(name), ctypes.c_ulong(request), ctypes.byref(number)))
        return result if result < 0 or request in (0x5421, 0x5450, 0x5451) else number.value

    def do_atmark(self, name):
        return self.do_ioctl(name, 0x8905)  # SIOCATMARK

    # Descriptors.

    def do_fcntl(self, name, command, value=0, other=None):
        result = libc.fcntl(self.fd(name), command, ctypes.c_long(value))
        return self.result(result) if other is None else self.opened(other, result)

    def do_dup(self, name, other):
        return self.opened(other, libc.dup(self.fd(name)))

    def do_dup2(self, name, target, other=None):
        result = libc.dup2(self.fd(name), self.fd(target))
        return self.opened(target if other is None else other, result)

    def do_dup3(self, name, target, flags, other=None):
        result = libc.dup3(self.fd(name), self.fd(target), flags)
        return self.opened(target if other is None else other, result)

    def do_number(self, name, base):
        return self.fd(name) - self.fd(base)

    def do_unlink(self, path):
        return self.result(libc.unlink(path.encode()))

    # Readiness.

    def do_poll(self, *args):
        if len(args) == 1 and not isinstance(args[0], list):
            return self.polled([(args[0], POLL)])[1]
        pairs = args[0] if isinstance(args[0], list) else [args]
        return self.polled(pairs)

    def polled(self, pairs):
        raw = ctypes.create_string_buffer(b"".join(struct.pack("=iHH", self.fd(name), bits, 0) for name, bits in pairs))
        value = self.result(libc.poll(raw, len(pairs), 0))
        if value < 0:
            return value
        return [value] + [struct.unpack("=6xH", raw.raw[8 * i : 8 * i + 8])[0] for i in range(len(pairs))]

    def do_select(self, count, *sets):
        masks = [self.fd_set(names) for names in sets]
        count = max([-1, *(self.fd(name) for names in sets for name in names)]) + 1 if count is None else count
        value = self.result(libc.select(count, *masks, struct.pack("=2q", 0, 0)))
        if value < 0:
            return value
        return [value] + [
            [name for name in names if mask.raw[self.fd(name) // 8] & 1 << self.fd(name) % 8]
            for names, mask in zip(sets, masks)
        ]

    def fd_set(self, names):
        mask = bytearray(128)
        for name in names:
            fd = self.fd(name)
            mask[fd // 8] |= 1 << fd % 8
        return (ctypes.c_char * 128).from_buffer(mask)

    def do_epoll_create1(self, name, flags=0):
        return self.opened(name, libc.epoll_create1(flags))

    def do_epoll_ctl(self, name, operation, target, events=0, label=0):
        event = None if events is None else struct.pack("=IQ", events & 0xFFFFFFFF, label)
        return self.result(libc.epoll_ctl(self.fd(name), operation, self.fd(target), event))

    def do_epoll_wait(self, name, most):
        raw = ctypes.create_string_buffer(12 * max(1, most))
        value = self.result(libc.epoll_wait(self.fd(name), raw, most, 0))
        if value < 0:
            return value
        return [value] + [[label, events] for events, label in struct.iter_unpack("=IQ", raw.raw[: 12 * value])]

    def do_wait(self, milliseconds=50):
        time.sleep(milliseconds / 1000)
        return 0
