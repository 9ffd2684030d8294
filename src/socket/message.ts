/**
 * struct msghdr: what sendmsg and recvmsg carry besides octets, in the form that programs use and in the form that sockets see.
 * sendmsg(2), recvmsg(2), cmsg(3).
 */
import { Errno } from '../core/errno.ts';
import type { Name, NameOut } from './address.ts';
import * as c from './constants.ts';
import type { OpenFile } from './file.ts';

/** struct in_pktinfo. ip(7). */
export interface PacketInfo {
  /** ipi_ifindex: the interface; 0 for any when sending. */
  readonly interfaceIndex: number;
  /** ipi_spec_dst: the local address; when sending, the source to use. */
  readonly specificDestination: string;
  /** ipi_addr: the destination in the header. Not read when sending. */
  readonly destination: string;
}

/** struct sock_extended_err with the address that follows it. ip(7), IP_RECVERR. */
export interface ExtendedError {
  readonly errno: number;
  /** SO_EE_ORIGIN_LOCAL or SO_EE_ORIGIN_ICMP. */
  readonly origin: number;
  readonly type: number;
  readonly code: number;
  /** The MTU found, for EMSGSIZE. */
  readonly info: number;
  /** Who reported it; undefined when this host did. */
  readonly offender: string | undefined;
}

/** struct ucred. unix(7). */
export interface Credentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** An id that is none: -1 in C. */
export const NO_ID = 0xffff_ffff;

/** SO_PEERCRED of a socket that has had no peer. */
export const NO_CREDENTIALS: Credentials = { pid: 0, uid: NO_ID, gid: NO_ID };

/** struct tpacket_auxdata. packet(7). */
export interface PacketAuxdata {
  /** TP_STATUS_USER. */
  readonly status: number;
  /** Octets of the frame as it passed, and as it was kept: with its link header for SOCK_RAW. */
  readonly length: number;
  readonly capturedLength: number;
  /** Where in it the link header and the network header are. */
  readonly mac: number;
  readonly net: number;
  /** 0: a tag stays in the frame. */
  readonly vlanTci: number;
  readonly vlanTpid: number;
}

/** One ancillary message: level and type as in struct cmsghdr, and its data as the type has them. */
export type ControlMessage =
  | { readonly level: typeof c.IPPROTO_IP; readonly type: typeof c.IP_TTL | typeof c.IP_TOS; readonly data: number }
  | { readonly level: typeof c.IPPROTO_IP; readonly type: typeof c.IP_PKTINFO; readonly data: PacketInfo }
  | { readonly level: typeof c.IPPROTO_IP; readonly type: typeof c.IP_RECVERR; readonly data: ExtendedError }
  | {
      readonly level: typeof c.IPPROTO_IP;
      readonly type: typeof c.IP_RECVOPTS | typeof c.IP_RETOPTS;
      readonly data: Uint8Array;
    }
  | {
      readonly level: typeof c.IPPROTO_UDP;
      readonly type: typeof c.UDP_SEGMENT | typeof c.UDP_GRO;
      readonly data: number;
    }
  /** Microseconds of the host's clock. */
  | { readonly level: typeof c.SOL_SOCKET; readonly type: typeof c.SO_TIMESTAMP; readonly data: number }
  | { readonly level: typeof c.SOL_SOCKET; readonly type: typeof c.SCM_RIGHTS; readonly data: readonly number[] }
  | { readonly level: typeof c.SOL_SOCKET; readonly type: typeof c.SCM_CREDENTIALS; readonly data: Credentials }
  | { readonly level: typeof c.SOL_PACKET; readonly type: typeof c.PACKET_AUXDATA; readonly data: PacketAuxdata };

/** struct msghdr. */
export interface Message {
  /** msg_name: where to; recvmsg fills it in with the sender. */
  name?: Name | NameOut | undefined;
  /** msg_iov: the octets, in pieces. */
  iov: readonly Uint8Array[];
  /** msg_control: to send; recvmsg replaces what is in it by what came. Without it there is no room for any. */
  control?: ControlMessage[] | undefined;
  /** msg_controllen: octets of room that recvmsg has, counted as CMSG_SPACE counts; no bound unless given. */
  controlLength?: number | undefined;
  /** msg_flags: set by recvmsg (MSG_TRUNC, MSG_CTRUNC, MSG_OOB, MSG_EOR, MSG_ERRQUEUE). */
  flags?: number;
}

/** What a socket is told besides octets and flags when it sends. */
export interface Outgoing {
  /** The destination; undefined for none. */
  name: Name | undefined;
  control: readonly ControlMessage[];
  /** The files of SCM_RIGHTS, held for the message, or why there are none: -EBADF, -EINVAL. Only AF_UNIX looks at them. */
  rights: readonly OpenFile[] | number;
}

/** What a socket fills in when it receives. The caller clears it first; sockets only add. */
export interface Incoming {
  /** Where the sender's address goes; undefined when nobody wants it. */
  name: NameOut | undefined;
  control: ControlMessage[];
  /** Files that came with SCM_RIGHTS; each is held once for the receiver. */
  rights: OpenFile[];
  /** MSG_ bits for msg_flags. */
  flags: number;
}

export const makeIncoming = (): Incoming => ({ name: undefined, control: [], rights: [], flags: 0 });

/** C's NULL, and any other address without memory behind it. */
export const NOWHERE = new Uint8Array(0);

/** Whether the octets lie within the array. Else a call fails with EFAULT, as late as on Linux: where they would be copied. */
export const reaches = (bytes: Uint8Array, at: number, length: number): boolean =>
  at >= 0 && at + length <= bytes.length;

/** Octets that a call moves at most. A negative length, unsigned in C, is more than that. MAX_RW_COUNT. */
const MAX_LENGTH = 0x7fff_f000;

/** A length as the kernel reads it. */
export const lengthOf = (length: number): number => (length < 0 ? MAX_LENGTH : Math.min(length, MAX_LENGTH));

/** Pieces at most. UIO_MAXIOV. */
export const MAX_IOV = 1024;

/** The octets of all pieces, or a negative errno: -EMSGSIZE for too many pieces, -EINVAL when their lengths exceed what a call may move. */
export function iovLength(iov: readonly Uint8Array[]): number {
  if (iov.length > MAX_IOV) return -Errno.EMSGSIZE;
  let length = 0;
  for (const piece of iov) length += piece.length;
  return length > MAX_LENGTH ? -Errno.EINVAL : length;
}

/** The pieces in one array; the only piece itself where there is just one. */
export function gather(iov: readonly Uint8Array[], length: number): Uint8Array {
  if (iov.length === 1) return iov[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of iov) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** Spreads the first `count` octets over the pieces. */
export function scatter(from: Uint8Array, count: number, iov: readonly Uint8Array[]): void {
  let at = 0;
  for (const piece of iov) {
    if (at >= count) return;
    piece.set(from.subarray(at, Math.min(count, at + piece.length)));
    at += piece.length;
  }
}

/** SCM_RIGHTS and SCM_CREDENTIALS are of no concern to most families, SO_MARK and SO_PRIORITY nothing goes by; others are EINVAL. */
export const isUnknownAtSocketLevel = ({ level, type }: { readonly level: number; readonly type: number }): boolean =>
  level === c.SOL_SOCKET &&
  type !== c.SCM_RIGHTS &&
  type !== c.SCM_CREDENTIALS &&
  type !== c.SO_MARK &&
  type !== c.SO_PRIORITY;

/** Octets of struct cmsghdr, and the multiple that CMSG_SPACE rounds up to. */
const CMSG_HEADER = 16;
const CMSG_ALIGN = 8;
/** Octets of struct timeval. */
const TIMEVAL = 16;

/** CMSG_LEN of the data of a message. */
export function controlSize({ level, type, data }: ControlMessage): number {
  if (level === c.SOL_SOCKET && type === c.SO_TIMESTAMP) return CMSG_HEADER + TIMEVAL;
  // Linux gives the TOS as the octet that it is.
  if (level === c.IPPROTO_IP && type === c.IP_TOS) return CMSG_HEADER + 1;
  if (typeof data === 'number') return CMSG_HEADER + 4;
  if (data instanceof Uint8Array) return CMSG_HEADER + data.length;
  if (Array.isArray(data)) return CMSG_HEADER + 4 * (data as readonly number[]).length;
  if ('capturedLength' in (data as object)) return CMSG_HEADER + 20;
  // struct in_pktinfo and struct ucred; sock_extended_err with a sockaddr_in.
  return CMSG_HEADER + ('offender' in (data as object) ? 32 : 12);
}

/** Hands ancillary messages to a program, as far as there is room; MSG_CTRUNC tells of the rest. Returns the room that is left. */
export function handOver(messages: readonly ControlMessage[], into: Message): number {
  let room = into.control === undefined ? 0 : (into.controlLength ?? Infinity);
  if (into.control !== undefined) into.control.length = 0;
  for (const message of messages) {
    const size = controlSize(message);
    if (size > room) {
      into.flags = (into.flags ?? 0) | c.MSG_CTRUNC;
      return 0;
    }
    into.control!.push(message);
    room -= Math.ceil(size / CMSG_ALIGN) * CMSG_ALIGN;
  }
  return room;
}
