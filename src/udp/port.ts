/**
 * An open UDP port: its addresses, its peer once connected, and its share of the outbox. RFC 1122 §4.1.3.5, §4.1.4; udp(7).
 */
import { copyBytes } from '../core/bytes.ts';
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import { ANY_ADDRESS, isMulticast } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { MtuDiscover } from '../ip/service.ts';
import type { IpService, Path } from '../ip/service.ts';
import type { Demux } from './demux.ts';
import type { Outbox, OutboxClient } from './outbox.ts';
import type { UdpOwner, UdpPort, UdpSendOptions } from './service.ts';
import { UDP_HEADER_LENGTH } from './wire.ts';

/** Octets of the longest datagram's data: 65,535 less IP and UDP header. */
export const UDP_MAX_PAYLOAD = 65507;

/**
 * Octets that a queued datagram counts for besides its data, so that empty ones count too: about what the kernel charges for
 * keeping one (truesize).
 */
export const DATAGRAM_OVERHEAD = 256;

export class Port implements UdpPort, OutboxClient {
  localAddress: IpAddress;
  readonly localPort: number;
  remoteAddress: IpAddress | undefined = undefined;
  remotePort = 0;
  queued = 0;
  readonly owner: UdpOwner;

  readonly #context: Context;
  readonly #ip: IpService;
  readonly #demux: Demux<Port>;
  readonly #outbox: Outbox;
  /** The address that it was opened with, to return to when a connection is dissolved. */
  readonly #boundAddress: IpAddress;

  constructor(
    context: Context,
    ip: IpService,
    demux: Demux<Port>,
    outbox: Outbox,
    local: IpAddress,
    localPort: number,
    owner: UdpOwner,
  ) {
    this.#context = context;
    this.#ip = ip;
    this.#demux = demux;
    this.#outbox = outbox;
    this.#boundAddress = local;
    this.localAddress = local;
    this.localPort = localPort;
    this.owner = owner;
  }

  get sharesPort(): boolean {
    return this.owner.sharesPort === true;
  }

  connect(remote: IpAddress | undefined, remotePort: number): number {
    if (remote === undefined) {
      this.remoteAddress = undefined;
      this.remotePort = 0;
      this.localAddress = this.#boundAddress;
      return 0;
    }
    const path = this.#ip.route(remote, this.#source(this.#boundAddress));
    if (typeof path === 'number') return path;
    this.remoteAddress = remote;
    this.remotePort = remotePort;
    // 1122-4.1.3.5-d: the address that was chosen can be asked for.
    if (this.#boundAddress === ANY_ADDRESS) this.localAddress = path.source;
    return 0;
  }

  send(
    bytes: Uint8Array,
    at: number,
    length: number,
    destination: IpAddress,
    destinationPort: number,
    options: UdpSendOptions,
    limit: number,
  ): number {
    if (destinationPort < 1 || destinationPort > 65535) return -Errno.EINVAL;
    if (options.ttl < 1 || options.ttl > 255) return -Errno.EINVAL;
    if (length > UDP_MAX_PAYLOAD) return -Errno.EMSGSIZE;
    const path = this.#ip.route(destination, this.#source(this.localAddress));
    if (typeof path === 'number') return path;
    if (this.#ip.isBroadcast(destination) && !options.broadcast) return -Errno.EACCES;
    if (!mayBeSent(length + UDP_HEADER_LENGTH + path.headerLength, path, options.mtuDiscover)) return -Errno.EMSGSIZE;
    if (this.queued > 0 && this.queued >= limit) return -Errno.EAGAIN;
    const frame = this.#context.frames.acquire(UDP_HEADER_LENGTH + length);
    frame.end = frame.start + UDP_HEADER_LENGTH + length;
    copyBytes(bytes, at, frame.bytes, frame.start + UDP_HEADER_LENGTH, length);
    this.queued += length + DATAGRAM_OVERHEAD;
    this.#outbox.push(this, frame, path, destinationPort, options);
    return length;
  }

  /** Nothing is delivered any more; what was sent before still leaves. */
  close(): void {
    this.#demux.remove(this);
  }

  /** For the outbox: a datagram with `length` octets of data has left. */
  dequeued(length: number): void {
    this.queued -= length + DATAGRAM_OVERHEAD;
    this.owner.onSent();
  }

  /** What to ask routing with: a port bound to a broadcast or multicast address receives there, but sends from an own one. */
  #source(local: IpAddress): IpAddress {
    return local === ANY_ADDRESS || this.#isNoSource(local) ? ANY_ADDRESS : local;
  }

  #isNoSource(local: IpAddress): boolean {
    return isMulticast(local) || this.#ip.isBroadcast(local);
  }
}

/** Whether a datagram of `length` octets fits, or may be cut. ip(7), IP_MTU_DISCOVER. */
function mayBeSent(length: number, path: Path, mtuDiscover: MtuDiscover): boolean {
  switch (mtuDiscover) {
    case MtuDiscover.Do:
      return length <= path.mtu;
    case MtuDiscover.Probe:
    case MtuDiscover.Interface:
      return length <= path.interfaceMtu;
    default:
      return true;
  }
}
