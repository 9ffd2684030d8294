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
import type { OptionRow, OptionScope } from '../../../src/socket/options/option.ts';
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

const values: readonly Case[] = ROWS.filter(
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

/** Octets of room: less than an int, an int, the sizes of the structs and around them. */
const ROOMS = [-1, 0, 1, 3, 4, 5, 7, 8, 12, 15, 16, 64];
/** Of struct tcp_info the first octets are compared, which say nothing of time. */
const INFO_ROOMS = ROOMS.filter((room) => room < 8);
/** On sockets that have no such option. */
const FEW_ROOMS = [-1, 4];

const OTHER_KINDS: readonly (readonly [string, Step])[] = [
  ['unix', ['socket', 's', c.AF_UNIX, c.SOCK_STREAM, 0]],
  ['packet', ['socket', 's', c.AF_PACKET, c.SOCK_DGRAM, 0]],
];

/** Values of more than one octet, and those that differ from machine to machine. */
const SETTINGS: Readonly<Record<string, Json>> = {
  SO_BINDTODEVICE: { text: 'lo' },
  SO_LINGER: { linger: [1, 0x1_0203] },
  SO_RCVTIMEO: { timeval: [7, 500_000] },
  SO_PRIORITY: 0x12_3456,
  IP_TOS: 0xb8,
  IP_MULTICAST_TTL: 0,
  IP_OPTIONS: { octets: [1, 7, 7, 4, 0, 0, 0, 0] },
  IP_MULTICAST_IF: { octets: [127, 0, 0, 1] },
  TCP_NOTSENT_LOWAT: 0x12_3456,
  TCP_CONGESTION: { text: 'reno' },
  TCP_SYNCNT: 9,
  ICMP_FILTER: 0x12_3456,
};

const mayHave = (kind: string, on: OptionScope): boolean =>
  on === 'any' ||
  (on === 'icmp' ? kind === 'ICMP' : on === kind || (on === 'inet' && kind !== 'unix' && kind !== 'packet'));

/** A socket of a kind, the option set where there is a setting, and what is read with every room. */
function readWithRooms([kind, open]: readonly [string, Step], { level, name, label, on }: OptionRow): readonly Step[] {
  const value = SETTINGS[label];
  const rooms = !mayHave(kind, on) ? FEW_ROOMS : label === 'TCP_INFO' ? INFO_ROOMS : ROOMS;
  return [
    open,
    ...(value === undefined ? [] : [['setsockopt', 's', level, name, value] as const]),
    ...rooms.map((room): Step => ['getsockopt', 's', level, name, { room }]),
  ];
}

/** Without TCP_UTO, which Linux does not have, and SO_MAX_PACING_RATE only where it is an option here. */
const rooms: readonly Case[] = ROWS.filter(({ label }) => label !== 'TCP_UTO').map((row) =>
  one(
    `getsockopt(2): a value that is longer than the room for it "is silently truncated": ${row.label}`,
    ...[...KINDS, ...OTHER_KINDS]
      .filter(([kind]) => row.label !== 'SO_MAX_PACING_RATE' || kind === row.on)
      .flatMap((kind) => readWithRooms(kind, row)),
  ),
);

const unknown: readonly Case[] = [
  one(
    'getsockopt(2), EINVAL: a negative length, before the name of the option is looked at',
    ...[...KINDS, ...OTHER_KINDS].flatMap(([, open]): Step[] => [
      open,
      ...[c.SOL_SOCKET, c.IPPROTO_IP, c.IPPROTO_TCP, c.IPPROTO_UDP, c.SOL_RAW, c.SOL_PACKET, 99].flatMap((level) =>
        [-1, 0, 4].map((room): Step => ['getsockopt', 's', level, 250, { room }]),
      ),
    ]),
  ),
];

export const CASES: readonly Case[] = [...values, ...rooms, ...unknown];
