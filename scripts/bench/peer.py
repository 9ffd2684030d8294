"""The kernel's end of the benchmarks: small programs on blocking sockets that do no work per octet.

peer.py serve                                 echo (7), discard (9) and chargen (19), a process each
peer.py in|out HOST PORT SECONDS [PID]        sends to, or reads from, a service; Gbit/s of payload
peer.py ping-pong HOST PORT SECONDS           messages of 64 octets there and back; round trips/s
peer.py connections HOST PORT SECONDS MODE    connect, with MODE echo one octet there and back, close; connections/s
peer.py idle HOST PORT COUNT                  opens connections, says so, and holds them until its input ends

Results are JSON on the last line of standard output. With PID, `cpu` is the processor time (s) of that process meanwhile.
"""
import ctypes
import json
import os
import resource
import signal
import socket
import sys
import time

PR_SET_PDEATHSIG = 1  # prctl(2)

CHUNK = 1 << 20
MESSAGE = 64
WARM_UP = 0.5
FIRST_PORT, LAST_PORT = 10000, 60000


def main():
    command, *arguments = sys.argv[1:]
    if command == "serve":
        serve()
    else:
        run = {"in": feed, "out": drain, "ping-pong": ping_pong, "connections": connections, "idle": idle}[command]
        print(json.dumps(run(*arguments)), flush=True)


def serve():
    for port, service in ((7, echo), (9, discard), (19, chargen)):
        start(port, service)
    print("ready", flush=True)
    sys.stdin.read()


def start(port, service):
    listener = socket.create_server(("0.0.0.0", port), backlog=4096)
    parent = os.getpid()
    if os.fork() != 0:
        listener.close()
        return
    # The service ends with its parent, however that ends.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    buffer = bytearray(CHUNK)
    while True:
        client, _ = listener.accept()
        try:
            service(client, buffer)
        except ConnectionError:
            pass
        client.close()


def echo(client, buffer):
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    view = memoryview(buffer)
    while count := client.recv_into(buffer):
        client.sendall(view[:count])


def discard(client, buffer):
    while client.recv_into(buffer):
        pass


def chargen(client, buffer):
    while True:
        client.sendall(buffer)


def measured(step, seconds, pid=None):
    """Runs `step`, which returns an amount, for a while; returns the amount per second after a warm-up."""
    ready = time.monotonic() + WARM_UP
    while time.monotonic() < ready:
        step()
    cpu = cpu_time(pid)
    amount = 0
    begin = time.monotonic()
    end = begin + float(seconds)
    while (now := time.monotonic()) < end:
        amount += step()
    return amount / (now - begin), (now - begin), cpu_time(pid) - cpu


def cpu_time(pid):
    """User and system time of a process with all its threads, proc(5)."""
    if pid is None:
        return 0
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def bulk(step, seconds, pid):
    rate, span, cpu = measured(step, seconds, pid)
    return {"value": rate * 8 / 1e9, "cpu": cpu / span}


def feed(host, port, seconds, pid=None):
    octets = bytes(CHUNK)
    with socket.create_connection((host, int(port))) as client:
        return bulk(lambda: client.send(octets), seconds, pid)


def drain(host, port, seconds, pid=None):
    buffer = bytearray(CHUNK)

    def step():
        count = client.recv_into(buffer)
        if count == 0:
            raise ConnectionError("the service ended the stream")
        return count

    with socket.create_connection((host, int(port))) as client:
        return bulk(step, seconds, pid)


def ping_pong(host, port, seconds):
    message = bytes(MESSAGE)
    buffer = bytearray(MESSAGE)

    def step():
        client.send(message)
        left = MESSAGE
        while left > 0:
            count = client.recv_into(buffer, left)
            if count == 0:
                raise ConnectionError("the service ended the stream")
            left -= count
        return 1

    with socket.create_connection((host, int(port))) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return {"value": measured(step, seconds)[0]}


def connections(host, port, seconds, mode):
    target = (host, int(port))
    state = {"port": FIRST_PORT + int(time.time() * 1000) % (LAST_PORT - FIRST_PORT)}

    def step():
        client = socket.socket()
        # Ports in turn: the kernel's search for a free one would slow down while old connections are in TIME-WAIT.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        state["port"] = state["port"] + 1 if state["port"] < LAST_PORT else FIRST_PORT
        client.bind(("0.0.0.0", state["port"]))
        client.connect(target)
        if mode == "echo":
            client.send(b"x")
            client.recv(1)
        client.close()
        return 1

    return {"value": measured(step, seconds)[0]}


def idle(host, port, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(count) + 100, max(int(count) + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    held = [socket.create_connection((host, int(port))) for _ in range(int(count))]
    print("open", flush=True)
    sys.stdin.read()
    return {"value": len(held)}


main()
