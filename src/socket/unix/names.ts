/**
 * struct sockaddr_un: read and written. unix(7), "Address format".
 *
 * A name is kept as its octets, one per character: a path without its NUL, an abstract name with the one that it begins with. In
 * the records of programs they are UTF-8; an octet that is not stands as a lone surrogate (U+DC80 to U+DCFF, as in Python's PEP 383),
 * so that a name which was read can be given back.
 */
import { Errno } from '../../core/errno.ts';
import type { Name, NameOut, UnixAddress } from '../address.ts';
import { AF_INET, AF_UNIX } from '../constants.ts';

/** The octets of a name, one per character. */
export type UnixName = string & { readonly brand: 'UnixName' };

/** What a name that says no more than AF_UNIX is read as: autobind for bind, for others EINVAL. */
export const UNNAMED = '' as UnixName;

/** Octets of sun_family and sun_path. */
const FAMILY = 2;
const PATH = 108;
/** Where octets stand that are no UTF-8. */
const SURROGATE = 0xdc00;

export const isAbstract = (name: UnixName): boolean => name.startsWith('\0');

/** The name's octets, UNNAMED, or -EINVAL: another family, or a length that sun_path does not have. */
export function readName(name: Name): UnixName | number {
  if (name === null) return -Errno.EFAULT;
  if (familyOf(name) !== AF_UNIX) return -Errno.EINVAL;
  const octets = name instanceof Uint8Array ? characters(name.subarray(FAMILY)) : encode((name as UnixAddress).path);
  if (octets.length > PATH) return -Errno.EINVAL;
  // A path ends at its NUL, if it has one; in an abstract name NULs mean nothing.
  const end = octets.startsWith('\0') ? -1 : octets.indexOf('\0');
  return (end < 0 ? octets : octets.slice(0, end)) as UnixName;
}

/** The family that a name says; undefined when it is too short for one. */
export function familyOf(name: Exclude<Name, null>): number | undefined {
  if (!(name instanceof Uint8Array)) return name.family ?? AF_INET;
  return name.length < FAMILY ? undefined : name[0]! | (name[1]! << 8);
}

/** @param name undefined for a socket without one */
export function writeName(name: UnixName | undefined, into: NameOut): void {
  into.family = AF_UNIX;
  into.path = name === undefined ? '' : decode(name);
}

/** The octets of text as UTF-8. */
export function encode(text: string): string {
  if (!/[\u0080-\uffff]/.test(text)) return text;
  let octets = '';
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const isOctet = code >= SURROGATE + 0x80 && code <= SURROGATE + 0xff;
    octets += isOctet ? String.fromCharCode(code - SURROGATE) : characters(new TextEncoder().encode(character));
  }
  return octets;
}

function decode(octets: string): string {
  if (!/[\u0080-\u00ff]/.test(octets)) return octets;
  const text = new TextDecoder().decode(Uint8Array.from(octets, (octet) => octet.charCodeAt(0)));
  if (encode(text) === octets) return text;
  return octets.replace(/[\u0080-\u00ff]/g, (octet) => String.fromCharCode(SURROGATE + octet.charCodeAt(0)));
}

const characters = (octets: Uint8Array): string => String.fromCharCode(...octets);
