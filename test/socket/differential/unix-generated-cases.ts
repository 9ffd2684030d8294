/**
 * AF_UNIX: sequences of calls that nobody has thought of, each from its seed.
 */
import { SeededRandom, randomBelow } from '../../../src/core/random.ts';
import * as c from '../../../src/socket/constants.ts';
import { one } from './steps.ts';
import type { Case, Json, Step } from './steps.ts';
import { TYPES, at, pair, unix, unspec } from './unix-steps.ts';

const SEQUENCES = 25;
const LENGTH = 60;

const SOCKETS = ['a', 'b', 'c', 'd'];
/** A pair of which descriptors are sent: not the others, as circles of sockets are collected at different times. */
const PASSED = ['e', 'f'] as const;
const PATHS = ['p', 'q', '\0x', '\0y'];
const SIZES = [0, 1, 3, 700, 4000, 20_000];
const RECEIVE_FLAGS = [0, 0, 0, c.MSG_PEEK, c.MSG_TRUNC, c.MSG_PEEK | c.MSG_TRUNC, c.MSG_OOB, c.MSG_WAITALL];
const SEND_FLAGS = [0, 0, 0, 0, c.MSG_OOB, c.MSG_EOR];

type Kinds = readonly ((name: string) => Step)[];

/** Makes steps of one type of socket; they know nothing of what the steps before have led to. */
class Maker {
  readonly #random: SeededRandom;
  readonly #type: number;

  constructor(seed: number, type: number) {
    this.#random = new SeededRandom(seed);
    this.#type = type;
  }

  /** A pair, and a listener with its client or two bound sockets; then whatever comes. */
  steps(): Step[] {
    const [p, q] = PATHS;
    return [
      pair(this.#type),
      pair(c.SOCK_STREAM, ...PASSED),
      unix('c', this.#type),
      ['bind', 'c', at(p!)],
      ['listen', 'c', 1],
      unix('d', this.#type),
      ['bind', 'd', at(q!)],
      ['connect', 'd', at(p!)],
      ...Array.from({ length: LENGTH }, () => this.#step()),
    ];
  }

  #one<T>(choices: readonly T[]): T {
    return choices[randomBelow(this.#random, choices.length)]!;
  }

  /** Another type of socket now and then. */
  #anyType(): number {
    return randomBelow(this.#random, 8) === 0 ? this.#one(TYPES)[1] : this.#type;
  }

  #step(): Step {
    const kinds = this.#one([
      this.#making,
      this.#sending,
      this.#sending,
      this.#receiving,
      this.#receiving,
      this.#asking,
    ]);
    return this.#one(kinds)(this.#one(SOCKETS));
  }

  readonly #making: Kinds = [
    (name) => unix(name, this.#anyType()),
    (name) => ['socketpair', name, this.#one(SOCKETS), c.AF_UNIX, this.#anyType() | c.SOCK_NONBLOCK, 0],
    (name) => ['bind', name, at(this.#one(PATHS))],
    (name) => ['bind', name, at(this.#one(PATHS))],
    (name) => ['connect', name, at(this.#one(PATHS))],
    (name) => ['connect', name, at(this.#one(PATHS))],
    (name) => ['connect', name, at(this.#one(PATHS))],
    (name) => ['connect', name, unspec],
    (name) => ['listen', name, randomBelow(this.#random, 2)],
    (name) => ['accept4', name, this.#one(SOCKETS), c.SOCK_NONBLOCK],
    (name) => ['accept4', name, this.#one(SOCKETS), c.SOCK_NONBLOCK],
    (name) => ['shutdown', name, randomBelow(this.#random, 3)],
    // Closes by dup2, so that the number stays in use: a name must not come to mean another socket.
    (name) => ['dup2', this.#one(SOCKETS), name],
    (name) => ['dup2', this.#one(SOCKETS), name],
    () => ['dup2', 'f', 'e'],
    () => ['unlink', this.#one(PATHS)],
  ];

  readonly #sending: Kinds = [
    (name) => ['send', name, { size: this.#one(SIZES) }, this.#one(SEND_FLAGS)],
    (name) => ['send', name, { size: this.#one(SIZES) }, this.#one(SEND_FLAGS)],
    (name) => ['send', name, 'abc', this.#one(SEND_FLAGS)],
    (name) => ['send', name, 'defg', this.#one(SEND_FLAGS)],
    (name) => ['sendto', name, 'hij', 0, at(this.#one(PATHS))],
    (name) => ['sendmsg', name, { iov: ['kl'], control: [this.#ancillary()] }],
    (name) => ['sendmsg', name, { iov: ['mno'], control: [this.#ancillary()] }, this.#one(SEND_FLAGS)],
  ];

  readonly #receiving: Kinds = [
    (name) => ['recv', name, this.#one([1, 2, 9]), this.#one(RECEIVE_FLAGS)],
    (name) => ['recvfrom', name, this.#one([1, 2, 9]), this.#one(RECEIVE_FLAGS)],
    (name) => ['recv', name, this.#one([1, 5, 30_000]), this.#one(RECEIVE_FLAGS)],
    (name) => ['recvmsg', name, { iov: [5], control: this.#one([0, 15, 52, 100]) }, this.#one(RECEIVE_FLAGS)],
    (name) => ['recvmsg', name, { iov: [2, 2], control: 100 }, this.#one(RECEIVE_FLAGS)],
  ];

  readonly #asking: Kinds = [
    (name) => ['poll', name],
    (name) => ['poll', name],
    () => ['poll', 'f'],
    (name) => ['atmark', name],
    (name) => ['ioctl', name, c.SIOCOUTQ],
    (name) => ['getsockopt', name, c.SOL_SOCKET, c.SO_ERROR],
    (name) => ['setsockopt', name, c.SOL_SOCKET, c.SO_SNDBUF, this.#one([1, 5000, 100_000])],
    (name) => ['setsockopt', name, c.SOL_SOCKET, this.#one([c.SO_PASSCRED, c.SO_OOBINLINE]), this.#one([0, 1])],
    (name) => ['getsockname', name],
    (name) => ['getpeername', name],
  ];

  #ancillary(): Json {
    return this.#one<Json>([
      ['SCM_RIGHTS', 'e'],
      ['SCM_RIGHTS', 'e', 'f'],
      ['SCM_CREDENTIALS', 'pid', 1, 2],
    ]);
  }
}

export const CASES: readonly Case[] = TYPES.flatMap(([label, type]) =>
  Array.from({ length: SEQUENCES }, (_, seed) =>
    one(`unix, ${label}: generated sequence ${seed + 1}`, ...new Maker(seed + 1, type).steps()),
  ),
);
