/**
 * What the calls of sockets.ts take and give whose types depend on their arguments.
 */
import type { InetAddress, NameOut, SocketAddress } from '../socket/address.ts';
import type * as c from '../socket/constants.ts';
import type { Linger, Timeval } from '../socket/options/option.ts';
import type { TcpInfo } from '../tcp/service.ts';

/** Where a call that waits may be aborted, and its MSG_ flags. */
export interface CallOptions {
  /** MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL ... */
  readonly flags?: number;
  /** Rejects the call with the signal's reason while it waits, unless it has received octets already; the descriptor stays open. */
  readonly signal?: AbortSignal | undefined;
}

/** A datagram with its sender, in the fields of the socket's family: by default `data`, `address` and `port`. */
export type ReceivedDatagram<T extends NameOut = InetAddress> = { readonly data: Uint8Array } & Readonly<T>;

/** `recv` and `read` come in two forms: a new array, or a buffer of the caller's, which saves the allocation. */
export interface Receive {
  /** Resolves to 1 to `size` octets, or to none at the end of the stream. */
  (fd: number, size?: number, options?: CallOptions): Promise<Uint8Array>;
  /** Fills the start of `buffer` and resolves to how many octets, 0 at the end of the stream. */
  (fd: number, buffer: Uint8Array, options?: CallOptions): Promise<number>;
}

/** `recvfrom` of a socket whose family the caller knows: `recvfrom<UnixAddress>(fd)`. */
export interface ReceiveFrom {
  (fd: number, size?: number, options?: CallOptions): Promise<ReceivedDatagram>;
  <T extends SocketAddress>(fd: number, size?: number, options?: CallOptions): Promise<ReceivedDatagram<T>>;
}

/** `getsockname` and `getpeername`: an address of the socket's family, in a new record or in one of the caller's. */
export type GetName = <T extends SocketAddress = InetAddress>(fd: number, into?: T) => T;

/** `getsockopt`, whose result depends on the option. */
export interface GetOption {
  (fd: number, level: typeof c.IPPROTO_TCP, name: typeof c.TCP_INFO): TcpInfo;
  (fd: number, level: typeof c.IPPROTO_TCP, name: typeof c.TCP_CONGESTION): string;
  (fd: number, level: typeof c.SOL_SOCKET, name: typeof c.SO_LINGER): Linger;
  (fd: number, level: typeof c.SOL_SOCKET, name: typeof c.SO_RCVTIMEO | typeof c.SO_SNDTIMEO): Timeval;
  (fd: number, level: number, name: number): number;
  /** The octets of the C type, `length` at most. */
  (fd: number, level: number, name: number, length: number): Uint8Array;
}
