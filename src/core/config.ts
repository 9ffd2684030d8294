/**
 * Every tunable of the stack in one table: meaning, unit, default and the document that justifies it.
 *
 * A host is built from a full Config; users give the parts they want to change. Times are microseconds, sizes octets.
 */
import { HOUR, MINUTE, MS, SECOND } from './time.ts';

export interface ArpConfig {
  /** A confirmed entry counts as REACHABLE this long (us). RFC 4861 §10 REACHABLE_TIME; 1122-2.3.2.1-c. */
  reachableTime: number;
  /** Wait in DELAY before probing (us). RFC 4861 §10 DELAY_FIRST_PROBE_TIME. */
  delayFirstProbe: number;
  /** Time between requests for one address (us). RFC 1122 §2.3.2.1 asks for at most one a second. */
  retransmitTime: number;
  /** Requests without an answer before the address counts as unreachable. RFC 4861 §10 MAX_MULTICAST_SOLICIT. */
  maxRequests: number;
  /** A failed address is not asked for again this long (us). */
  negativeTime: number;
  /** A STALE entry that nobody used for this long is removed (us). RFC 1122 §2.3.2.1; Linux gc_stale_time is 60 s. */
  staleTime: number;
  /** Neighbour entries per interface at most; the least recently used goes first. Linux gc_thresh3 is 1024. */
  maxEntries: number;
  /** Packets that wait for one address at most; the oldest goes first. RFC 1122 §2.3.2.2 asks for at least one. */
  maxWaiting: number;
  /** Packets that wait for all addresses of one interface at most; the neighbour used least recently loses its oldest. */
  maxWaitingTotal: number;
  /** Time between two defences of an own address (us). RFC 5227 §1.1 DEFEND_INTERVAL. */
  defendInterval: number;
  /** Number of probes, RFC 5227 §1.1 PROBE_NUM, and of announcements, ANNOUNCE_NUM. */
  probeCount: number;
  announceCount: number;
  /** RFC 5227 §1.1 PROBE_WAIT, PROBE_MIN, PROBE_MAX, ANNOUNCE_WAIT, ANNOUNCE_INTERVAL (us). */
  probeWait: number;
  probeMin: number;
  probeMax: number;
  announceWait: number;
  announceInterval: number;
  /** RFC 5227 §1.1 MAX_CONFLICTS, after which probes for new addresses start RATE_LIMIT_INTERVAL (us) apart. */
  maxConflicts: number;
  rateLimitInterval: number;
}

export interface IpConfig {
  /** Time to live of what this host sends unless the sender says otherwise. RFC 1122 §3.2.1.7; IANA recommends 64. */
  defaultTtl: number;
  /** Routes at most, connected ones included: ENOBUFS beyond. */
  maxRoutes: number;
  /** Whether Redirects change the routing table. RFC 1122 §3.2.2.2 says they must. */
  acceptRedirects: boolean;
  /** Host routes that Redirects may make; the oldest goes first. */
  maxRedirects: number;
  /** Datagrams that wait in the loopback at most. Linux net.core.netdev_max_backlog. */
  loopbackQueue: number;
  /** A path MTU learned from a router is believed this long (us). RFC 1191 §6.3: on the order of 10 minutes; Linux mtu_expires. */
  pathMtuExpires: number;
  /** Least path MTU that a router is believed (octets), 68 or more; datagrams to narrower ones go without DF. Linux min_pmtu. */
  minPathMtu: number;
  /** Destinations whose path MTU is remembered; the one learned longest ago goes first. 0 believes no router. */
  maxPathMtus: number;
  /** The fragments of a datagram wait this long for the rest (us). RFC 1122 §3.3.2 suggests 60 to 120 s; Linux ipfrag_time is 30 s. */
  reassemblyTimeout: number;
  /** What incomplete datagrams may take together (octets); the oldest goes first. Linux ipfrag_high_thresh. */
  reassemblyMemory: number;
  /** Multicast groups that one socket may be in: ENOBUFS beyond. Linux igmp_max_memberships. */
  maxMemberships: number;
}

export interface IcmpConfig {
  /** ICMP errors sent per second at most, on average, to all destinations together. RFC 1812 §4.3.2.8; Linux icmp_msgs_per_sec. */
  errorsPerSecond: number;
  /** ICMP errors that may be sent in one burst. Linux icmp_msgs_burst. */
  errorBurst: number;
  /** Octets of the offending datagram that an error quotes: the message is kept to 576 octets. RFC 1812 §4.3.2.3. */
  quoteLimit: number;
  /** Whether echo requests to a broadcast address are answered. RFC 1122 §3.2.2.6 allows silence; Linux is silent. */
  answerBroadcastEcho: boolean;
}

export interface TcpConfig {
  /** First RTO, before a sample (us). RFC 6298 §2.1. */
  rtoInitial: number;
  /** What the RTO is beyond SRTT at least (us). Differs: RFC 6298 (2.4) has a least RTO of 1 s; as in Linux, and labs run on LANs. */
  rtoMin: number;
  /** Greatest RTO (us). RFC 6298 §2.5 allows a bound of 60 s or more; Linux uses 120 s. */
  rtoMax: number;
  /** An ACK waits at most this long for company (us). RFC 9293 §3.8.6.3 bounds it at 500 ms; Linux uses 40 ms. */
  delayedAck: number;
  /** Segments that are acknowledged at once at the start of a connection ("quick ACKs"), as Linux does. */
  quickAcks: number;
  /**
   * Retransmissions of a SYN before connect fails with ETIMEDOUT: 7 last 247 s, since RFC 9293 §3.8.3 (MUST-23) wants 3 min; Linux's 6, 127
   * s.
   */
  synRetries: number;
  /** Retransmissions of a SYN,ACK before a half-open connection is forgotten. Linux tcp_synack_retries. */
  synAckRetries: number;
  /** R1: retransmissions after which delivery counts as doubtful. RFC 9293 §3.8.3. */
  retries1: number;
  /** R2: retransmissions after which the connection is given up. Linux tcp_retries2: 15 is about 15 minutes. */
  retries2: number;
  /** User Timeout option of new connections: what it tells the peer (us), 0 for none. RFC 5482 §3, ADV_UTO. */
  advertisedUserTimeout: number;
  /** Bounds of what the peer's option can set the user timeout to (us). RFC 5482 §3.1: L_LIMIT, at least 100 s, and U_LIMIT. */
  userTimeoutMin: number;
  userTimeoutMax: number;
  /** Maximum segment lifetime (us); TIME-WAIT lasts twice this. RFC 9293 §3.4.2 says 2 min. Differs: Linux's 30 s. */
  msl: number;
  /**
   * A RST does not end TIME-WAIT: else one that answers an old duplicate lets the next old one harm a new connection. RFC 1337 §3 (F1);
   * Linux tcp_rfc1337, also off by default there, since RFC 9293 §3.10.7.4 has the RST end it.
   */
  timeWaitIgnoresReset: boolean;
  /** How long a closed connection waits in FIN-WAIT-2 for the peer's FIN once nobody can read it (us). Linux tcp_fin_timeout. */
  finWait2Timeout: number;
  /** Initial window in segments. RFC 6928 §2. */
  initialWindow: number;
  /** Congestion control of new connections, by name: 'cubic', 'reno', 'bbr', or one of your own. Linux tcp_congestion_control. */
  congestion: string;
  /**
   * Whether 'cubic', 'reno' and the like are paced; 'bbr' always is. 'auto': where a round trip takes 10 ms or more, 'always' is what Linux
   * does with the fq qdisc. tcp/pacing.ts.
   */
  pacing: 'off' | 'auto' | 'always';
  /** CUBIC leaves its first slow start when the round-trip time rises. RFC 9406. */
  hystart: boolean;
  /**
   * The congestion window after an idle time. 'restart': back to the initial window after one RTO (RFC 5681 §4.1). 'halve': half of it
   * for each RTO (RFC 2861), which Linux's tcp_slow_start_after_idle=1 does. 'keep': valid for five minutes (RFC 7661), about what
   * tcp_slow_start_after_idle=0 does.
   */
  idleWindow: 'restart' | 'halve' | 'keep';
  /**
   * Path MTU discovery by probes, without ICMP (RFC 4821). 'blackhole' begins when the same segment was lost `retries1` times, so that a
   * connection goes on where routers drop what is too long and nobody hears of it; 'always' starts with small segments. Linux
   * tcp_mtu_probing 1 and 2. Differs: Linux has it off; connections that hang are what a user would have to turn it on for.
   */
  mtuProbing: 'off' | 'blackhole' | 'always';
  /** Segment size that gets through nearly everywhere (octets of MSS). RFC 4821 §7.2; Linux tcp_base_mss. */
  mtuProbeBase: number;
  /**
   * The search ends when it is about less than so many octets, and begins anew this much later (us). RFC 4821 §7.3; Linux
   * tcp_probe_threshold, tcp_probe_interval.
   */
  mtuProbeThreshold: number;
  mtuProbeInterval: number;
  /** Greatest send and receive buffer (octets) of sockets that set none; no window offered exceeds it. Linux tcp_wmem[2], tcp_rmem[2]. */
  sendBuffer: number;
  receiveBuffer: number;
  /**
   * Buffers start small and grow with what a connection moves in a round trip, until SO_SNDBUF or SO_RCVBUF sets one: else they have
   * their greatest size at once. Linux tcp_moderate_rcvbuf.
   */
  tuneBuffers: boolean;
  /** What they start with (octets). Linux counts twice that, bookkeeping included: tcp_wmem[1], tcp_rmem[1]. */
  initialSendBuffer: number;
  initialReceiveBuffer: number;
  /** Octets in the buffers of all connections at most, see core/buffers.ts for what happens near it. Linux tcp_mem[2]. */
  memoryLimit: number;
  /** Connections that their programs have closed and that have not ended yet, at most; further ones are reset. Linux tcp_max_orphans. */
  maxOrphans: number;
  /** Greatest buffer that SO_SNDBUF and SO_RCVBUF accept (octets). Linux net.core.wmem_max, rmem_max. */
  maxBuffer: number;
  /** Whether to offer window scaling and timestamps in SYNs. RFC 7323. */
  windowScaling: boolean;
  timestamps: boolean;
  /** Whether to offer selective acknowledgments in SYNs, which RACK-TLP needs. RFC 2018 §2. */
  sack: boolean;
  /**
   * Explicit congestion notification: 'passive' when the peer asks for it, 'active' asks in every SYN, 'off' never. Linux tcp_ecn 2, 1, 0.
   * RFC 3168 §6.1.1.
   */
  ecn: 'off' | 'passive' | 'active';
  /** Sender SWS override (us): a small segment waits at most this long. RFC 9293 §3.8.6.2.1 says 0.1 to 1 s. */
  swsOverride: number;
  /** Challenge ACKs per second at most. RFC 5961 §7; Linux tcp_challenge_ack_limit. */
  challengeAcksPerSecond: number;
  /** RSTs per second sent at most for segments that belong to no connection. */
  resetsPerSecond: number;
  /**
   * Half-open connections per listener at most while `synCookies` is 'off' (the backlog may be smaller); the last quarter is kept free.
   * With SYN cookies the backlog alone bounds them, as on Linux. Linux tcp_max_syn_backlog.
   */
  maxSynBacklog: number;
  /**
   * SYN cookies (RFC 4987 §3.6): 'overflow' answers with one when the SYN queue is full, so that a flood keeps nobody out; 'always'
   * keeps no half-open connection at all; 'off' drops the SYN instead. Linux tcp_syncookies 1, 2 and 0.
   */
  synCookies: 'off' | 'overflow' | 'always';
  /**
   * TCP Fast Open (RFC 7413): whether programs may use it as clients (MSG_FASTOPEN, TCP_FASTOPEN_CONNECT) and as servers (TCP_FASTOPEN).
   * Each has to ask for it. Linux net.ipv4.tcp_fastopen, bits 1 and 2. Differs: there the second is off, and the option without effect.
   */
  fastOpenClient: boolean;
  fastOpenServer: boolean;
  /** How long the key of the server's Fast Open cookies is used (us), 0 for ever; a cookie lives for up to twice this. RFC 7413 §4.1.2. */
  fastOpenKeyLifetime: number;
  /** Fast Open cookies that a client keeps at most, and destinations that it leaves alone. RFC 7413 §4.1.3. */
  maxFastOpenCookies: number;
  /** The ACK that completes a handshake while the accept queue is full: ignored, or answered with a RST. Linux tcp_abort_on_overflow. */
  abortOnOverflow: boolean;
  /** Connections in TIME-WAIT at most; beyond it the oldest end early. Linux tcp_max_tw_buckets. */
  maxTimeWait: number;
  /** Connections at most, all states. */
  maxConnections: number;
  /** Keep-alive: idle time before the first probe, time between probes (us), unanswered probes. RFC 9293 §3.8.4. */
  keepaliveIdle: number;
  keepaliveInterval: number;
  keepaliveProbes: number;
}

export interface SocketConfig {
  /** Open descriptors of one table at most: EMFILE beyond. RLIMIT_NOFILE. */
  maxDescriptors: number;
  /** Open files (sockets and epoll sets) of the whole stack at most: ENFILE beyond. */
  maxSockets: number;
  /** Calls that wait for one descriptor at most: ENOBUFS beyond. */
  maxWaiters: number;
  /** Entries of one epoll set at most: ENOSPC beyond. Linux fs.epoll.max_user_watches. */
  maxEpollEntries: number;
  /** Upper bound of listen's backlog. Linux net.core.somaxconn. */
  maxBacklog: number;
  /** Range that ephemeral ports are drawn from, both ends included. RFC 6056 §3.2; Linux ip_local_port_range. */
  ephemeralLow: number;
  ephemeralHigh: number;
  /** Default receive and send queue of datagram and raw sockets (octets). Linux net.core.rmem_default. */
  datagramReceiveBuffer: number;
  datagramSendBuffer: number;
  /** Descriptors under way in SCM_RIGHTS messages at most: ETOOMANYREFS beyond. */
  maxRightsInFlight: number;
  /** AF_UNIX path names at most, those left behind by closed sockets included: ENOSPC beyond, as on a full file system. */
  maxUnixPaths: number;
  /** Datagrams that wait at an AF_UNIX socket before others than its own peer are refused (EAGAIN). Linux net.unix.max_dgram_qlen. */
  maxDatagramQueue: number;
  /** Who the stack's programs are, as SO_PEERCRED and SCM_CREDENTIALS tell it: the core knows of no process. unix(7). */
  processId: number;
  userId: number;
  groupId: number;
  /** What the stack's programs may do: bind ports below 1024 (CAP_NET_BIND_SERVICE), else EACCES. */
  mayBindPrivileged: boolean;
  /** Open raw and packet sockets (CAP_NET_RAW), else EPERM. */
  mayUseRaw: boolean;
  /** Set SO_MARK, SO_PRIORITY above 6, SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_DEBUG (CAP_NET_ADMIN), else EPERM or EACCES. */
  mayAdminister: boolean;
}

export interface Config {
  arp: ArpConfig;
  ip: IpConfig;
  icmp: IcmpConfig;
  tcp: TcpConfig;
  socket: SocketConfig;
}

/** Some tunables to change, by layer. */
export type ConfigOverrides = { readonly [Layer in keyof Config]?: Partial<Config[Layer]> };

/** What a tunable that is a word may be. config.tcp.congestion depends on the stack: tcp/congestion/registry.ts. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  idleWindow: ['restart', 'halve', 'keep'],
  pacing: ['off', 'auto', 'always'],
  ecn: ['off', 'passive', 'active'],
  synCookies: ['off', 'overflow', 'always'],
  mtuProbing: ['off', 'blackhole', 'always'],
};

export const DEFAULT_CONFIG: Config = {
  arp: {
    reachableTime: 30 * SECOND,
    delayFirstProbe: 5 * SECOND,
    retransmitTime: 1 * SECOND,
    maxRequests: 3,
    negativeTime: 3 * SECOND,
    staleTime: 10 * MINUTE,
    maxEntries: 1024,
    maxWaiting: 64,
    maxWaitingTotal: 1024,
    defendInterval: 10 * SECOND,
    probeCount: 3,
    announceCount: 2,
    probeWait: 1 * SECOND,
    probeMin: 1 * SECOND,
    probeMax: 2 * SECOND,
    announceWait: 2 * SECOND,
    announceInterval: 2 * SECOND,
    maxConflicts: 10,
    rateLimitInterval: 60 * SECOND,
  },
  ip: {
    defaultTtl: 64,
    maxRoutes: 1024,
    acceptRedirects: true,
    maxRedirects: 64,
    loopbackQueue: 1000,
    pathMtuExpires: 10 * MINUTE,
    minPathMtu: 552,
    maxPathMtus: 4096,
    reassemblyTimeout: 60 * SECOND,
    reassemblyMemory: 4 * 1024 * 1024,
    maxMemberships: 20,
  },
  icmp: { errorsPerSecond: 1000, errorBurst: 50, quoteLimit: 548, answerBroadcastEcho: false },
  tcp: {
    rtoInitial: 1 * SECOND,
    rtoMin: 200 * MS,
    rtoMax: 120 * SECOND,
    delayedAck: 40 * MS,
    quickAcks: 16,
    synRetries: 7,
    synAckRetries: 5,
    retries1: 3,
    retries2: 15,
    advertisedUserTimeout: 0,
    userTimeoutMin: 100 * SECOND,
    userTimeoutMax: 1 * HOUR,
    msl: 30 * SECOND,
    timeWaitIgnoresReset: false,
    finWait2Timeout: 60 * SECOND,
    initialWindow: 10,
    congestion: 'cubic',
    pacing: 'auto',
    hystart: true,
    idleWindow: 'restart',
    mtuProbing: 'blackhole',
    mtuProbeBase: 1024,
    mtuProbeThreshold: 8,
    mtuProbeInterval: 10 * MINUTE,
    sendBuffer: 4 * 1024 * 1024,
    receiveBuffer: 6 * 1024 * 1024,
    tuneBuffers: true,
    initialSendBuffer: 8192,
    initialReceiveBuffer: 65536,
    memoryLimit: 256 * 1024 * 1024,
    maxOrphans: 65536,
    maxBuffer: 64 * 1024 * 1024,
    windowScaling: true,
    timestamps: true,
    sack: true,
    ecn: 'passive',
    swsOverride: 200 * MS,
    challengeAcksPerSecond: 1000,
    resetsPerSecond: 1000,
    maxSynBacklog: 4096,
    synCookies: 'overflow',
    fastOpenClient: true,
    fastOpenServer: true,
    fastOpenKeyLifetime: 24 * HOUR,
    maxFastOpenCookies: 1024,
    abortOnOverflow: false,
    maxTimeWait: 65536,
    maxConnections: 262144,
    keepaliveIdle: 2 * HOUR,
    keepaliveInterval: 75 * SECOND,
    keepaliveProbes: 9,
  },
  socket: {
    maxDescriptors: 65536,
    maxSockets: 262144,
    maxWaiters: 1024,
    maxEpollEntries: 262144,
    maxBacklog: 4096,
    ephemeralLow: 32768,
    ephemeralHigh: 60999,
    datagramReceiveBuffer: 212992,
    datagramSendBuffer: 212992,
    maxRightsInFlight: 4096,
    maxUnixPaths: 65536,
    maxDatagramQueue: 10,
    processId: 1,
    userId: 0,
    groupId: 0,
    mayBindPrivileged: true,
    mayUseRaw: true,
    mayAdminister: true,
  },
};

/** The defaults with some changed. Throws a RangeError for a name that is not known, a wrong type, a number below 0. */
export function makeConfig(overrides: ConfigOverrides = {}): Config {
  const config: Config = {
    arp: { ...DEFAULT_CONFIG.arp, ...overrides.arp },
    ip: { ...DEFAULT_CONFIG.ip, ...overrides.ip },
    icmp: { ...DEFAULT_CONFIG.icmp, ...overrides.icmp },
    tcp: { ...DEFAULT_CONFIG.tcp, ...overrides.tcp },
    socket: { ...DEFAULT_CONFIG.socket, ...overrides.socket },
  };
  for (const [layer, section] of Object.entries(config)) {
    for (const [name, value] of Object.entries<unknown>(section as Record<string, unknown>)) {
      const standard = (DEFAULT_CONFIG[layer as keyof Config] as unknown as Record<string, unknown>)[name];
      if (standard === undefined) throw new RangeError(`config.${layer}.${name} is not known`);
      if (typeof value !== typeof standard) {
        throw new RangeError(`config.${layer}.${name} must be a ${typeof standard}, not ${String(value)}`);
      }
      if (typeof value === 'number' && !(value >= 0)) {
        throw new RangeError(`config.${layer}.${name} must be a number of at least 0, not ${value}`);
      }
      const choices = CHOICES[name];
      if (choices !== undefined && !choices.includes(String(value))) {
        throw new RangeError(`config.${layer}.${name} must be one of ${choices.join(', ')}, not ${String(value)}`);
      }
    }
  }
  return config;
}
