/** A link layer for tests: keeps what is sent, and hands datagrams up. */
import type { Context } from '../../src/core/context.ts';
import type { Frame } from '../../src/core/frame.ts';
import { micros } from '../../src/core/time.ts';
import type { Micros } from '../../src/core/time.ts';
import type { LinkLayer, LinkLayerUser } from '../../src/ethernet/service.ts';
import type { IpAddress } from '../../src/ip/address.ts';

export interface SentDatagram {
  readonly kind: 'unicast' | 'broadcast' | 'multicast';
  readonly nextHop: IpAddress | undefined;
  readonly bytes: Uint8Array;
  readonly network: number;
  readonly transport: number;
}

export class FakeLink implements LinkLayer {
  readonly name: string;
  mtu = 1500;
  maxSegment = 1500;
  checksumOffload = false;
  user: LinkLayerUser | undefined = undefined;
  readonly sent: SentDatagram[] = [];
  readonly calls: string[] = [];
  /** What `output` returns. */
  result = 0;
  readonly #context: Context;

  constructor(context: Context, name = 'eth0') {
    this.#context = context;
    this.name = name;
  }

  output(frame: Frame, nextHop: IpAddress): number {
    if (this.result === 0) this.#keep('unicast', nextHop, frame);
    frame.release();
    return this.result;
  }

  outputBroadcast(frame: Frame): number {
    this.#keep('broadcast', undefined, frame);
    frame.release();
    return 0;
  }

  outputMulticast(frame: Frame, group: IpAddress): number {
    this.#keep('multicast', group, frame);
    frame.release();
    return 0;
  }

  addAddress(address: IpAddress, probe: boolean): void {
    this.calls.push(`add ${address} ${probe}`);
  }

  removeAddress(address: IpAddress): void {
    this.calls.push(`remove ${address}`);
  }

  confirm(nextHop: IpAddress): void {
    this.calls.push(`confirm ${nextHop}`);
  }

  /** Hands a datagram up as if it had come in. */
  deliver(bytes: Uint8Array, change: (frame: Frame) => void = () => undefined, now: Micros = micros(0)): void {
    const frame = this.#context.frames.from(bytes);
    change(frame);
    this.user!.onIpv4(frame, now);
    frame.release();
  }

  #keep(kind: SentDatagram['kind'], nextHop: IpAddress | undefined, frame: Frame): void {
    this.sent.push({
      kind,
      nextHop,
      bytes: frame.view().slice(),
      network: frame.network - frame.start,
      transport: frame.transport - frame.start,
    });
  }
}
