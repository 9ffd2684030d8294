"""Network namespaces for linux-sockets.py: fresh ones, with a loopback that is up, and a veth pair between two."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
NO_RIGHT = 77


def request_flags(interface, change=0):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        if change:
            fcntl.ioctl(s.fileno(), 0x8914, struct.pack("16sH14s", interface, change, b""))  # SIOCSIFFLAGS
        answer = fcntl.ioctl(s.fileno(), 0x8913, struct.pack("16s16x", interface))  # SIOCGIFFLAGS
        return struct.unpack("=16xH14x", answer)[0]


def new_namespace():
    """Moves into a fresh network namespace and returns a descriptor that names it."""
    if libc.unshare(CLONE_NEWNET) < 0:
        print("no network namespace: " + os.strerror(ctypes.get_errno()), file=sys.stderr)
        sys.exit(NO_RIGHT)
    request_flags(b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
    return os.open("/proc/self/ns/net", os.O_RDONLY)


def enter(namespace):
    if libc.setns(namespace, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


def join(first, second):
    """A veth pair between two namespaces: eth0, 10.0.0.1 and 10.0.0.2. We are in the second and end in the first."""
    pid = os.getpid()
    run_ip(first, "link add eth0 address 02:00:00:00:00:01 type veth peer name eth0 address 02:00:00:00:00:02 netns %d" % pid)
    for namespace, address in ((second, "10.0.0.2"), (first, "10.0.0.1")):
        enter(namespace)
        # What IPv6 sends of its own accord would be seen by packet sockets.
        with open("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "w") as file:
            file.write("1")
        run_ip(namespace, "address add %s/24 broadcast 10.0.0.255 dev eth0" % address)
        run_ip(namespace, "link set eth0 up")
    while request_flags(b"eth0") & 0x40 == 0:
        time.sleep(0.001)


def run_ip(namespace, command):
    subprocess.run(["ip", *command.split()], check=True, preexec_fn=lambda: enter(namespace), close_fds=False)
