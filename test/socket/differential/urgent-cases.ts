/**
 * Urgent data as programs see it. tcp(7), send(2), recv(2).
 */
import { SeededRandom, randomBelow } from '../../../src/core/random.ts';
import * as c from '../../../src/socket/constants.ts';
import type { Case, Step } from './steps.ts';

const { AF_INET, SOCK_STREAM, SOL_SOCKET, SO_OOBINLINE, MSG_OOB, MSG_PEEK, MSG_TRUNC } = c;
const LO = '127.0.0.1';
const PORT = 7000;

const connected: readonly Step[] = [
  ['socket', 'l', AF_INET, SOCK_STREAM, 0],
  ['bind', 'l', LO, PORT],
  ['listen', 'l', 2],
  ['socket', 'c', AF_INET, SOCK_STREAM, 0],
  ['connect', 'c', LO, PORT],
  ['accept', 'l', 'a'],
];
const one = (name: string, ...steps: Step[]): Case => ({ name: `urgent: ${name}`, steps });
const inline = (value: number): Step => ['setsockopt', 'a', SOL_SOCKET, SO_OOBINLINE, value];
const looks: readonly Step[] = [
  ['poll', 'a'],
  ['atmark', 'a'],
];
const takes: Step = ['recv', 'a', 1, MSG_OOB];
const reads: Step = ['recv', 'a', 9];

const cases: readonly Case[] = [
  one(
    'no connection',
    ['socket', 's', AF_INET, SOCK_STREAM, 0],
    ['recv', 's', 1, MSG_OOB],
    ['atmark', 's'],
    ['bind', 's', LO, PORT],
    ['listen', 's', 1],
    ['recv', 's', 1, MSG_OOB],
    ['atmark', 's'],
    ['socket', 'u', AF_INET, c.SOCK_DGRAM, 0],
    ['atmark', 'u'],
    ['atmark', 'nobody'],
  ),
  one('none', ...connected, takes, ['send', 'c', 'abc'], takes, ...looks),
  one(
    'out of line: a read stops before the mark, the next one leaves the octet out',
    ...connected,
    ['send', 'c', 'abc'],
    ['send', 'c', '!', MSG_OOB],
    ['send', 'c', 'def'],
    ...looks,
    ['recv', 'a', 1, MSG_OOB | MSG_PEEK],
    takes,
    takes,
    ...looks,
    reads,
    ...looks,
    ['recv', 'a', 9, MSG_PEEK],
    ...looks,
    reads,
    ...looks,
    takes,
    reads,
  ),
  one(
    'in line: a read stops before the mark, the next one begins with it',
    ...connected,
    inline(1),
    ['send', 'c', 'abc'],
    ['send', 'c', '!', MSG_OOB],
    ['send', 'c', 'def'],
    ...looks,
    takes,
    ['recv', 'a', 9, MSG_PEEK],
    reads,
    ...looks,
    ['recv', 'a', 9, MSG_PEEK],
    reads,
    ...looks,
    takes,
  ),
  one(
    'the last octet of several',
    ...connected,
    ['send', 'c', 'abc!', MSG_OOB],
    ...looks,
    takes,
    reads,
    ...looks,
    reads,
  ),
  one('nothing but the octet', ...connected, ['send', 'c', '!', MSG_OOB], ...looks, reads, ...looks, takes),
  one(
    'taken before anything was read',
    ...connected,
    ['send', 'c', '!', MSG_OOB],
    takes,
    ...looks,
    reads,
    ...looks,
    ['send', 'c', 'ab'],
    ...looks,
    reads,
  ),
  one(
    'a size of 0, and MSG_TRUNC',
    ...connected,
    ['send', 'c', '!', MSG_OOB],
    ['recv', 'a', 0, MSG_OOB],
    takes,
    ['send', 'c', '?', MSG_OOB],
    ['recv', 'a', 5, MSG_OOB | MSG_TRUNC],
    takes,
  ),
  one(
    'a second one before the first is read',
    ...connected,
    ['send', 'c', 'a!', MSG_OOB],
    ['send', 'c', 'b?', MSG_OOB],
    ...looks,
    takes,
    takes,
    reads,
    ...looks,
    reads,
    reads,
  ),
  one(
    'a second one when the program has come to the first',
    ...connected,
    ['send', 'c', 'a!', MSG_OOB],
    reads,
    ...looks,
    ['send', 'c', 'b?', MSG_OOB],
    ...looks,
    reads,
    ...looks,
    takes,
    reads,
    ['send', 'c', 'c'],
    reads,
  ),
  one(
    'a second one when the first was taken and the program stands at it',
    ...connected,
    ['send', 'c', 'a!', MSG_OOB],
    takes,
    reads,
    ['send', 'c', 'b?', MSG_OOB],
    ...looks,
    reads,
    takes,
    ...looks,
    reads,
  ),
  one(
    'taken, then in line',
    ...connected,
    ['send', 'c', 'a!b', MSG_OOB],
    takes,
    inline(1),
    ...looks,
    takes,
    reads,
    reads,
  ),
  one(
    'in line, then not',
    ...connected,
    inline(1),
    ['send', 'c', 'a!', MSG_OOB],
    inline(0),
    ...looks,
    takes,
    reads,
    reads,
  ),
  one(
    'with a FIN',
    ...connected,
    ['send', 'c', 'a!', MSG_OOB],
    ['shutdown', 'c', c.SHUT_WR],
    ...looks,
    reads,
    ...looks,
    takes,
    takes,
    reads,
    ...looks,
  ),
  one(
    'with a FIN, never taken',
    ...connected,
    ['send', 'c', 'a!', MSG_OOB],
    ['close', 'c'],
    reads,
    reads,
    ...looks,
    takes,
  ),
  one(
    'with a reset',
    ...connected,
    ['setsockopt', 'c', SOL_SOCKET, c.SO_LINGER, 1, 0],
    ['send', 'c', 'a!', MSG_OOB],
    ['close', 'c'],
    ...looks,
    takes,
    reads,
    ['getsockopt', 'a', SOL_SOCKET, c.SO_ERROR],
  ),
  one(
    'both ways',
    ...connected,
    ['send', 'c', '!', MSG_OOB],
    ['send', 'a', '?', MSG_OOB],
    takes,
    ['recv', 'c', 1, MSG_OOB],
    ['poll', 'c'],
    ['poll', 'a'],
  ),
  one(
    "the listener's option is inherited",
    ['socket', 'l', AF_INET, SOCK_STREAM, 0],
    ['setsockopt', 'l', SOL_SOCKET, SO_OOBINLINE, 1],
    ...connected.slice(1),
    ['send', 'c', 'a!', MSG_OOB],
    takes,
    reads,
    reads,
  ),
];

/** Sequences drawn at random; the seed makes them the same each time. */
function randomCases(count: number, seed: number): Case[] {
  const random = new SeededRandom(seed);
  const pick = <T>(items: readonly T[]): T => items[randomBelow(random, items.length)]!;
  let letter = 0;
  const text = (): string =>
    Array.from({ length: pick([1, 1, 2, 3]) }, () => String.fromCharCode(97 + (letter++ % 26))).join('');
  const draw = (): Step =>
    pick<() => Step>([
      () => ['send', 'c', text()],
      () => ['send', 'c', text(), MSG_OOB],
      () => ['recv', 'a', pick([1, 2, 9])],
      () => ['recv', 'a', pick([1, 2, 9])],
      () => ['recv', 'a', pick([1, 3, 9]), MSG_PEEK],
      () => ['recv', 'a', 1, pick([MSG_OOB, MSG_OOB, MSG_OOB | MSG_PEEK])],
      () => ['atmark', 'a'],
      () => ['poll', 'a'],
      () => inline(pick([0, 0, 1])),
    ])();
  return Array.from({ length: count }, (_, index) =>
    one(`random sequence ${index}`, ...connected, ...Array.from({ length: 25 }, draw)),
  );
}

export const CASES: readonly Case[] = [...cases, ...randomCases(60, 6093)];
