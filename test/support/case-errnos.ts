/**
 * Which errnos the cases of the differential test give on tapstack, by the man pages of the sockets that take part. As the test holds
 * each of them against the kernel, they are what the kernel gives, too.
 */
import { errnoName } from '../../src/core/errno.ts';
import { AF_INET, AF_PACKET, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM } from '../../src/socket/constants.ts';
import { AREAS } from '../socket/differential/areas.ts';
import type { Case, Json, Step } from '../socket/differential/steps.ts';
import { askTapstack } from './differential.ts';

const TYPE_MASK = 0xf;

const ALL = AREAS.flatMap(({ cases }) => cases);

/** By page ('tcp.7') and errno: in how many cases a call gave it. */
export function errnosByPage(cases: readonly Case[] = ALL): Map<string, Map<string, number>> {
  const pages = new Map<string, Map<string, number>>();
  const count = (page: string, errno: string): void => {
    const errnos = pages.get(page) ?? new Map<string, number>();
    pages.set(page, errnos.set(errno, (errnos.get(errno) ?? 0) + 1));
  };
  for (const one of cases) {
    const results = askTapstack(one);
    const given = new Set(results.flatMap((result) => errnoOf(result) ?? []));
    const atCreation = new Set(
      results.flatMap((result, i) => (isCreation(one.steps[i]!) ? (errnoOf(result) ?? []) : [])),
    );
    for (const page of new Set(one.steps.flatMap(pagesOf))) for (const errno of given) count(page, errno);
    for (const errno of atCreation) count('socket.2', errno);
  }
  return pages;
}

const isCreation = ([call]: Step): boolean => call === 'socket' || call === 'socketpair';

function errnoOf(result: Json | undefined): string | undefined {
  const first = Array.isArray(result) ? (result as readonly Json[])[0] : result;
  return typeof first === 'number' && first < 0 ? errnoName(first) : undefined;
}

/** The pages about the socket that a step opens. */
function pagesOf(step: Step): string[] {
  if (!isCreation(step)) return [];
  const numbers = step.slice(1).filter((argument) => typeof argument === 'number');
  const [domain, type = 0] = numbers;
  if (domain === AF_UNIX) return ['unix.7', 'socket.7'];
  if (domain === AF_PACKET) return ['packet.7', 'socket.7'];
  if (domain !== AF_INET) return [];
  const kinds: Readonly<Record<number, string>> = {
    [SOCK_STREAM]: 'tcp.7',
    [SOCK_DGRAM]: 'udp.7',
    [SOCK_RAW]: 'raw.7',
  };
  const kind = kinds[type & TYPE_MASK];
  return ['ip.7', 'socket.7', ...(kind === undefined ? [] : [kind])];
}
