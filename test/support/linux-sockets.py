"""Runs sequences of socket calls on the kernel and prints what each call returned, as JSON.

Input on stdin: [[step, ...], ...], a sequence per case; a step is [call, argument, ...], sockets go by names. Output: a
list of results per case. A result is a number (negative errno for a failure) or, where the call yields more, a list that
starts with it. Each case gets a network namespace of its own with the loopback interface up, so that nothing is left of
the case before (TIME-WAIT); that takes root, and without the right to it the exit status is 77.
See errno-cases.ts for the sequences and errno-like-linux.test.ts for the same calls on tapstack.
"""

import ctypes
import fcntl
import json
import os
import select
import socket
import struct
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
AF_UNSPEC, AF_INET = 0, 2
POLL = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x2000


def enter_namespace():
    if libc.unshare(0x40000000) < 0:  # CLONE_NEWNET
        print("no network namespace: " + os.strerror(ctypes.get_errno()), file=sys.stderr)
        sys.exit(77)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        request = struct.pack("16sH14s", b"lo", 0x1 | 0x40, b"")
        fcntl.ioctl(s.fileno(), 0x8914, request)  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING


def sockaddr(address, port, family=AF_INET):
    return struct.pack("=H", family) + struct.pack("!H4s8x", port, socket.inet_aton(address))


def from_sockaddr(raw):
    port, address = struct.unpack("!2xH4s", raw[:8])
    return [socket.inet_ntoa(address), port]


class Case:
    def __init__(self):
        self.fds = {}

    def fd(self, name):
        return name if isinstance(name, int) else self.fds.get(name, -1)

    def result(self, value):
        return -ctypes.get_errno() if value < 0 else value

    def step(self, call, *args):
        ctypes.set_errno(0)
        return getattr(self, "do_" + call)(*args)

    def opened(self, name, value):
        if value >= 0:
            self.fds[name] = value
            fcntl.fcntl(value, fcntl.F_SETFL, os.O_NONBLOCK)
            return 0
        return self.result(value)

    def do_socket(self, name, domain, kind, protocol):
        return self.opened(name, libc.socket(domain, kind, protocol))

    def do_bind(self, name, address, port, family=AF_INET):
        raw = sockaddr(address, port, family)
        return self.result(libc.bind(self.fd(name), raw, len(raw)))

    def do_connect(self, name, address, port, family=AF_INET):
        raw = sockaddr(address, port, family)
        return self.result(libc.connect(self.fd(name), raw, len(raw)))

    def do_listen(self, name, backlog):
        return self.result(libc.listen(self.fd(name), backlog))

    def do_accept(self, name, child):
        return self.opened(child, libc.accept(self.fd(name), None, None))

    def do_send(self, name, text, flags=0):
        data = text.encode() if isinstance(text, str) else bytes(text)
        return self.result(libc.send(self.fd(name), data, len(data), flags | 0x4000))

    def do_sendto(self, name, text, flags, address, port, family=AF_INET):
        data = text.encode() if isinstance(text, str) else bytes(text)
        raw = sockaddr(address, port, family)
        return self.result(libc.sendto(self.fd(name), data, len(data), flags | 0x4000, raw, len(raw)))

    def do_recv(self, name, size, flags=0):
        buffer = ctypes.create_string_buffer(max(1, size))
        count = self.result(libc.recv(self.fd(name), buffer, size, flags))
        return count if count < 0 else [count, buffer.raw[: min(size, count)].decode("latin1")]

    def do_recvfrom(self, name, size, flags=0):
        buffer = ctypes.create_string_buffer(max(1, size))
        raw = ctypes.create_string_buffer(16)
        length = ctypes.c_uint(16)
        count = self.result(libc.recvfrom(self.fd(name), buffer, size, flags, raw, ctypes.byref(length)))
        if count < 0:
            return count
        return [count, buffer.raw[: min(size, count)].decode("latin1")] + (from_sockaddr(raw.raw) if length.value else [])

    def do_shutdown(self, name, how):
        return self.result(libc.shutdown(self.fd(name), how))

    def do_close(self, name):
        return self.result(libc.close(self.fd(name)))

    def named(self, call, name):
        raw = ctypes.create_string_buffer(16)
        length = ctypes.c_uint(16)
        value = self.result(call(self.fd(name), raw, ctypes.byref(length)))
        return value if value < 0 else [value] + from_sockaddr(raw.raw)

    def do_getsockname(self, name):
        return self.named(libc.getsockname, name)

    def do_getpeername(self, name):
        return self.named(libc.getpeername, name)

    def do_setsockopt(self, name, level, option, *values):
        raw = struct.pack("=%di" % len(values), *values)
        return self.result(libc.setsockopt(self.fd(name), level, option, raw, len(raw)))

    def do_getsockopt(self, name, level, option, count=1):
        raw = ctypes.create_string_buffer(4 * count)
        length = ctypes.c_uint(4 * count)
        value = self.result(libc.getsockopt(self.fd(name), level, option, raw, ctypes.byref(length)))
        return value if value < 0 else [value] + list(struct.unpack("=%di" % count, raw.raw))

    def do_poll(self, name):
        poll = select.poll()
        poll.register(self.fd(name), POLL)
        return sum(bits for _, bits in poll.poll(0))

    def do_atmark(self, name):
        raw = ctypes.create_string_buffer(4)
        value = self.result(libc.ioctl(self.fd(name), 0x8905, raw))  # SIOCATMARK
        return value if value < 0 else struct.unpack("=i", raw.raw)[0]

    def do_wait(self):
        time.sleep(0.05)
        return 0


def run(steps):
    enter_namespace()
    case = Case()
    results = []
    for step in steps:
        results.append(case.step(*step))
        time.sleep(0.0005)
    for fd in set(case.fds.values()):
        try:
            os.close(fd)
        except OSError:
            pass
    return results


json.dump([run(steps) for steps in json.load(sys.stdin)], sys.stdout)
