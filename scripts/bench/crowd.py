"""Many busy connections on the kernel's sockets, each end one process with epoll.

crowd.py serve                              discard (9) and chargen (19) for all at once
crowd.py in|out HOST PORT COUNT SECONDS WARM_UP
                                            opens so many connections, keeps all of them busy; JSON with the octets that each
                                            got through in the time measured, which comes after so many seconds, and that time:
                                            {"shares": [...], "span": s}
"""
import json
import resource
import select
import socket
import struct
import sys
import time

CHUNK = bytes(64 * 1024)
BUFFER = bytearray(64 * 1024)
EVENTS = 512
BYTES_ACKED = 120  # struct tcp_info, tcpi_bytes_acked (u64)


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    command, *arguments = sys.argv[1:]
    if command == "serve":
        serve()
    else:
        print(json.dumps(load(command, *arguments)), flush=True)


def serve():
    epoll = select.epoll()
    listeners, clients = {}, {}
    for port, interest in ((9, select.EPOLLIN), (19, select.EPOLLOUT)):
        listener = socket.create_server(("0.0.0.0", port), backlog=4096)
        listener.setblocking(False)
        listeners[listener.fileno()] = (listener, interest)
        epoll.register(listener.fileno(), select.EPOLLIN)
    epoll.register(sys.stdin.fileno(), select.EPOLLIN)
    print("ready", flush=True)
    while True:
        for fd, _ in epoll.poll(-1, EVENTS):
            if fd == sys.stdin.fileno():
                return
            if fd in listeners:
                accept(*listeners[fd], epoll, clients)
            elif not work(*clients[fd]):
                clients.pop(fd)[0].close()


def accept(listener, interest, epoll, clients):
    try:
        while True:
            client, _ = listener.accept()
            client.setblocking(False)
            clients[client.fileno()] = (client, interest)
            epoll.register(client.fileno(), interest)
    except BlockingIOError:
        pass


def work(client, interest):
    """Moves octets once; false when the connection is over."""
    try:
        return (client.send(CHUNK) if interest == select.EPOLLOUT else client.recv_into(BUFFER)) > 0
    except BlockingIOError:
        return True
    except OSError:
        return False


def load(direction, host, port, count, seconds, warm_up):
    epoll = select.epoll()
    interest = select.EPOLLOUT if direction == "in" else select.EPOLLIN
    clients = {}
    for _ in range(int(count)):
        client = socket.create_connection((host, int(port)))
        client.setblocking(False)
        clients[client.fileno()] = client
        epoll.register(client.fileno(), interest)
    received = dict.fromkeys(clients, 0)
    turn(epoll, clients, received, direction, float(warm_up))
    before = progress(clients, received, direction)
    span = turn(epoll, clients, received, direction, float(seconds))
    after = progress(clients, received, direction)
    return {"shares": [b - a for a, b in zip(before, after)], "span": span}


def turn(epoll, clients, received, direction, seconds):
    begin = time.monotonic()
    end = begin + seconds
    while (now := time.monotonic()) < end:
        for fd, _ in epoll.poll(0.1, EVENTS):
            try:
                if direction == "in":
                    clients[fd].send(CHUNK)
                else:
                    received[fd] += clients[fd].recv_into(BUFFER)
            except BlockingIOError:
                pass
    return now - begin


def progress(clients, received, direction):
    """What each has got through: read here, or acknowledged by the other end."""
    if direction == "out":
        return list(received.values())
    infos = (client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256) for client in clients.values())
    return [struct.unpack_from("Q", info, BYTES_ACKED)[0] for info in infos]


main()
