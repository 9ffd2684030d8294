/**
 * The numbers of the socket interface, as Linux gives them (x86-64; include/linux/socket.h, include/uapi/linux/in.h, tcp.h,
 * include/uapi/asm-generic/socket.h, linux/if_packet.h, linux/errqueue.h). Some name what is refused, so that a program can ask.
 */

/** Address families. AF_UNSPEC in connect dissolves an association, see connect(2). */
export const AF_UNSPEC = 0;
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_AX25 = 3;
export const AF_IPX = 4;
export const AF_X25 = 9;
export const AF_INET6 = 10;
export const AF_PACKET = 17;

/** Socket types, and the two flags that socket and accept4 take with them. SOCK_CLOEXEC is kept, and means nothing here. */
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
export const SO_DEBUG = 1;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_DONTROUTE = 5;
export const SO_BROADCAST = 6;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_OOBINLINE = 10;
export const SO_PRIORITY = 12;
export const SO_LINGER = 13;
export const SO_BSDCOMPAT = 14;
export const SO_REUSEPORT = 15;
export const SO_PASSCRED = 16;
export const SO_PEERCRED = 17;
export const SO_RCVLOWAT = 18;
export const SO_SNDLOWAT = 19;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_BINDTODEVICE = 25;
export const SO_TIMESTAMP = 29;
export const SO_ACCEPTCONN = 30;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SO_PASSSEC = 34;
export const SO_MARK = 36;
export const SO_PROTOCOL = 38;
export const SO_DOMAIN = 39;
export const SO_PEEK_OFF = 42;
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
export const TCP_DEFER_ACCEPT = 9;
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
export const IP_OPTIONS = 4;
export const IP_RECVOPTS = 6;
export const IP_RETOPTS = 7;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
export const IP_RECVERR = 11;
export const IP_RECVTTL = 12;
export const IP_RECVTOS = 13;
export const IP_MTU = 14;
export const IP_FREEBIND = 15;
export const IP_TRANSPARENT = 19;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IP_MULTICAST_IF = 32;
export const IP_MULTICAST_TTL = 33;
export const IP_MULTICAST_LOOP = 34;
export const IP_ADD_MEMBERSHIP = 35;
export const IP_DROP_MEMBERSHIP = 36;
export const IP_MULTICAST_ALL = 49;
/** Values of IP_MTU_DISCOVER. */
export const IP_PMTUDISC_DONT = 0;
export const IP_PMTUDISC_WANT = 1;
export const IP_PMTUDISC_DO = 2;
export const IP_PMTUDISC_PROBE = 3;
export const IP_PMTUDISC_INTERFACE = 4;
export const IP_PMTUDISC_OMIT = 5;

/** Option at SOL_RAW of an IPPROTO_ICMP socket: a set bit keeps messages of that type away. raw(7). */
export const ICMP_FILTER = 1;

/** Options at IPPROTO_UDP, the first two as ancillary data too. udp(7). */
export const UDP_CORK = 1;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

/** Level and options of packet sockets. packet(7). */
export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_DROP_MEMBERSHIP = 2;
export const PACKET_STATISTICS = 6;
export const PACKET_AUXDATA = 8;
/** mr_type of struct packet_mreq. */
export const PACKET_MR_MULTICAST = 0;
export const PACKET_MR_PROMISC = 1;
export const PACKET_MR_ALLMULTI = 2;
export const PACKET_MR_UNICAST = 3;
/** tp_status of struct tpacket_auxdata: the frame is the program's. */
export const TP_STATUS_USER = 1;
/** sll_pkttype. */
export const PACKET_HOST = 0;
export const PACKET_BROADCAST = 1;
export const PACKET_MULTICAST = 2;
export const PACKET_OTHERHOST = 3;
export const PACKET_OUTGOING = 4;
/** sll_protocol in host byte order: an EtherType, or one of these for every one and for frames of 802.3. */
export const ETH_P_ALL = 3;
export const ETH_P_802_3 = 1;
export const ETH_P_802_2 = 4;
export const ETH_P_IP = 0x0800;
export const ETH_P_ARP = 0x0806;
/** sll_hatype. */
export const ARPHRD_ETHER = 1;
export const ARPHRD_LOOPBACK = 772;

/** Ancillary messages at SOL_SOCKET. unix(7). */
export const SCM_RIGHTS = 1;
export const SCM_CREDENTIALS = 2;

/** ee_origin of struct sock_extended_err. ip(7). */
export const SO_EE_ORIGIN_LOCAL = 1;
export const SO_EE_ORIGIN_ICMP = 2;

/** Flags of send and recv. */
export const MSG_OOB = 0x01;
export const MSG_PEEK = 0x02;
export const MSG_DONTROUTE = 0x04;
export const MSG_CTRUNC = 0x08;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_EOR = 0x80;
export const MSG_WAITALL = 0x100;
export const MSG_CONFIRM = 0x800;
export const MSG_ERRQUEUE = 0x2000;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_MORE = 0x8000;
export const MSG_FASTOPEN = 0x2000_0000;
/** recvmsg: descriptors that come with SCM_RIGHTS get FD_CLOEXEC. */
export const MSG_CMSG_CLOEXEC = 0x4000_0000;

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

/** Bits of poll(2); select and epoll are told in the same. */
export const POLLIN = 0x001;
export const POLLPRI = 0x002;
export const POLLOUT = 0x004;
export const POLLERR = 0x008;
export const POLLHUP = 0x010;
export const POLLNVAL = 0x020;
export const POLLRDNORM = 0x040;
export const POLLRDBAND = 0x080;
export const POLLWRNORM = 0x100;
export const POLLWRBAND = 0x200;
export const POLLMSG = 0x400;
export const POLLRDHUP = 0x2000;

/** Operations and flags of epoll_ctl(2); its event bits are poll's. */
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = POLLIN;
export const EPOLLPRI = POLLPRI;
export const EPOLLOUT = POLLOUT;
export const EPOLLERR = POLLERR;
export const EPOLLHUP = POLLHUP;
export const EPOLLRDHUP = POLLRDHUP;
export const EPOLLEXCLUSIVE = 1 << 28;
export const EPOLLONESHOT = 1 << 30;
export const EPOLLET = 1 << 31;
export const EPOLL_CLOEXEC = 0o2000000;

/** Commands of fcntl(2) and their values. */
export const F_DUPFD = 0;
export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_DUPFD_CLOEXEC = 1030;
export const FD_CLOEXEC = 1;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;

/** Requests of ioctl(2). SIOCINQ is FIONREAD, SIOCOUTQ is TIOCOUTQ. */
export const FIONREAD = 0x541b;
export const FIONBIO = 0x5421;
export const FIONCLEX = 0x5450;
export const FIOCLEX = 0x5451;
export const SIOCINQ = 0x541b;
export const SIOCOUTQ = 0x5411;
export const SIOCATMARK = 0x8905;
