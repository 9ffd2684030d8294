/**
 * Where tapstack's sockets return something else than Linux's, on purpose. The differential test holds each of these to be the
 * case still: the kernel returns `linux`, tapstack `here`. Nothing else may differ.
 */
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

export const DIFFERENCES: readonly Difference[] = [
  {
    case: 'the broadcast address of the loopback network',
    step: 1,
    linux: 'EACCES',
    here: 1,
    why: 'the loopback has no broadcast here: all of 127/8 is this host',
  },
  {
    case: 'no route from a loopback address',
    step: 2,
    linux: 'ENETUNREACH',
    here: 'EINVAL',
    why: 'a source that may not leave the host is found before the missing route',
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
];
