/**
 * Where tapstack's sockets return something else than Linux's, on purpose. The differential test holds each of these to be the
 * case still: the kernel returns `linux`, tapstack `here`. Nothing else may differ.
 */
import { MSG_CTRUNC, MSG_TRUNC, PACKET_AUXDATA, SOL_PACKET } from '../../../src/socket/constants.ts';
import type { Json } from './steps.ts';

export interface Difference {
  /** Name of the case, and index of the step in it. */
  readonly case: string;
  readonly step: number;
  /** As the test shows results: errnos by name. */
  readonly linux: Json;
  readonly here: Json;
  readonly why: string;
}

const SYN_RETRIES = 'MUST-23 wants R2 of a SYN to be at least 3 minutes; Linux gives up after 2';
const DEAD_QUEUE = 'Linux counts from sequence numbers that mean nothing any more; nothing waits to be sent';
const LIMITED =
  'the limited broadcast goes to the network of the interface, without a route; Linux wants a default route for it';

const NO_SOURCE_ROUTES = 'source routes are not sent, see src/ip/send-options.ts';
/** What recvmsg tells of a frame on the loopback. */
const frame = (protocol: number, data: string, flags: number, ...control: Json[]): Json => {
  const hardware = '00:00:00:00:00:00';
  const from = { packet: { protocol, interface: 'lo', hardware, hardwareType: 772, packetType: 0 } };
  return [data.length, { data: [data], from: [from], flags, control }];
};
/** The first octet of a UDP datagram, with a status of PACKET_AUXDATA. */
const datagramWithStatus = (status: number): Json =>
  frame(0x0800, 'E', MSG_TRUNC, ['PACKET_AUXDATA', status, 33, 33, 0, 0, 0, 0]);

export const DIFFERENCES: readonly Difference[] = [
  {
    case: 'the broadcast address of the loopback network',
    step: 1,
    linux: 'EACCES',
    here: 1,
    why: 'the loopback has no broadcast here: all of 127/8 is this host',
  },
  { case: 'IP_OPTIONS: a source route', step: 2, linux: 0, here: 'EINVAL', why: NO_SOURCE_ROUTES },
  {
    case: 'IP_OPTIONS: a source route',
    step: 3,
    linux: [0, 131, 7, 4, 10, 0, 0, 9, 0],
    here: [0],
    why: NO_SOURCE_ROUTES,
  },
  { case: 'option: TCP_SYNCNT', step: 1, linux: [0, 6], here: [0, 7], why: SYN_RETRIES },
  { case: 'option: TCP_SYNCNT', step: 3, linux: [0, 6], here: [0, 7], why: SYN_RETRIES },
  {
    case: 'option: TCP_LINGER2',
    step: 9,
    linux: [0, -1],
    here: [0, 0],
    why: 'getsockopt returns the value itself, so a negative one would be an errno',
  },
  {
    case: 'unix, MSG_OOB: an octet that was thrown away',
    step: 4,
    linux: 1,
    here: 0,
    why: 'Linux 6.18 goes on counting an out-of-band octet that a read has passed over',
  },
  {
    case: 'unix, SCM_CREDENTIALS: room for a part of it',
    step: 5,
    linux: [1, { data: ['x'], from: [], flags: 8, control: [['raw', 1, 2, []]] }],
    here: [1, { data: ['x'], from: [], flags: 8, control: [] }],
    why: 'put_cmsg hands out as many octets as there is room for; messages are records here, and one that is cut is none',
  },
  { case: 'TCP_SYNCNT of a stream socket', step: 1, linux: [0, 6], here: [0, 7], why: SYN_RETRIES },
  { case: 'TCP_SYNCNT of a stream socket', step: 3, linux: [0, 6], here: [0, 7], why: SYN_RETRIES },
  {
    case: 'socket(2), EAFNOSUPPORT: AF_INET6',
    step: 0,
    linux: 0,
    here: 'EAFNOSUPPORT',
    why: 'there is no IPv6; the answer is that of a Linux that was built without',
  },
  {
    case: 'poll(2), POLLMSG: not used',
    step: 7,
    linux: [0, 0],
    here: [1, 1024],
    why: 'MUST-32: a program can learn that urgent text lies ahead; Linux sends SIGURG, here it is a bit of poll',
  },
  { case: 'a stream that is refused: the queues', step: 4, linux: 1, here: 0, why: DEAD_QUEUE },
  { case: 'a stream that is refused, and told so: the queues', step: 5, linux: 1, here: 0, why: DEAD_QUEUE },
  {
    case: 'a stream that is refused, and asked for the outcome: the queues',
    step: 5,
    linux: 3,
    here: 0,
    why: DEAD_QUEUE,
  },
  { case: 'a stream that is dissolved: the queues', step: 11, linux: 65485, here: 0, why: DEAD_QUEUE },
  {
    case: 'socket(7), SO_BROADCAST: datagrams to the broadcast address',
    step: 11,
    linux: 'ENETUNREACH',
    here: 3,
    why: LIMITED,
  },
  {
    case: 'socket(7), SO_BROADCAST: datagrams to the broadcast address',
    step: 15,
    linux: 'EAGAIN',
    here: [3, 'two', '10.0.0.1', 'ephemeral'],
    why: LIMITED,
  },
  {
    case: "a datagram that a packet socket sends on the loopback arrives: the checksums are the sender's business",
    step: 4,
    linux: 'EAGAIN',
    here: [2, 'ok', '127.0.0.1', 1],
    why: 'the loopback carries 127/8 here, whoever built the datagram; Linux takes it for a martian unless its own IP did',
  },
  {
    case: 'a frame for another station without promiscuous mode',
    step: 5,
    linux: [1, '\0'],
    here: 'EAGAIN',
    why: 'an Ethernet interface filters by address here, as hardware does; a veth pair has no filter to open',
  },
  {
    case: 'IP_HDRINCL: version, TTL and addresses are sent as the program has them',
    step: 22,
    linux: [24, 'E\0\0\x18\x124\0\0@YjO\x7f\0\0\t\x7f\0\0\x01\x01\x02\x03\x04'],
    here: 'EAGAIN',
    why: 'RFC 1122 §3.2.1.3 (g): an address of 127/8 must not appear outside a host, whoever wrote the header',
  },
  {
    case: 'a checksum that nobody has completed yet',
    step: 4,
    linux: datagramWithStatus(9),
    here: datagramWithStatus(1),
    why: 'frames are shown with their checksums complete here, so that there is nothing to warn of (TP_STATUS_CSUMNOTREADY)',
  },
  {
    case: 'packet: ancillary data with too little room',
    step: 7,
    linux: frame(0x88b5, 'hel', MSG_TRUNC | MSG_CTRUNC, ['raw', SOL_PACKET, PACKET_AUXDATA, [1]]),
    here: frame(0x88b5, 'hel', MSG_TRUNC | MSG_CTRUNC),
    why: 'Linux hands over the octets that there is room for; an ancillary message is a record here, whole or not there',
  },
];
