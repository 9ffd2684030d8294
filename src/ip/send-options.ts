/**
 * IPv4 options that this host sends, answers and records into: IP_OPTIONS of ip(7), Record Route and Timestamp. RFC 791 §3.1,
 * RFC 1122 §3.2.1.8, §3.2.2.6.
 *
 * What a program sets is a template, which each datagram takes along filled in. Not here: source routes. Differs: a host must be able
 * to send them (RFC 1122 §3.2.1.8 (c)), and Linux does; what comes with one Linux drops unless it is told otherwise, as others do.
 */
import { getU32, setU32 } from '../core/bytes.ts';
import { MS } from '../core/time.ts';
import type { Micros } from '../core/time.ts';
import { ipv4 } from './address.ts';
import type { IpAddress } from './address.ts';
import { IpOption, OptionVerdict, TimestampFlag, judgeOptions, optionLength } from './ipv4-options.ts';
import { IPV4_HEADER_LENGTH, IPV4_MAX_HEADER_LENGTH } from './ipv4-wire.ts';

/** No options, as what has none holds them. */
export const NO_OPTIONS: Uint8Array = new Uint8Array(0);

/** Octets of options at most. */
export const MAX_OPTIONS = IPV4_MAX_HEADER_LENGTH - IPV4_HEADER_LENGTH;

/** Types from here on are copied into every fragment. RFC 791 §3.1. */
const COPIED = 0x80;
/** Commercial IP Security (CIPSO), for which Linux wants labels set up, and Router Alert (RFC 2113). */
const CIPSO = 134;
const ROUTER_ALERT = 148;
const ROUTER_ALERT_LENGTH = 4;
/** A timestamp that does not count from midnight UT has this bit: the core has no time of day. RFC 791 §3.1. */
const NON_STANDARD = 0x8000_0000;

/**
 * The template that a program's octets make, padded to a multiple of four, places for records cleared as Linux shows them; undefined
 * when they are malformed or cannot be sent.
 */
export function composeOptions(octets: Uint8Array): Uint8Array | undefined {
  if (octets.length > MAX_OPTIONS) return undefined;
  const header = new Uint8Array(IPV4_HEADER_LENGTH + ((octets.length + 3) & ~3));
  header.set(octets, IPV4_HEADER_LENGTH);
  if (judgeOptions(header, 0, header.length) !== OptionVerdict.Fine) return undefined;
  const template = header.subarray(IPV4_HEADER_LENGTH);
  const last = walk(template, (type, at, length) => {
    if (type === IpOption.RecordRoute || type === IpOption.Timestamp) clearNext(template, at, length);
  });
  const refused: number[] = [];
  walk(template, (type, _at, length) => {
    const isRoute = type === IpOption.LooseSourceRoute || type === IpOption.StrictSourceRoute;
    if (isRoute || type === CIPSO || (type === ROUTER_ALERT && length < ROUTER_ALERT_LENGTH)) refused.push(type);
  });
  template.fill(IpOption.End, last);
  return refused.length > 0 ? undefined : template;
}

/**
 * Enters this host into Record Route and Timestamp, as far as there is room.
 * @param isOwn whether an address that a Timestamp option asks about is this host's
 * @param full what becomes of a Timestamp that is full: its overflow count rises, but not with who sends it
 */
export function recordInto(
  options: Uint8Array,
  address: IpAddress,
  isOwn: (address: IpAddress) => boolean,
  full: 'count' | 'leave',
  now: Micros,
): void {
  walk(options, (type, at, length) => {
    const pointer = options[at + 2]!;
    if (type === IpOption.RecordRoute && pointer <= length) {
      setU32(options, at + pointer - 1, address);
      options[at + 2] = pointer + 4;
    } else if (type === IpOption.Timestamp) {
      if (pointer <= length) stamp(options, at, address, isOwn, now);
      else if (full === 'count' && flagOf(options, at) !== TimestampFlag.Prespecified) options[at + 3]! += 0x10;
    }
  });
}

/** What an answer takes along: Record Route, then Timestamp, as they came. 1122-3.2.2.6-h; Linux ip_options_echo. */
export function echoOptions(received: Uint8Array | undefined): Uint8Array {
  if (received === undefined) return NO_OPTIONS;
  const found: number[] = [];
  for (const wanted of [IpOption.RecordRoute, IpOption.Timestamp]) {
    walk(received, (type, at, length) => {
      if (type === wanted) found.push(...received.subarray(at, at + length));
    });
  }
  return padded(found);
}

/** The options of fragments after the first: those that are to be copied. RFC 791 §3.1, 791-3.2-b. Linux leaves padding for the others. */
export function optionsOfFragments(options: Uint8Array): Uint8Array {
  if (options.length === 0) return options;
  const copied: number[] = [];
  walk(options, (type, at, length) => {
    if (type >= COPIED) copied.push(...options.subarray(at, at + length));
  });
  return padded(copied);
}

/** Option octets, with the list's end on a 32-bit boundary. */
function padded(octets: number[]): Uint8Array {
  while (octets.length % 4 !== 0) octets.push(IpOption.End);
  return Uint8Array.from(octets);
}

/** Calls `visit` for each option but padding; returns where the list ends. The options are well-formed. */
function walk(options: Uint8Array, visit: (type: number, at: number, length: number) => void): number {
  for (let at = 0; at < options.length;) {
    const type = options[at]!;
    if (type === IpOption.End) return at;
    const length = optionLength(options, at, options.length);
    if (type !== IpOption.NoOperation) visit(type, at, length);
    at += length;
  }
  return options.length;
}

const flagOf = (options: Uint8Array, at: number): number => options[at + 3]! & 0xf;

/** Empties the place that the next record goes to. */
function clearNext(options: Uint8Array, at: number, length: number): void {
  const pointer = options[at + 2]!;
  if (pointer > length) return;
  const flag = flagOf(options, at);
  if (options[at] === IpOption.RecordRoute || flag === TimestampFlag.TimeOnly)
    options.fill(0, at + pointer - 1, at + pointer + 3);
  else if (flag === TimestampFlag.WithAddress) options.fill(0, at + pointer - 1, at + pointer + 7);
}

function stamp(
  options: Uint8Array,
  at: number,
  address: IpAddress,
  isOwn: (address: IpAddress) => boolean,
  now: Micros,
): void {
  const time = (NON_STANDARD | Math.floor(now / MS)) >>> 0;
  const pointer = options[at + 2]!;
  const next = at + pointer - 1;
  switch (flagOf(options, at)) {
    case TimestampFlag.TimeOnly:
      setU32(options, next, time);
      options[at + 2] = pointer + 4;
      break;
    case TimestampFlag.Prespecified:
      if (!isOwn(ipv4(getU32(options, next)))) break;
      setU32(options, next + 4, time);
      options[at + 2] = pointer + 8;
      break;
    case TimestampFlag.WithAddress:
      setU32(options, next, address);
      setU32(options, next + 4, time);
      options[at + 2] = pointer + 8;
  }
}
