/**
 * An open UDP port: its addresses, its peer once connected, and its share of the outbox. RFC 1122 §4.1.3.5, §4.1.4; udp(7).
 */
import { copyBytes } from '../core/bytes.ts';
import type { Context } from '../core/context.ts';
import { Errno } from '../core/errno.ts';
import { ANY_ADDRESS } from '../ip/address.ts';
import type { IpAddress } from '../ip/address.ts';
import { longestDatagram } from '../ip/mtu-discover.ts';
import type { Path } from '../ip/service.ts';
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
  device = 0;
  queued = 0;
  readonly owner: UdpOwner;

  readonly #context: Context;
  readonly #demux: Demux<Port>;
  readonly #outbox: Outbox;

  constructor(
    context: Context,
    demux: Demux<Port>,
    outbox: Outbox,
    local: IpAddress,
    localPort: number,
    owner: UdpOwner,
  ) {
    this.#context = context;
    this.#demux = demux;
    this.#outbox = outbox;
    this.localAddress = local;
    this.localPort = localPort;
    this.owner = owner;
  }

  get sharesPort(): boolean {
    return this.owner.sharesPort === true;
  }

  connect(local: IpAddress, remote: IpAddress, remotePort: number): void {
    this.remoteAddress = remote;
    this.remotePort = remotePort;
    if (this.localAddress === ANY_ADDRESS) this.localAddress = local;
  }

  send(
    bytes: Uint8Array,
    at: number,
    length: number,
    path: Path,
    destinationPort: number,
    options: UdpSendOptions,
  ): number {
    if (length > UDP_MAX_PAYLOAD) return -Errno.EMSGSIZE;
    const whole = length + UDP_HEADER_LENGTH + path.headerLength;
    if (whole > longestDatagram(path, options.mtuDiscover)) return -Errno.EMSGSIZE;
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
}
