/**
 * Steps that the files on epoll have in common. The set is e.
 */
import * as c from '../../../src/socket/constants.ts';
import type { Json, Step } from './steps.ts';

const { EPOLLIN, EPOLLOUT, EPOLLET, EPOLLPRI, EPOLLRDHUP } = c;

export const add = (name: Json, events: Json = EPOLLIN, label = 1, set: Json = 'e'): Step => [
  'epoll_ctl',
  set,
  c.EPOLL_CTL_ADD,
  name,
  events,
  label,
];
export const mod = (name: Json, events: Json, label = 1): Step => [
  'epoll_ctl',
  'e',
  c.EPOLL_CTL_MOD,
  name,
  events,
  label,
];
export const del = (name: Json, events: Json = 0): Step => ['epoll_ctl', 'e', c.EPOLL_CTL_DEL, name, events];
export const waits: Step = ['epoll_wait', 'e', 12];

/** What entries are made of that are to be told of different things. */
const MASKS = [EPOLLIN, EPOLLOUT, EPOLLIN | EPOLLOUT, EPOLLRDHUP, EPOLLPRI, 0, c.POLLRDNORM, c.POLLWRBAND];

/** Edge-triggered entries of a file by descriptors of its own, and what they tell at first. Their labels count from `first`. */
export const watched = (name: string, first = 1): Step[] => [
  ...MASKS.flatMap((mask, i): Step[] => [['dup', name, `${name}${i}`], add(`${name}${i}`, mask | EPOLLET, first + i)]),
  waits,
];

/** The steps, and after each what it has told. */
export const told = (...steps: Step[]): Step[] => steps.flatMap((step) => [step, waits]);
