/*
 * The client to udp-echo-server.c, in the manner of getaddrinfo(3): look the server up, take the first address that can be connected,
 * send every argument as a datagram with its NUL, print what comes back. examples/udp-echo-client.ts is the same program on tapstack.
 *
 *     udp-echo-client HOST PORT MESSAGE...
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 500

static int connect_first(const struct addrinfo *candidates)
{
    for (const struct addrinfo *one = candidates; one != NULL; one = one->ai_next) {
        int sfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (sfd == -1)
            continue;
        if (connect(sfd, one->ai_addr, one->ai_addrlen) == 0)
            return sfd;
        close(sfd);
    }
    return -1;
}

int main(int argc, char *argv[])
{
    if (argc < 4) {
        fprintf(stderr, "usage: %s host port message...\n", argv[0]);
        return EXIT_FAILURE;
    }

    struct addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_DGRAM;

    struct addrinfo *found;
    int failed = getaddrinfo(argv[1], argv[2], &hints, &found);
    if (failed != 0) {
        fprintf(stderr, "getaddrinfo: %s\n", gai_strerror(failed));
        return EXIT_FAILURE;
    }
    int sfd = connect_first(found);
    freeaddrinfo(found);
    if (sfd == -1) {
        fprintf(stderr, "no address can be connected\n");
        return EXIT_FAILURE;
    }

    for (int i = 3; i < argc; i++) {
        char buffer[BUFFER_SIZE];
        size_t length = strlen(argv[i]) + 1;
        if (length > sizeof buffer) {
            printf("message %d is too long\n", i - 2);
            continue;
        }
        if (write(sfd, argv[i], length) != (ssize_t) length) {
            perror("write");
            return EXIT_FAILURE;
        }
        ssize_t count = read(sfd, buffer, sizeof buffer);
        if (count == -1) {
            perror("read");
            return EXIT_FAILURE;
        }
        printf("%zd octets back: %.*s\n", count, (int) strnlen(buffer, count), buffer);
    }
    return EXIT_SUCCESS;
}
