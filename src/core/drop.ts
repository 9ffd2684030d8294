/**
 * Named reasons for every packet that is not processed further, and their counters. There is no silent drop.
 *
 * A bad packet is not an error: nothing throws, the layer that refuses it names one of these and returns. The name says
 * what was wrong, the sentence what the rule is; the counters are part of a host's snapshot.
 */
import type { Frame } from './frame.ts';

export const DROP_REASONS = {
  // link
  'link-down': 'the link refused the frame because it is down or closed',
  'link-queue-full': 'the queue in front of the link was full',
  'link-too-long': 'the frame is longer than the link carries',
  'link-too-short': 'the frame is shorter than an Ethernet header',
  'link-not-cuttable':
    'the frame asks for a cut or a checksum of its transport that only TCP or UDP over IPv4 can have',
  'link-refused': 'the device refused the frame as malformed',
  // link: impairments and the switch
  'impair-loss': 'lost by chance, as the impairment of the link asks',
  'impair-burst-loss': 'lost in a burst (Gilbert-Elliott), as the impairment of the link asks',
  'impair-script': 'dropped by the script of the impairment',
  'impair-congestion':
    'would have been marked as the impairment of the link asks, but its sender does not know of ECN (RFC 3168 §5)',
  'impair-queue-full': 'the queue in front of the limited rate of an impairment was full',
  'switch-reserved': 'a group address that a switch keeps for itself (IEEE 802.1D section 7.12.6)',
  'switch-same-port': 'the destination is at the port that the frame came from',
  'switch-no-port': 'no other port of the switch is open',
  // ethernet
  'ether-truncated': 'the frame ends before its link header does',
  'ether-not-for-us':
    'the destination is neither this interface, nor broadcast, nor a multicast address that it joined',
  'ether-bad-source': 'the source is a group address, which no station has',
  'ether-own': 'our own broadcast or multicast frame, echoed by the network (RFC 1112 section 7.3)',
  'ether-unknown-type': 'nobody here takes frames of this EtherType',
  'ether-vlan': 'the frame belongs to a VLAN; only untagged and priority-tagged frames (VLAN 0) are taken',
  'ether-bad-length': 'the 802.3 length exceeds the frame, or the field is neither a length nor an EtherType',
  'ether-not-snap': 'an 802.3 frame whose LLC header is not the SNAP header of RFC 1042',
  // arp and neighbours
  'arp-truncated': 'the ARP packet is shorter than its 28 octets',
  'arp-hardware-type': 'the ARP hardware type is neither Ethernet nor IEEE 802 (RFC 826)',
  'arp-protocol-type': 'the ARP protocol type is not IPv4 (RFC 826)',
  'arp-lengths': 'the ARP address lengths are not 6 and 4 (RFC 826)',
  'arp-own': 'our own ARP packet, echoed by the network (RFC 5227 section 2.1.1)',
  'arp-bad-sender': 'the sender addresses of the ARP packet are none that a station can have',
  'arp-not-for-us': 'an ARP packet about an address that is not ours; its sender may have been updated (RFC 826)',
  'arp-unsolicited': 'an ARP reply to us from a neighbour that nobody asked for',
  'arp-opcode': 'an ARP packet to us that is neither request nor reply; its sender may have been updated (RFC 826)',
  'arp-conflict': 'another station claims one of our addresses (RFC 5227 section 2.4)',
  'arp-no-source': 'no address of this interface is ready to ask for a neighbour from',
  'neighbor-table-full': 'no entry could be made room for; a mere ARP sender never displaces a neighbour in use',
  'neighbor-queue-full':
    'too many packets waited for the neighbour, the oldest was given up (RFC 1122 section 2.3.2.2)',
  'neighbor-failed': 'the packet waited for a neighbour that did not answer',
  'neighbor-negative': 'the neighbour did not answer a short while ago, so nobody asked again',
  'neighbor-removed': 'the packet waited for a neighbour whose entry was removed',
  // ip
  'ip-truncated': 'the frame ends before the IP header or the total length does (RFC 791 §3.1)',
  'ip-version': 'the version is not 4 (RFC 1122 §3.2.1.1)',
  'ip-header-length': 'the header length is below 20 octets or beyond the datagram (RFC 791 §3.1)',
  'ip-total-length': 'the total length is below the header length (RFC 791 §3.1)',
  'ip-checksum': 'the header checksum is wrong (RFC 1122 §3.2.1.2)',
  'ip-not-for-us': 'the destination is no address of this host (RFC 1122 §3.2.1.3)',
  'ip-not-joined': 'the destination is a multicast group that the interface has not joined (RFC 1122 §3.2.1.3)',
  'ip-loopback-from-wire': 'a loopback address came in from outside (RFC 1122 §3.2.1.3 (g))',
  'ip-link-broadcast': 'a unicast datagram came as a link-layer broadcast (RFC 1122 §3.3.6)',
  'ip-source-invalid': 'the source is broadcast, multicast, reserved or on network 0 (RFC 1122 §3.2.1.3)',
  'ip-source-own': 'a datagram with an address of this host as source came in from outside',
  'ip-options': 'an IP option is malformed (RFC 1122 §3.2.1.8)',
  'ip-source-route': 'the source route is not complete and this host does not forward (RFC 1122 §3.3.5)',
  'ip-fragment-length':
    'a fragment without payload, or one that is not the last and no multiple of 8 octets (RFC 791 §3.1)',
  'ip-fragment-too-long': 'the fragments are more than a datagram can be: 65,535 octets (RFC 791 §3.1)',
  'ip-fragment-tiny': 'a TCP header in two pieces, which is there to deceive a filter (RFC 1858 §3)',
  'ip-fragment-duplicate': 'nothing in the fragment is new',
  'ip-fragment-overlap':
    'fragments overlap or contradict each other; the whole datagram goes (RFC 8900 §3.7, RFC 5722)',
  'ip-fragment-ecn': 'congestion was experienced by a fragment of a datagram that is not ECN-capable (RFC 3168 §5.3)',
  'ip-reassembly-timeout': 'the rest of the datagram did not come in time (RFC 1122 §3.3.2)',
  'ip-reassembly-full': 'fragments of younger datagrams took the memory that there is for them',
  'ip-no-protocol': 'no handler for the protocol (RFC 1122 §3.2.2.1, code 2)',
  'ip-interface-down': 'the interface is down',
  'ip-output-refused': 'IP refused to send the datagram: no route, a bad source or header; the sender got an errno',
  'ip-output-too-long': 'the datagram is longer than its path carries in one piece; the sender got EMSGSIZE',
  'ip-multicast-ttl': 'a multicast with a TTL of 0 stays within the host (RFC 1122 §3.2.1.7)',
  'ip-loopback-full': 'the queue of the loopback was full',
  // igmp
  'igmp-truncated': 'the IGMP message is shorter than 8 octets (RFC 1112 appendix I)',
  'igmp-checksum': 'the IGMP checksum is wrong (RFC 1112 appendix I)',
  'igmp-query-destination': 'a Query that was not sent to 224.0.0.1 (RFC 1112 appendix I)',
  'igmp-report-destination': 'a Report that was not sent to the group that it reports (RFC 1112 appendix I)',
  'igmp-unknown-type': 'neither a Query nor a Report of IGMP version 1 (RFC 1112 appendix I)',
  'igmp-no-route': 'a Report was due on an interface that is down or has no address',
  // icmp
  'icmp-truncated': 'the ICMP message is shorter than its header (RFC 792)',
  'icmp-checksum': 'the ICMP checksum is wrong (RFC 792)',
  'icmp-unknown-type': 'the ICMP type is unknown (RFC 1122 §3.2.2)',
  'icmp-unknown-code': 'the ICMP code has no meaning for its type',
  'icmp-obsolete': 'Information and Address Mask messages are not processed (RFC 6918)',
  'icmp-timestamp': 'Timestamp Requests are not answered: the core has no time of day (RFC 1122 §3.2.2.8: MAY)',
  'icmp-source-quench': 'Source Quench is ignored (RFC 6633 §5)',
  'icmp-echo-broadcast': 'Echo Requests to broadcast and multicast addresses are not answered (RFC 1122 §3.2.2.6: MAY)',
  'icmp-no-return': 'the reply has no address to go to',
  'icmp-redirect-refused':
    'the Redirect is not from the current gateway, or names none on the connected network (RFC 1122 §3.2.2.2)',
  'icmp-quote-truncated': 'the ICMP error quotes less than an IP header and 8 octets (RFC 792)',
  'icmp-quote-invalid': 'the quoted header is no first piece of a unicast IPv4 datagram',
  'icmp-quote-not-ours': 'the ICMP error is about a datagram that this host has not sent',
  'icmp-error-no-protocol': 'nobody here speaks the protocol that the ICMP error is about',
  'icmp-about-error': 'no ICMP error is sent about an ICMP error (RFC 1122 §3.2.2)',
  'icmp-about-broadcast':
    'no ICMP error is sent about a broadcast or multicast, at the IP or link layer (RFC 1122 §3.2.2)',
  'icmp-about-fragment': 'no ICMP error is sent about a fragment other than the first (RFC 1122 §3.2.2)',
  'icmp-about-no-host': 'no ICMP error is sent to a source that names no single host (RFC 1122 §3.2.2)',
  'icmp-rate-limit': 'more ICMP errors than the rate limit allows (RFC 1812 §4.3.2.8)',
  // udp
  'udp-truncated': 'the datagram is shorter than a UDP header (RFC 768)',
  'udp-length': 'the UDP length is below 8 or beyond the datagram (RFC 768)',
  'udp-checksum': 'the UDP checksum is wrong (RFC 1122 §4.1.3.4)',
  'udp-port-zero': 'the destination port is 0',
  'udp-no-port': 'no socket for the port (RFC 1122 §4.1.3.1)',
  'udp-queue-full': 'the receive queue of the socket was full',
  'udp-error-no-port': 'the ICMP error is about a port that is not open any more',
  // tcp
  'tcp-bad-header': 'shorter than a TCP header, or the Data Offset is impossible (RFC 9293 §3.1)',
  'tcp-bad-checksum': 'the TCP checksum is wrong (RFC 9293 §3.1, MUST-3)',
  'tcp-broadcast': 'to or from a broadcast or multicast address (RFC 9293 §3.9.2.3, MUST-57, MUST-63)',
  'tcp-no-connection':
    'no connection and no listener for it; answered with a RST unless it is one (RFC 9293 §3.10.7.1)',
  'tcp-reset-not-sent': 'a RST was due but the limit on resets is reached, or there is no route for it',
  'tcp-listen-reset': 'a RST for a listener (RFC 9293 §3.10.7.2, first)',
  'tcp-listen-ack': 'an ACK for a listener; answered with a RST (RFC 9293 §3.10.7.2, second)',
  'tcp-no-ack': 'no ACK where every segment has one (RFC 9293 §3.10.7.4, fifth)',
  'tcp-no-syn': 'neither SYN nor RST while connecting (RFC 9293 §3.10.7.3, fifth)',
  'tcp-bad-ack':
    'acknowledges what was never sent or was acknowledged long ago (RFC 9293 §3.10.7.4, fifth; RFC 5961 §5)',
  'tcp-bad-reset': 'a RST that does not carry exactly the number expected (RFC 5961 §3.2)',
  'tcp-time-wait-reset': 'a RST in TIME-WAIT, which this host is configured to ignore (RFC 1337 section 3, F1)',
  'tcp-unexpected-syn': 'a SYN on a connection that exists (RFC 5961 §4.2)',
  'tcp-not-acceptable': 'outside of the receive window (RFC 9293 §3.10.7.4, first)',
  'tcp-option-truncated':
    'an option with a length of 0 or 1, or beyond the header: it and what follows it is not read (RFC 9293 §3.1, MUST-7)',
  'tcp-option-length': 'an option whose RFC gives it another length: ignored, the segment is not',
  'tcp-option-twice': 'an option that is in the segment twice: the last one counts',
  'tcp-option-not-syn': 'an option that only a SYN may have, in another segment: ignored, the segment is not',
  'tcp-mss-zero': 'a Maximum Segment Size of 0: the default is used (RFC 9293 §3.7.1, MUST-15)',
  'tcp-window-scale': 'a window shift beyond 14: 14 is used (RFC 7323 §2.3)',
  'tcp-user-timeout-zero': 'a User Timeout of zero: ignored (RFC 5482 §3.4)',
  'tcp-sack-not-permitted': 'SACK blocks that were not agreed on, or in a SYN: ignored (RFC 2018 §2)',
  'tcp-sack-inverted': 'a SACK block that ends where it begins or before: ignored (RFC 2018 §3)',
  'tcp-sack-not-sent': 'a SACK block about octets that were never sent: ignored (RFC 2018 §3)',
  'tcp-no-timestamp': 'lacks the Timestamps option that both ends agreed on (RFC 7323 §3.2)',
  'tcp-paws': 'older than what came before it, by its timestamp (RFC 7323 §5.3)',
  'tcp-text-after-fin': 'text after the FIN of its sender (RFC 9293 §3.10.7.4, seventh)',
  'tcp-out-of-order-full': 'too many separate pieces beyond a gap are held already',
  'tcp-out-of-order-pruned': 'what was held beyond a gap was given up for want of memory (RFC 2018 §8)',
  'tcp-no-memory': 'the buffers of all connections together hold as much as they may',
  'tcp-too-many-orphans': 'a closed connection was reset since too many, or too little memory, wait for their end',
  'tcp-answer-throttled':
    'an ACK in answer to an invalid segment was due but the limit on those is reached (RFC 5961 §7)',
  'tcp-accept-queue-full': 'the accept queue of the listener is full',
  'tcp-accept-deferred': 'the last ACK of a handshake has no text, for which the listener waits (TCP_DEFER_ACCEPT)',
  'tcp-syn-queue-full': 'the listener has as many half-open connections as it may have, and SYN cookies are off',
  'tcp-cookie-invalid':
    'an ACK for a listener that sends SYN cookies, without a valid one (or an old one); answered with a RST',
  'tcp-cookie-not-sent': 'a SYN,ACK with a cookie was due but too many wait to be sent already, or there is no route',
  'tcp-too-many-connections': 'the stack has as many connections as it may have',
  'tcp-no-route': 'no route back to the source of a SYN',
  'tcp-time-wait-full': 'a connection left TIME-WAIT early since too many were in it',
  'tcp-source-quench': 'ICMP Source Quench is ignored (RFC 9293 §3.9.2.2, MUST-55; RFC 6633)',
  'tcp-fits-path': 'Fragmentation Needed about segments that all fit the path by now (RFC 1191 §6.4, RFC 5927 §7.2)',
  'tcp-error-not-in-flight': 'an ICMP error that quotes no data in flight (RFC 5927 §4.1)',
} as const satisfies Record<string, string>;

export type DropReason = keyof typeof DROP_REASONS;

/** Called for each drop; the frame, if one is at hand, is lent for the call. */
export type DropListener = (reason: DropReason, frame: Frame | undefined) => void;

export class Drops {
  readonly #counts = new Map<DropReason, number>();
  /** One observer (a capture, a trace); undefined when nobody looks. */
  listener: DropListener | undefined = undefined;

  /** Counts a drop and tells the observer. The frame stays its holder's to release. */
  drop(reason: DropReason, frame?: Frame): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (this.listener !== undefined) this.listener(reason, frame);
  }

  count(reason: DropReason): number {
    return this.#counts.get(reason) ?? 0;
  }

  /** Reasons that occurred, with how often. */
  entries(): Iterable<[DropReason, number]> {
    return this.#counts.entries();
  }

  /** The same as a record. */
  snapshot(): Partial<Record<DropReason, number>> {
    return Object.fromEntries(this.#counts);
  }
}
