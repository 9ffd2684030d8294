"""The kernel's ends of the bench of links.

peer.py send HOST PORT          sends until its input ends; then what the kernel counted, as JSON
peer.py receive PORT SECONDS    says so when it listens; then the octets received in SECONDS after accepting, as JSON
"""
import json
import os
import socket
import struct
import sys
import threading
import time

CHUNK = 1 << 18
ABORT = struct.pack("ii", 1, 0)  # struct linger: close sends a RST
COUNTERS = [
    "TCPTimeouts", "TCPLossProbes", "TCPFastRetrans", "TCPSlowStartRetrans", "TCPSackRecovery", "TCPSpuriousRTOs",
    "TCPDSACKRecv", "TCPDSACKUndo", "TCPFullUndo", "TCPPartialUndo", "TCPLossUndo", "TCPSACKReorder", "TCPTSReorder",
    "TCPLostRetransmit", "TCPHystartTrainDetect", "TCPHystartDelayDetect", "TCPHystartTrainCwnd", "TCPHystartDelayCwnd",
]


def be_urgent():
    """As urgency.ts: a program that is not let read closes the window, which is not the matter here."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(10))
    except OSError:
        pass


def counters():
    with open("/proc/net/netstat") as netstat:
        names, values = [line.split()[1:] for line in netstat if line.startswith("TcpExt:")]
    counted = dict(zip(names, map(int, values)))
    return {name: counted.get(name, 0) for name in COUNTERS}


def send(host, port):
    before = counters()
    client = socket.socket()
    # By socket: a namespace may only have a default that its machine's owner allows to everybody.
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    client.connect((host, int(port)))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    threading.Thread(target=feed, args=(client,), daemon=True).start()
    print("connected", flush=True)
    sys.stdin.read()
    after = counters()
    print(json.dumps({"tcp": info(client), "counters": {n: after[n] - before[n] for n in COUNTERS if after[n] != before[n]}}), flush=True)


def feed(client):
    octets = bytes(CHUNK)
    try:
        while True:
            client.sendall(octets)
    except OSError:
        pass


def info(client):
    """struct tcp_info of linux/tcp.h: eight octets, then words."""
    words = struct.unpack_from("=24I", client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 8)
    algorithm = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
    return {
        "congestion": algorithm, "rto": words[0], "mss": words[2], "srtt": words[15], "ssthresh": words[17], "cwnd": words[18],
        "reordering": words[20], "retransmissions": words[23],
    }


def receive(port, seconds):
    listener = socket.create_server(("0.0.0.0", int(port)))
    print("listening", flush=True)
    listener.settimeout(30)
    client, _ = listener.accept()
    buffer = bytearray(CHUNK)
    begin = time.monotonic()
    end = begin + float(seconds)
    octets = 0
    while (left := end - time.monotonic()) > 0:
        client.settimeout(left)
        try:
            count = client.recv_into(buffer)
        except TimeoutError:
            break
        if count == 0:
            break
        octets += count
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    print(json.dumps({"octets": octets, "seconds": float(seconds)}), flush=True)


be_urgent()
{"send": send, "receive": receive}[sys.argv[1]](*sys.argv[2:])
