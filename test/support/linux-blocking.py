"""
Runs cases of test/node/blocking-cases.ts on the kernel's sockets: calls that block, each in a thread of its own, by ctypes, as Python's own
would try again after a signal. Standard input is a JSON list of cases; the output, one of their results.
"""
import ctypes
import errno
import json
import select
import signal
import socket
import struct
import sys
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.siginterrupt(signal.SIGUSR1, True)


class PollFd(ctypes.Structure):
    _fields_ = [('fd', ctypes.c_int), ('events', ctypes.c_short), ('revents', ctypes.c_short)]


def sockaddr_in(port, address='127.0.0.1'):
    return struct.pack('=H', socket.AF_INET) + struct.pack('!H', port) + socket.inet_aton(address) + bytes(8)


def errno_or(result):
    return result if result >= 0 else errno.errorcode[ctypes.get_errno()]


class Run:
    """One case: descriptors and blocked calls by name."""

    def __init__(self):
        self.fds = {}
        self.threads = {}
        self.results = {}
        self.keep = []

    def step(self, op, *args):
        return getattr(self, op)(*args)

    def listener(self, name, port):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(('127.0.0.1', port))
        one.listen(5)
        self.fds[name] = one.detach()
        return 0

    def pair(self, client, server):
        with socket.socket() as listener:
            listener.bind(('127.0.0.1', 0))
            listener.listen(1)
            one = socket.create_connection(listener.getsockname())
            other, _ = listener.accept()
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.fds[client], self.fds[server] = one.detach(), other.detach()
        return 0

    def udp(self, name, port):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(('127.0.0.1', port))
        self.fds[name] = one.detach()
        return 0

    def tcp(self, name):
        self.fds[name] = socket.socket().detach()
        return 0

    def epoll(self, name, *members):
        epfd = select.epoll()
        for member in members:
            epfd.register(self.fds[member], select.EPOLLIN)
        self.keep.append(epfd)
        self.fds[name] = epfd.fileno()
        return 0

    def dup(self, name, new):
        self.fds[new] = libc.dup(self.fds[name])
        return 0

    def option(self, name, option, value):
        data = struct.pack('i', value)
        return errno_or(libc.setsockopt(self.fds[name], socket.SOL_SOCKET, option, data, len(data)))

    def timeout(self, name, option, microseconds):
        data = struct.pack('ll', microseconds // 1000000, microseconds % 1000000)
        return errno_or(libc.setsockopt(self.fds[name], socket.SOL_SOCKET, option, data, len(data)))

    def close(self, name):
        return errno_or(libc.close(self.fds.pop(name)))

    def linger(self, name, seconds):
        data = struct.pack('ii', 1, seconds)
        return errno_or(libc.setsockopt(self.fds[name], socket.SOL_SOCKET, socket.SO_LINGER, data, len(data)))

    def nonblocking(self, name):
        socket.socket(fileno=libc.dup(self.fds[name])).setblocking(False)
        return 0

    def drain(self, name):
        """Reads to the end of the stream."""
        buffer = ctypes.create_string_buffer(1 << 20)
        while libc.read(self.fds[name], buffer, 1 << 20) > 0:
            pass
        return 0

    def reset(self, name):
        data = struct.pack('ii', 1, 0)
        libc.setsockopt(self.fds[name], socket.SOL_SOCKET, socket.SO_LINGER, data, len(data))
        return self.close(name)

    def shutdown(self, name, how):
        return errno_or(libc.shutdown(self.fds[name], how))

    def send(self, name, text, flags=0):
        return errno_or(libc.send(self.fds[name], text.encode(), len(text), flags | socket.MSG_NOSIGNAL))

    def flood(self, name, octets):
        """'all', 'some' of so many octets, or an errno."""
        sent = errno_or(libc.send(self.fds[name], bytes(octets), octets, socket.MSG_NOSIGNAL))
        return sent if isinstance(sent, str) else 'all' if sent == octets else 'some'

    def sendto(self, name, text, port):
        to = sockaddr_in(port)
        return errno_or(libc.sendto(self.fds[name], text.encode(), len(text), 0, to, len(to)))

    def recv(self, name, size, flags=0):
        buffer = ctypes.create_string_buffer(max(size, 1))
        count = errno_or(libc.recv(self.fds[name], buffer, size, flags))
        return count if isinstance(count, str) else buffer.raw[: min(count, size)].decode()

    def read(self, name, size):
        buffer = ctypes.create_string_buffer(max(size, 1))
        count = errno_or(libc.read(self.fds[name], buffer, size))
        return count if isinstance(count, str) else buffer.raw[:count].decode()

    def accept(self, name, new):
        fd = errno_or(libc.accept(self.fds[name], None, None))
        if not isinstance(fd, str):
            self.fds[new] = fd
        return fd if isinstance(fd, str) else 0

    def connect(self, name, port):
        to = sockaddr_in(port)
        return errno_or(libc.connect(self.fds[name], to, len(to)))

    def poll(self, timeout, *asked):
        fds = (PollFd * max(1, len(asked)))(*[PollFd(self.fds[name], events, 0) for name, events in asked])
        count = errno_or(libc.poll(fds, len(asked), timeout))
        return count if isinstance(count, str) else [count] + [fds[i].revents for i in range(len(asked))]

    def epoll_wait(self, name, most, timeout):
        events = ctypes.create_string_buffer(12 * max(most, 1))
        count = errno_or(libc.epoll_wait(self.fds[name], events, most, timeout))
        return count if isinstance(count, str) else [count] + [
            struct.unpack_from('=I', events.raw, 12 * i)[0] for i in range(count)
        ]

    def start(self, name, op, *args):
        def run():
            self.results[name] = self.step(op, *args)

        self.threads[name] = threading.Thread(target=run, daemon=True)
        self.threads[name].start()
        time.sleep(0.03)
        return 0

    def interrupt(self, name):
        signal.pthread_kill(self.threads[name].ident, signal.SIGUSR1)
        return 0

    def pause(self):
        time.sleep(0.03)
        return 0

    def waits(self, name):
        time.sleep(0.03)
        return self.threads[name].is_alive()

    def end(self, name):
        self.threads[name].join(5)
        return self.results.get(name, 'never')


def run_case(steps):
    run = Run()
    results = [run.step(op, *args) for op, *args in steps]
    for fd in run.fds.values():
        libc.close(fd)
    return results


print(json.dumps([run_case(steps) for steps in json.load(sys.stdin)]))
