/**
 * The state machine of RFC 9293 §3.3.2 (Figure 5) as one table, and the groups of states that the event processing asks for.
 */
import { Errno } from '../core/errno.ts';
import type { TcpState } from './service.ts';

/** From each state, the states that some event leads to. */
export const TRANSITIONS: Readonly<Record<TcpState, readonly TcpState[]>> = {
  //              OPEN, or a SYN that a listener takes (its connection record begins in LISTEN)
  CLOSED: ['LISTEN', 'SYN-SENT'],
  //              SYN        SEND or OPEN  CLOSE
  LISTEN: ['SYN-RECEIVED', 'SYN-SENT', 'CLOSED'],
  //              SYN,ACK    SYN           CLOSE, RST, time-out
  'SYN-SENT': ['ESTABLISHED', 'SYN-RECEIVED', 'CLOSED'],
  //              ACK of SYN    CLOSE         RST, time-out; the passive side's record goes with it
  'SYN-RECEIVED': ['ESTABLISHED', 'FIN-WAIT-1', 'CLOSED'],
  //              CLOSE         FIN           RST, ABORT, time-out
  ESTABLISHED: ['FIN-WAIT-1', 'CLOSE-WAIT', 'CLOSED'],
  //              ACK of FIN    FIN        FIN and ACK of FIN
  'FIN-WAIT-1': ['FIN-WAIT-2', 'CLOSING', 'TIME-WAIT', 'CLOSED'],
  //              FIN
  'FIN-WAIT-2': ['TIME-WAIT', 'CLOSED'],
  //              CLOSE
  'CLOSE-WAIT': ['LAST-ACK', 'CLOSED'],
  //              ACK of FIN
  CLOSING: ['TIME-WAIT', 'CLOSED'],
  //              ACK of FIN
  'LAST-ACK': ['CLOSED'],
  //              2 MSL
  'TIME-WAIT': ['CLOSED'],
};

export const mayFollow = (from: TcpState, to: TcpState): boolean => TRANSITIONS[from].includes(to);

/** Both SYNs are acknowledged. RFC 9293 §3.3.2: "synchronized state". */
export const isSynchronized = (state: TcpState): boolean => {
  switch (state) {
    case 'CLOSED':
    case 'LISTEN':
    case 'SYN-SENT':
    case 'SYN-RECEIVED':
      return false;
    default:
      return true;
  }
};

/** Text may arrive and is taken. RFC 9293 §3.10.7.4, seventh. */
export const mayReceiveText = (state: TcpState): boolean =>
  state === 'ESTABLISHED' || state === 'FIN-WAIT-1' || state === 'FIN-WAIT-2';

/** Text (and FIN) may be sent or sent again. */
export const maySendText = (state: TcpState): boolean => {
  switch (state) {
    case 'ESTABLISHED':
    case 'CLOSE-WAIT':
    case 'FIN-WAIT-1':
    case 'CLOSING':
    case 'LAST-ACK':
      return true;
    default:
      return false;
  }
};

/** SEND is accepted. RFC 9293 §3.10.2. */
export const maySend = (state: TcpState): boolean => state === 'ESTABLISHED' || state === 'CLOSE-WAIT';

/** What SEND answers in the other states: -EAGAIN while connecting, unless CLOSE was called already, else -EPIPE. */
export const whyNotSend = (state: TcpState, finQueued: boolean): number =>
  (state === 'SYN-SENT' || state === 'SYN-RECEIVED') && !finQueued ? -Errno.EAGAIN : -Errno.EPIPE;

/** ABORT sends a RST. RFC 9293 §3.10.5. */
export const owesReset = (state: TcpState): boolean =>
  state === 'SYN-RECEIVED' || maySend(state) || state === 'FIN-WAIT-1' || state === 'FIN-WAIT-2';

/** Both FINs have been sent; no ABORT sends a RST any more. RFC 9293 §3.10.5. */
export const isClosingDown = (state: TcpState): boolean =>
  state === 'CLOSING' || state === 'LAST-ACK' || state === 'TIME-WAIT';
