/**
 * The numbers of the socket interface, as Linux gives them (x86-64; include/linux/socket.h, include/uapi/linux/in.h, tcp.h,
 * include/uapi/asm-generic/socket.h). Only what this table understands is listed; anything else is refused with its errno.
 */

/** Address families. AF_UNSPEC in connect dissolves an association, see connect(2). */
export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** Socket types, and the two flags that socket and accept4 take with them. SOCK_CLOEXEC means nothing here. */
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_SEQPACKET = 5;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** Protocols. IPPROTO_RAW sockets send datagrams with a header of their own and receive nothing, see raw(7). */
export const IPPROTO_IP = 0;
export const IPPROTO_ICMP = 1;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_RAW = 255;

/** Levels of options that are not a protocol's. */
export const SOL_SOCKET = 1;
export const SOL_RAW = 255;

/** Options at SOL_SOCKET. socket(7). */
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_BROADCAST = 6;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_OOBINLINE = 10;
export const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_ACCEPTCONN = 30;
export const SO_PROTOCOL = 38;
export const SO_DOMAIN = 39;
export const SO_MAX_PACING_RATE = 47;

/** Options at IPPROTO_TCP. tcp(7). */
export const TCP_NODELAY = 1;
export const TCP_MAXSEG = 2;
export const TCP_CORK = 3;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_SYNCNT = 7;
export const TCP_LINGER2 = 8;
export const TCP_WINDOW_CLAMP = 10;
export const TCP_INFO = 11;
export const TCP_QUICKACK = 12;
export const TCP_CONGESTION = 13;
export const TCP_USER_TIMEOUT = 18;
export const TCP_FASTOPEN = 23;
export const TCP_NOTSENT_LOWAT = 25;
/** Ours: Linux has no User Timeout option (RFC 5482) and no such number. */
export const TCP_UTO = 5482;
export const TCP_FASTOPEN_CONNECT = 30;

/** Options at IPPROTO_IP. ip(7). */
export const IP_TOS = 1;
export const IP_TTL = 2;
export const IP_HDRINCL = 3;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVERR = 11;
export const IP_MTU = 14;
/** Values of IP_MTU_DISCOVER. */
export const IP_PMTUDISC_DONT = 0;
export const IP_PMTUDISC_WANT = 1;
export const IP_PMTUDISC_DO = 2;
export const IP_PMTUDISC_PROBE = 3;
export const IP_PMTUDISC_INTERFACE = 4;
export const IP_PMTUDISC_OMIT = 5;

/** Option at SOL_RAW of an IPPROTO_ICMP socket: a set bit keeps messages of that type away. raw(7). */
export const ICMP_FILTER = 1;

/** Flags of send and recv. */
export const MSG_OOB = 0x01;
export const MSG_PEEK = 0x02;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_WAITALL = 0x100;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_MORE = 0x8000;
export const MSG_FASTOPEN = 0x2000_0000;

/** Second argument of shutdown. */
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SHUT_RDWR = 2;

/** Well-known addresses, in the text form that this interface uses. */
export const INADDR_ANY = '0.0.0.0';
export const INADDR_LOOPBACK = '127.0.0.1';
export const INADDR_BROADCAST = '255.255.255.255';

/** The kernel's upper bound of listen's backlog unless configured otherwise. */
export const SOMAXCONN = 4096;
