/*
 * A UDP echo server in the manner of getaddrinfo(3): look up where to serve, take the first address that can be bound, send every
 * datagram back. examples/udp-echo-server.ts is the same program on tapstack.
 *
 *     udp-echo-server PORT
 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 500

static int bind_first(const struct addrinfo *candidates)
{
    for (const struct addrinfo *one = candidates; one != NULL; one = one->ai_next) {
        int sfd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (sfd == -1)
            continue;
        if (bind(sfd, one->ai_addr, one->ai_addrlen) == 0)
            return sfd;
        close(sfd);
    }
    return -1;
}

int main(int argc, char *argv[])
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s port\n", argv[0]);
        return EXIT_FAILURE;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);

    struct addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_flags = AI_PASSIVE; /* any address of this machine */

    struct addrinfo *found;
    int failed = getaddrinfo(NULL, argv[1], &hints, &found);
    if (failed != 0) {
        fprintf(stderr, "getaddrinfo: %s\n", gai_strerror(failed));
        return EXIT_FAILURE;
    }
    int sfd = bind_first(found);
    freeaddrinfo(found);
    if (sfd == -1) {
        fprintf(stderr, "no address can be bound\n");
        return EXIT_FAILURE;
    }
    printf("serving\n");

    for (;;) {
        char buffer[BUFFER_SIZE];
        char host[NI_MAXHOST], port[NI_MAXSERV];
        struct sockaddr_storage peer;
        socklen_t peer_length = sizeof peer;

        ssize_t count = recvfrom(sfd, buffer, sizeof buffer, 0, (struct sockaddr *) &peer, &peer_length);
        if (count == -1)
            continue; /* the next one may be better */
        if (getnameinfo((struct sockaddr *) &peer, peer_length, host, sizeof host, port, sizeof port,
                        NI_NUMERICHOST | NI_NUMERICSERV) == 0)
            printf("%zd octets from %s port %s\n", count, host, port);
        if (sendto(sfd, buffer, count, 0, (struct sockaddr *) &peer, peer_length) != count)
            perror("sendto");
    }
}
