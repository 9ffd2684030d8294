/**
 * What poll(2) says of a connection, as Linux's tcp_poll has it.
 */
import type { FastOpen } from './fast-open.ts';
import type { Receiver } from './receiver.ts';
import type { Sender } from './sender.ts';
import { seqDiff } from './seq.ts';
import { Readiness } from './service.ts';
import type { TcpOptions, TcpState } from './service.ts';

/** The peer has sent its FIN: nothing more comes. */
export const peerIsDone = (state: TcpState): boolean =>
  state === 'CLOSE-WAIT' || state === 'CLOSING' || state === 'LAST-ACK' || state === 'TIME-WAIT';

/** Octets of text that have not been sent at all. */
export const unsentText = ({ textEnd, tcb }: Sender): number => Math.max(0, seqDiff(textEnd, tcb.sndNxt));

/** A third of the send buffer is free, and little waits unsent: worth waking a writer for. Linux sk_stream_is_writeable. */
export const hasSendSpace = (sender: Sender): boolean =>
  sender.ring.free * 3 >= sender.ring.limit && sender.cork?.wakes(unsentText(sender)) !== false;

/** Whether a change of options makes Linux look whether there is room to send. */
export const changesSendSpace = ({ sendBuffer, notsentLowat }: Partial<TcpOptions>): boolean =>
  (sendBuffer ?? notsentLowat) !== undefined;

/** Octets that SEND takes of `length` under TCP_NOTSENT_LOWAT: up to the mark, and to the end of the segment that crosses it. */
export function sendAllowance(sender: Sender, length: number): number {
  const { cork, smss } = sender;
  if (cork === undefined) return length;
  const unsent = unsentText(sender);
  if (!cork.takes(unsent)) return 0;
  return Math.min(length, Math.ceil((cork.lowWater - unsent) / smss) * smss);
}

/** `failed`: an error is pending; `receiveShut`: SHUT_RD was called. */
export function readinessOf(
  state: TcpState,
  sender: Sender,
  receiver: Receiver,
  failed: boolean,
  receiveShut: boolean,
  fastOpen: FastOpen | undefined,
): number {
  const sendOver = sender.finQueued || state === 'CLOSED';
  const receiveOver = receiveShut || state === 'CLOSED' || peerIsDone(state);
  let bits = failed ? Readiness.Error : 0;
  if (receiveOver) bits |= Readiness.Readable | Readiness.ReadHangUp;
  if (state === 'CLOSED' || (sendOver && receiveOver)) bits |= Readiness.HangUp;
  if (state === 'SYN-SENT' && fastOpen?.deferred === true) return bits | Readiness.Writable; // the SYN waits for it
  const early = state === 'SYN-RECEIVED' && fastOpen?.served === true;
  if (!early && (state === 'SYN-SENT' || state === 'SYN-RECEIVED' || state === 'LISTEN')) return bits;
  if (receiver.isWorthReading) bits |= Readiness.Readable;
  if (sendOver || hasSendSpace(sender)) bits |= Readiness.Writable;
  const mark = receiver.urgent;
  if (mark !== undefined)
    bits |= mark.state === 'here' ? Readiness.Urgent | Readiness.UrgentAhead : Readiness.UrgentAhead;
  return bits;
}

/** The same of a socket without a connection. */
export function unconnectedReadiness(failed: boolean, receiveShut: boolean): number {
  let bits: number = Readiness.Writable | Readiness.HangUp;
  if (receiveShut) bits |= Readiness.Readable | Readiness.ReadHangUp;
  if (failed) bits |= Readiness.Error;
  return bits;
}
