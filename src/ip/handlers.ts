/**
 * Who takes which protocol's datagrams: one handler per protocol number, and any number of raw listeners beside it.
 * RFC 791 §1.4, RFC 1122 §3.4; raw(7).
 */
import type { Frame } from '../core/frame.ts';
import type { Micros } from '../core/time.ts';
import { IpProtocol } from './service.ts';
import type { IpErrorReport, IpPacket, ProtocolHandler, RawListener } from './service.ts';

export class HandlerTable {
  readonly #handlers: (ProtocolHandler | undefined)[] = Array.from({ length: 256 }, () => undefined);
  /** By protocol; the list of IpProtocol.Raw sees every protocol. Bounded by the number of sockets. */
  readonly #raw: (RawListener[] | undefined)[] = Array.from({ length: 256 }, () => undefined);

  get(protocol: number): ProtocolHandler | undefined {
    return this.#handlers[protocol];
  }

  register(protocol: number, handler: ProtocolHandler): void {
    this.#handlers[protocol] = handler;
  }

  /** The last one to come is shown a datagram first, as on Linux. */
  addRaw(protocol: number, listener: RawListener): void {
    const listeners = this.#raw[protocol];
    if (listeners === undefined) this.#raw[protocol] = [listener];
    else listeners.unshift(listener);
  }

  removeRaw(protocol: number, listener: RawListener): void {
    const listeners = this.#raw[protocol];
    const index = listeners === undefined ? -1 : listeners.indexOf(listener);
    if (index >= 0) listeners!.splice(index, 1);
    if (listeners?.length === 0) this.#raw[protocol] = undefined;
  }

  /** Shows a datagram to the raw listeners, `frame.start` at its IP header. Returns whether one took it. */
  deliverRaw(frame: Frame, packet: IpPacket, now: Micros): boolean {
    let taken = false;
    for (let round = 0; round < 2; round++) {
      const listeners = this.#raw[round === 0 ? packet.protocol : IpProtocol.Raw];
      if (listeners === undefined || (round === 1 && packet.protocol === IpProtocol.Raw)) continue;
      for (let i = 0; i < listeners.length; i++) {
        frame.start = frame.network;
        if (listeners[i]!.receiveRaw(frame, packet, now)) taken = true;
      }
    }
    return taken;
  }

  /** Hands an error report to the protocol's handler and raw listeners; false when there are none. */
  deliverError(report: IpErrorReport, frame: Frame, now: Micros): boolean {
    const { start } = frame;
    const handler = this.#handlers[report.protocol];
    let taken = handler !== undefined;
    if (handler !== undefined) handler.error(report, frame, now);
    for (let round = 0; round < 2; round++) {
      const listeners = this.#raw[round === 0 ? report.protocol : IpProtocol.Raw];
      if (listeners === undefined || (round === 1 && report.protocol === IpProtocol.Raw)) continue;
      for (let i = 0; i < listeners.length; i++) {
        frame.start = start;
        listeners[i]!.errorRaw(report, frame, now);
        taken = true;
      }
    }
    return taken;
  }
}
