/**
 * Why a segment goes out: noted on its frame, and shown by captures and ladders. The name is what they show, the
 * sentence the rule behind it. What is dropped has reasons of its own: core/drop.ts.
 */
export const SEND_REASONS = {
  // the handshake
  connect: 'the SYN of a program that connects',
  'SYN received': 'the SYN,ACK of a listener, or of SYNs that cross',
  'SYN received again': 'the SYN,ACK once more: the peer has sent its SYN again',
  'SYN received: cookie': 'a SYN,ACK of which no record is kept (RFC 4987 §3.6)',
  handshake: 'the ACK of the SYN,ACK',
  'ACK of text with the SYN': 'text that came with the SYN is delivered, now that the handshake is done',
  // text, and its end
  'new data': 'text for the first time, as far as both windows go',
  close: 'the FIN by itself, after all text',
  'path MTU probe': 'text in a segment larger than others, to see whether it gets through (RFC 4821 §7.5)',
  // loss: found by SACK
  'limited transmit': 'new text, since something after a gap has arrived (RFC 3042, RFC 6675 §5, (3))',
  'fast retransmit: RACK': 'lost, since something sent later was delivered a reordering window ago (RFC 8985 §6.2)',
  'tail loss probe': 'no ACK for two round trips: one more segment is to draw some (RFC 8985 §7.3)',
  'F-RTO: new data': 'new text after a time-out, which tells whether that was spurious (RFC 5682 §3.1, step 2b)',
  // loss: in any case
  'fast retransmit': 'lost, since three duplicate ACKs say so, or a partial ACK in recovery (RFC 6582 §3.2)',
  'retransmission timeout': 'the retransmission timer has expired: the first segment again (RFC 6298 §5 (5.4))',
  'retransmission after a time-out': 'what was outstanding at a time-out, in slow start (RFC 5681 §3.1)',
  'path MTU probe lost': 'what a probe carried, in segments of the usual size (RFC 4821 §7.6.2)',
  'smaller path MTU': 'what was outstanding when the path got narrower, in segments that fit (RFC 1191 §6.4)',
  'window opened again': 'what was outstanding when the window closed, which the peer may have thrown away',
  // windows and idleness
  'zero-window probe': 'one octet, or the FIN, to hear whether the closed window is open (RFC 9293 §3.8.6.1)',
  'window update': 'the program has read so much that the window can open by a worthwhile step (RFC 9293 §3.8.6.2.2)',
  'keep-alive probe': 'nothing came for long: is the peer still there (RFC 9293 §3.8.4)',
  // ACKs of what came
  'quick ACK': 'text came, and the peer is in slow start, or the program wants no delay (TCP_QUICKACK)',
  'ACK of two segments': 'the second full-sized segment since the last ACK (RFC 9293 §3.8.6.3)',
  'ACK of pushed text': 'the program has read all that came, the last of it pushed: the peer may wait for the ACK',
  'delayed ACK': 'text came, and nothing has gone along with which an ACK could have',
  'duplicate ACK': 'text came beyond a gap (RFC 5681 §4.2)',
  'gap filled': 'text filled a gap, or a part of one (RFC 5681 §4.2)',
  'D-SACK': 'text came twice, which a SACK block tells (RFC 2883)',
  'FIN received': 'the end of what the peer sends has come',
  'congestion notification': 'a mark of congestion came, or the CWR that answers the echo of one (RFC 3168 §6.1.3)',
  'no memory': 'text was refused for want of memory: the window is closed',
  // ACKs that answer what is wrong
  'old octets': 'a segment began before what is expected: our ACK may be lost',
  'beyond the window': 'a segment reached beyond the window',
  'not acceptable': 'a segment lay outside of the window (RFC 9293 §3.10.7.4, first)',
  'old timestamp': 'a segment is older than what came before it (RFC 7323 §5.3, R1)',
  'challenge ACK': 'a RST, a SYN or an ACK that may be a stranger’s: the peer can tell (RFC 5961)',
  // resets
  'reset: no connection': 'a segment came that nothing here explains (RFC 9293 §3.10.7.1)',
  'reset: abort': 'the connection is given up on this side (RFC 9293 §3.10.5)',
} as const satisfies Record<string, string>;

export type SendReason = keyof typeof SEND_REASONS;
