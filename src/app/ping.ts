/**
 * Ping: ICMP echo requests (RFC 792) from a raw socket, one after another, and the round-trip times of their replies.
 */
import { finishChecksum, sumBytes } from '../core/checksum.ts';
import { getU16, setU16 } from '../core/bytes.ts';
import { AF_INET, IPPROTO_ICMP, SOCK_RAW } from '../socket/constants.ts';
import { closeQuietly, errorCode } from './sockets.ts';
import type { AppSockets } from './sockets.ts';

export interface PingOptions {
  /** Requests, 3 by default. */
  readonly count?: number;
  /** Octets of data in each, 56 by default. */
  readonly size?: number;
  /** How long to wait for each reply (ms), 1000 by default. */
  readonly timeout?: number;
  /** Tells requests from those of other programs (0 to 65535). */
  readonly identifier?: number;
}

export interface PingResult {
  readonly sent: number;
  readonly received: number;
  /** Round-trip times of the replies (ms). */
  readonly times: readonly number[];
}

const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
const ICMP_HEADER = 8;

/** Sends echo requests to `address` and waits for each one's reply. Throws what the socket calls throw. */
export async function ping(sockets: AppSockets, address: string, options: PingOptions = {}): Promise<PingResult> {
  const { count = 3, size = 56, timeout = 1000, identifier = 0x7a70 } = options;
  const fd = sockets.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  const replies = new ReplyWaiter();
  const reading = readReplies(sockets, fd, { address, identifier }, replies).finally(() => replies.end());
  const times: number[] = [];
  try {
    for (let sequence = 1; sequence <= count; sequence++) {
      const start = performance.now();
      const replied = replies.wait(sequence, timeout);
      await sockets.sendto(fd, echoRequest(identifier, sequence, size), { address, port: 0 });
      if (await replied) times.push(performance.now() - start);
    }
  } finally {
    closeQuietly(sockets, fd);
    await reading;
  }
  return { sent: count, received: times.length, times };
}

/** Where the reader of replies and the sender of requests meet. */
class ReplyWaiter {
  #sequence = -1;
  #over = false;
  #resolve: (replied: boolean) => void = () => undefined;

  /** Whether the reply to `sequence` arrives within `timeout` ms. One wait at a time. */
  wait(sequence: number, timeout: number): Promise<boolean> {
    if (this.#over) return Promise.resolve(false);
    this.#sequence = sequence;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeout);
      this.#resolve = (replied): void => {
        clearTimeout(timer);
        resolve(replied);
      };
    });
  }

  /** Nobody reads any more: the wait under way and all later ones are in vain. */
  end(): void {
    this.#over = true;
    this.#resolve(false);
  }

  replied(sequence: number): void {
    if (sequence === this.#sequence) this.#resolve(true);
  }
}

/** Reads until the descriptor is closed. */
async function readReplies(
  sockets: AppSockets,
  fd: number,
  expected: { readonly address: string; readonly identifier: number },
  replies: ReplyWaiter,
): Promise<void> {
  for (;;) {
    try {
      const { data, address } = await sockets.recvfrom(fd);
      if (address === expected.address) noteReply(data, expected.identifier, replies);
    } catch (error) {
      // An ICMP error about a request is no end: the next one may be answered.
      if (!['EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED'].includes(errorCode(error))) return;
    }
  }
}

/** A raw socket delivers the whole datagram, IP header included. raw(7). */
function noteReply(datagram: Uint8Array, identifier: number, replies: ReplyWaiter): void {
  const at = ((datagram[0] ?? 0) & 0x0f) * 4;
  if (datagram.length < at + ICMP_HEADER || datagram[at] !== ECHO_REPLY) return;
  if (getU16(datagram, at + 4) === identifier) replies.replied(getU16(datagram, at + 6));
}

function echoRequest(identifier: number, sequence: number, size: number): Uint8Array {
  const message = new Uint8Array(ICMP_HEADER + size);
  message[0] = ECHO_REQUEST;
  setU16(message, 4, identifier);
  setU16(message, 6, sequence);
  for (let i = 0; i < size; i++) message[ICMP_HEADER + i] = i;
  setU16(message, 2, finishChecksum(sumBytes(message, 0, message.length)));
  return message;
}
