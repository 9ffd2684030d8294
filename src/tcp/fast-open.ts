/**
 * TCP Fast Open, what one connection knows of it: RFC 7413. There is no such record unless a program asked for it.
 *
 * The client's part is fast-open-client.ts (and -cache.ts), the server's fast-open-server.ts. Leaves out the experimental option
 * (kind 254), cookies bound to timestamps (§5.1.1), and fast open without cookies (§7.3).
 */
import type { ByteRing } from '../core/ring.ts';
import { MAX_COOKIE } from './options.ts';
import type { FastOpenStatus, TcpState } from './service.ts';

/** Who counts the connections of a listener whose handshake is not done. */
export interface FastOpenParent {
  /** One of them is over: it was completed, or has ended, by a RST or otherwise. */
  fastOpenSettled(byReset: boolean): void;
}

export class FastOpen {
  status: FastOpenStatus = 'none';
  /** The cookie for the SYN or SYN,ACK: octets, -1 for no option, 0 for a request. */
  cookieLength = -1;
  readonly cookie = new Uint8Array(MAX_COOKIE);
  /** Client: the SYN waits for the first text. */
  deferred = false;
  /** Client: octets of text that fit into the SYN, and that are in it. */
  limit = 0;
  synText = 0;
  /** Server: text is taken and sent before the handshake is done. */
  served = false;
  parent: FastOpenParent | undefined = undefined;

  /** Whether SEND is accepted already though the connection is not yet there. */
  takesText(state: TcpState, finQueued: boolean): boolean {
    if (finQueued) return false;
    return state === 'SYN-SENT' ? this.deferred : this.served && state === 'SYN-RECEIVED';
  }

  /** Takes text before the connection is there; no more than the SYN has room for. Returns how many octets. */
  write(state: TcpState, ring: ByteRing, bytes: Uint8Array, at: number, length: number): number {
    if (state !== 'SYN-SENT') return ring.write(bytes, at, length);
    this.synText = ring.write(bytes, at, Math.min(length, this.limit));
    this.deferred = false;
    if (this.synText > 0) this.status = 'data sent';
    return this.synText;
  }

  /** The handshake is done, or never will be. */
  settled(byReset: boolean): void {
    if (this.status === 'pending') this.status = 'accepted';
    this.parent?.fastOpenSettled(byReset);
    this.parent = undefined;
  }
}

/** What of the sender is asked. */
export interface SynSender {
  readonly tcb: { readonly state: TcpState };
  /** Retransmission timeouts so far. */
  readonly timeouts: number;
  readonly fastOpen: FastOpen | undefined;
}

/** Octets of text for a SYN that goes out now: none in one that goes out again. RFC 7413 §4.2.2. */
export const textOfSyn = (sender: SynSender): number =>
  sender.tcb.state === 'SYN-SENT' && sender.timeouts === 0 ? (sender.fastOpen?.synText ?? 0) : 0;

/** Whether text may follow a SYN,ACK that is not acknowledged: not after that was lost. RFC 7413 §4.2.2. */
export const mayAnswerEarly = (sender: SynSender): boolean =>
  sender.fastOpen?.served === true && sender.tcb.state === 'SYN-RECEIVED' && sender.timeouts === 0;
