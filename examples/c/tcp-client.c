/*
 * The client to tcp-server.c: connects, sends its arguments, a line each, and prints what comes back until the server has no more.
 * examples/tcp-client.ts is the same program on tapstack.
 *
 *     tcp-client ADDRESS MESSAGE...
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 12345
#define BUFFER_SIZE 1024

static void give_up(const char *call)
{
    perror(call);
    exit(EXIT_FAILURE);
}

int main(int argc, char *argv[])
{
    struct sockaddr_in server;
    memset(&server, 0, sizeof server);
    server.sin_family = AF_INET;
    server.sin_port = htons(PORT);
    if (argc < 3 || inet_pton(AF_INET, argv[1], &server.sin_addr) != 1) {
        fprintf(stderr, "usage: %s address message...\n", argv[0]);
        return EXIT_FAILURE;
    }

    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd == -1)
        give_up("socket");
    if (connect(fd, (struct sockaddr *) &server, sizeof server) == -1)
        give_up("connect");

    struct sockaddr_in peer;
    socklen_t peer_length = sizeof peer;
    if (getpeername(fd, (struct sockaddr *) &peer, &peer_length) == -1)
        give_up("getpeername");
    printf("connected to %s port %d\n", inet_ntoa(peer.sin_addr), ntohs(peer.sin_port));

    for (int i = 2; i < argc; i++) {
        if (write(fd, argv[i], strlen(argv[i])) == -1 || write(fd, "\n", 1) == -1)
            give_up("write");
    }
    if (shutdown(fd, SHUT_WR) == -1)
        give_up("shutdown");

    char buffer[BUFFER_SIZE];
    ssize_t count;
    while ((count = read(fd, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, count, stdout);
    if (count == -1)
        give_up("read");
    if (close(fd) == -1)
        give_up("close");
    return EXIT_SUCCESS;
}
