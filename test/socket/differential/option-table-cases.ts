/**
 * Every option of the table that is a number, on every kind of socket of AF_INET and AF_PACKET: values in and out of range, octets of every length,
 * NULL, and what is there afterwards. socket(7), ip(7), tcp(7), udp(7), raw(7), packet(7).
 */
import { makeConfig } from '../../../src/core/config.ts';
import * as c from '../../../src/socket/constants.ts';
import { makeOptionRows } from '../../../src/socket/options/table.ts';
import { cooked } from './packet-steps.ts';
import { raw, tcp, udp } from './scenes.ts';
import { one } from './steps.ts';
import type { Case, Json, Step } from './steps.ts';

const ROWS = makeOptionRows(makeConfig(), { interfaceByName: () => 0, interfaceName: () => undefined });

const KINDS: readonly (readonly [string, Step])[] = [
  ['stream', tcp('s')],
  ['datagram', udp('s')],
  ['raw', raw('s', 89)],
  ['ICMP', raw('s', c.IPPROTO_ICMP)],
  ['packet', cooked('s')],
];

const VALUES: readonly Json[] = [
  null,
  ...[1, 0, 2, 3, 5, 60, 127, 128, 255, 256, 1000, 32_767, 32_768, 65_535, 65_536, 0x7fff_ffff, -1],
  { octets: [] },
  { octets: [1] },
  { octets: [0] },
  { octets: [2, 1] },
  { octets: [1, 0, 0] },
  { octets: [1, 0, 0, 0] },
  { octets: [3, 0, 0, 0, 9] },
  { octets: [1, 0, 0, 0, 7, 0, 0, 0] },
  { octets: [1, ...Array.from({ length: 30 }, () => 0)] },
];

/** Linux has no such option; has it on every socket. The rows say why. */
const OURS = ['TCP_UTO', 'SO_MAX_PACING_RATE'];

/** What is greater is bounded by what the machine is set to. */
const SMALL = 65_536;
const BOUNDED = ['SO_SNDBUF', 'SO_RCVBUF', 'SO_RCVLOWAT'];
/** Unsigned in Linux; here a negative value would be an errno. */
const UNSIGNED = ['TCP_LINGER2', 'TCP_NOTSENT_LOWAT'];

function valuesFor(label: string): readonly Json[] {
  const isWanted = (value: Json): boolean => {
    if (typeof value !== 'number') return true;
    if (BOUNDED.includes(label)) return value >= 0 && value <= SMALL;
    return value >= 0 || !UNSIGNED.includes(label);
  };
  return VALUES.filter(isWanted);
}

export const CASES: readonly Case[] = ROWS.filter(
  ({ type, label }) => (type === 'flag' || type === 'int') && !OURS.includes(label),
).flatMap(({ level, name, label }) =>
  KINDS.map(([kind, open]) =>
    one(
      `${label} of a ${kind} socket`,
      open,
      ['getsockopt', 's', level, name],
      ...valuesFor(label).flatMap((value): Step[] => [
        ['setsockopt', 's', level, name, value],
        ['getsockopt', 's', level, name],
      ]),
    ),
  ),
);
