/*
 * The TCP server that the manual pages of socket(2), bind(2), listen(2) and accept(2) add up to: it takes one connection and echoes what
 * comes. examples/socket-man-page.ts is the same program on tapstack.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 5
#define PORT 12345
#define BUFFER_SIZE 1024

static void give_up(const char *call)
{
    perror(call);
    exit(EXIT_FAILURE);
}

int main(void)
{
    int sfd = socket(AF_INET, SOCK_STREAM, 0);
    if (sfd == -1)
        give_up("socket");

    struct sockaddr_in my_address;
    memset(&my_address, 0, sizeof my_address);
    my_address.sin_family = AF_INET;
    my_address.sin_addr.s_addr = htonl(INADDR_ANY);
    my_address.sin_port = htons(PORT);
    if (bind(sfd, (struct sockaddr *) &my_address, sizeof my_address) == -1)
        give_up("bind");

    if (listen(sfd, LISTEN_BACKLOG) == -1)
        give_up("listen");

    struct sockaddr_in peer_address;
    socklen_t peer_length = sizeof peer_address;
    int cfd = accept(sfd, (struct sockaddr *) &peer_address, &peer_length);
    if (cfd == -1)
        give_up("accept");
    printf("connection from %s port %d\n", inet_ntoa(peer_address.sin_addr), ntohs(peer_address.sin_port));

    char buffer[BUFFER_SIZE];
    for (;;) {
        ssize_t count = read(cfd, buffer, sizeof buffer);
        if (count == -1)
            give_up("read");
        if (count == 0)
            break; /* the client has finished sending */
        if (write(cfd, buffer, count) == -1)
            give_up("write");
    }

    if (close(cfd) == -1)
        give_up("close");
    if (close(sfd) == -1)
        give_up("close");
    return EXIT_SUCCESS;
}
