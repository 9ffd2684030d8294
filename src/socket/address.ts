/**
 * Socket addresses as programs write them: one record per family, or the octets of a struct sockaddr, as C has them.
 *
 * Each family reads and writes its own (inet/names.ts, unix/names.ts, packet/names.ts); nothing here looks inside.
 */
import type { AF_PACKET, AF_UNIX } from './constants.ts';

/** struct sockaddr_in. ip(7). */
export interface InetAddress {
  /** AF_INET unless given; AF_UNSPEC has a meaning in connect and bind. */
  family?: number;
  /** Dotted-decimal text; '0.0.0.0' is any address. */
  address: string;
  /** 0 to 65535; 0 in bind asks for an ephemeral port. */
  port: number;
}

/** struct sockaddr_un. unix(7). */
export interface UnixAddress {
  family: typeof AF_UNIX;
  /** A path name; an abstract name begins with a NUL ('\0name'); '' is unnamed (in bind: autobind). At most 108 octets as UTF-8. */
  path: string;
}

/** struct sockaddr_ll. packet(7). */
export interface PacketAddress {
  family: typeof AF_PACKET;
  /** sll_protocol: an EtherType in host byte order, e.g. 0x0800; ETH_P_ALL (3) for all. */
  protocol: number;
  /** sll_ifindex: as `if_nametoindex` gives it; 0 for any in bind. */
  interfaceIndex: number;
  /** sll_addr as text, e.g. '02:00:00:00:00:01'; '' for none. */
  hardwareAddress?: string;
  /** sll_hatype (ARPHRD_), and sll_pkttype (PACKET_HOST ...); on received packets. */
  hardwareType?: number;
  packetType?: number;
}

export type SocketAddress = InetAddress | UnixAddress | PacketAddress;

/** What a call that names an address takes. Octets are a struct sockaddr of just that length (addrlen); null is C's NULL: EFAULT. */
export type Name = SocketAddress | Uint8Array | null;

/**
 * Where a call writes an address: the fields of the socket's family are filled in. With `octets` or `length` they are left alone, and
 * the program gets the octets of a struct sockaddr, as C has them.
 */
export interface NameOut {
  family?: number;
  address?: string;
  port?: number;
  path?: string;
  protocol?: number;
  interfaceIndex?: number;
  hardwareAddress?: string;
  hardwareType?: number;
  packetType?: number;
  /** Where the octets go, as many as there is room for; null is C's NULL. */
  octets?: Uint8Array | null;
  /** addrlen: octets of room, those of `octets` unless given; afterwards those of the whole name. null is C's NULL: EFAULT. */
  length?: number | null;
}

/** Octets of struct sockaddr_storage: no address is longer. EINVAL. */
export const MAX_NAME = 128;
