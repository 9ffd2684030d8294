/**
 * The send buffer that tunes itself, as Linux's tcp_sndbuf_expand: twice the congestion window (three times for BBR). One window is in
 * flight; the program has the other one to fill while that is acknowledged, and no more waits here than the next round trip can take.
 *
 * Differs: twice what is outstanding when that is more. While a loss is repaired SND.UNA stays, for several round trips when the repair is
 * lost too, and all that is sent in them has to be kept. (Linux counts memory, three octets for one of text.) Without this a sender to
 * which 3 % are lost at 100 Mbit/s and 150 ms had nothing to send for 3 % of its time.
 *
 * It grows only, when the program lacks room. When memory is short all buffers become equal: Linux leaves each with what it has then, and
 * who came late with the least; measured with 10,000 senders, Jain's index was 0.15. At the bound it falls back to what it holds.
 */
import type { Context } from '../core/context.ts';
import type { ByteRing } from '../core/ring.ts';
import type { Sender } from './sender.ts';
import type { TcpOptions } from './service.ts';

/** Congestion windows that the buffer holds. Linux tcp_sndbuf_expand: CUBIC needs 1.7 in recovery, rounded up. */
const WINDOWS = 2;
/** The same for a control that does not reduce its window in recovery, and is often there. Linux bbr_sndbuf_expand. */
const WINDOWS_IN_RECOVERY = 3;

/** The connection is established, or an ACK has come while its program waits for room. */
export function tuneSendBuffer(sender: Sender, options: Readonly<TcpOptions>, context: Context): void {
  const { ring, control, smss, flightSize } = sender;
  const { buffers } = context;
  if (buffers.underPressure) {
    if (options.tuneSend) ring.limit = Math.min(options.sendBuffer, wholeSegments(buffers.shareFor(ring.limit), smss));
    return;
  }
  // Whole segments: what fills the buffer should not end in a small one.
  const segments = Math.max(Math.ceil(Math.max(control.cwnd, flightSize) / smss), context.config.tcp.initialWindow);
  const windows = control.ownsRecoveryWindow === true ? WINDOWS_IN_RECOVERY : WINDOWS;
  const wanted = options.tuneSend ? windows * segments * smss : options.sendBuffer;
  ring.limit = Math.min(options.sendBuffer, Math.max(ring.limit, wanted));
}

const wholeSegments = (octets: number, smss: number): number => Math.max(1, Math.floor(octets / smss)) * smss;

/** A write found no memory: as Linux's sk_stream_moderate_sndbuf, room comes again when a part of what is held is acknowledged. */
export function moderateSendBuffer(ring: ByteRing): void {
  ring.limit = Math.max(1, ring.length);
}
