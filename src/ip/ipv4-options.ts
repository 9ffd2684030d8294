/**
 * IPv4 options on the way in: a walk that no length can lead astray, and the judgement that RFC 1122 §3.2.1.8 asks of a host.
 *
 * RFC 791 §3.1. Options stay where they are, between the fixed header and the transport header, for whoever above wants
 * to read them (`frame.network`). Sending options, and recording into them, is send-options.ts.
 */

/** Option types (copied flag, class and number together). RFC 791 §3.1. */
export const IpOption = {
  End: 0,
  NoOperation: 1,
  RecordRoute: 7,
  Timestamp: 68,
  Security: 130,
  LooseSourceRoute: 131,
  StreamId: 136,
  StrictSourceRoute: 137,
} as const;

/** Flags of a Timestamp option. RFC 791 §3.1. */
export const TimestampFlag = { TimeOnly: 0, WithAddress: 1, Prespecified: 3 } as const;

/** Least legal pointer into route data, and into a Timestamp option. RFC 791 §3.1. */
const ROUTE_POINTER_MIN = 4;
const TIMESTAMP_POINTER_MIN = 5;

/** What the options of a header ask of this host. */
export const OptionVerdict = {
  /** Nothing, or nothing that is understood: unknown options are ignored. */
  Fine: 0,
  /** A source route has not been followed to its end: this host is a hop, not the destination. */
  SourceRoute: -1,
  // Values above 0: the octet of the header, counted from its start, that is wrong.
} as const;

/** Octets of the option at `at`, or 0 when its length is impossible within `last`. */
export function optionLength(bytes: Uint8Array, at: number, last: number): number {
  const type = bytes[at]!;
  if (type === IpOption.End || type === IpOption.NoOperation) return 1;
  if (at + 1 >= last) return 0;
  const length = bytes[at + 1]!;
  return length >= 2 && at + length <= last ? length : 0;
}

/**
 * Judges the options of a header of `headerLength` octets at `at`: Fine, SourceRoute, or (above 0) the offset from the
 * header's start of the octet in error, which is the pointer of a Parameter Problem (RFC 792).
 */
export function judgeOptions(bytes: Uint8Array, at: number, headerLength: number): number {
  const last = at + headerLength;
  let verdict: number = OptionVerdict.Fine;
  let routes = 0;
  let records = 0;
  let timestamps = 0;
  for (let i = at + 20; i < last;) {
    const type = bytes[i]!;
    if (type === IpOption.End) break;
    const length = optionLength(bytes, i, last);
    if (length === 0) return Math.min(i + 1, last - 1) - at;
    if (type === IpOption.LooseSourceRoute || type === IpOption.StrictSourceRoute) {
      // It appears at most once in a datagram. RFC 791 §3.1, RFC 1122 §3.2.1.8 (c).
      if (++routes > 1) return i - at;
      const wrong = judgeRoute(bytes, i, length);
      if (wrong > 0) return i + wrong - at;
      if (bytes[i + 2]! <= length) verdict = OptionVerdict.SourceRoute;
    } else if (type === IpOption.RecordRoute) {
      // Like a Timestamp it appears at most once in a datagram. RFC 791 §3.1.
      if (++records > 1) return i - at;
      const wrong = judgeRoute(bytes, i, length);
      if (wrong > 0) return i + wrong - at;
    } else if (type === IpOption.Timestamp) {
      if (++timestamps > 1) return i - at;
      const wrong = judgeTimestamp(bytes, i, length);
      if (wrong > 0) return i + wrong - at;
    }
    // Any other type, Stream Identifier and Security among them, is silently ignored. RFC 1122 §3.2.1.8, 1122-3.2.1.8b-b.
    i += length;
  }
  return verdict;
}

/** 0, or the place within a route option of the octet in error. */
function judgeRoute(bytes: Uint8Array, at: number, length: number): number {
  if (length < 3) return 1;
  const pointer = bytes[at + 2]!;
  if (pointer < ROUTE_POINTER_MIN) return 2;
  // Some room but not enough for a full address: the datagram is in error. RFC 791 §3.1, Record Route.
  if (pointer <= length && pointer + 3 > length) return 2;
  return 0;
}

/** 0, or the place within a Timestamp option of the octet in error. RFC 791 §3.1, Internet Timestamp. */
function judgeTimestamp(bytes: Uint8Array, at: number, length: number): number {
  if (length < 4) return 1;
  const pointer = bytes[at + 2]!;
  if (pointer < TIMESTAMP_POINTER_MIN) return 2;
  const flag = bytes[at + 3]! & 0xf;
  // The area is full, and there have been more hosts than can be counted.
  if (pointer > length) return flag !== TimestampFlag.Prespecified && bytes[at + 3]! >>> 4 === 15 ? 3 : 0;
  const withAddress = flag === TimestampFlag.WithAddress || flag === TimestampFlag.Prespecified;
  return pointer + (withAddress ? 7 : 3) > length ? 2 : 0;
}
