/**
 * The forms that addresses, option values and ancillary messages have in the steps of test/socket/differential/steps.ts, read
 * and shown for tapstack. linux_forms.py does the same for the kernel.
 */
import { DEFAULT_CONFIG } from '../../src/core/config.ts';
import { parseMac } from '../../src/ethernet/address.ts';
import { parseAddress } from '../../src/ip/address.ts';
import type { Name, NameOut, PacketAddress, SocketAddress } from '../../src/socket/address.ts';
import * as c from '../../src/socket/constants.ts';
import type {
  ControlMessage,
  Credentials,
  ExtendedError,
  PacketAuxdata,
  PacketInfo,
} from '../../src/socket/message.ts';
import type { OptionInput, OptionValue } from '../../src/socket/options/option.ts';
import type { Form, Json } from '../socket/differential/steps.ts';

export const isForm = (value: Json | undefined): value is Form =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names of interfaces to and from their numbers. */
export interface Interfaces {
  index(name: Json | undefined): number;
  name(index: number): Json;
}

export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

export const numbers = (value: Json | undefined): number[] => (value as readonly number[]).map(Number);

/** The octets of text, of a list, or so many zeros. */
export function octetsOf(data: Json): Uint8Array {
  if (typeof data === 'string') return new TextEncoder().encode(data);
  if (isForm(data)) return new Uint8Array(Number(data['size']));
  return Uint8Array.from(numbers(data));
}

// --- Addresses.

/** The address that begins at `args[0]`. */
export function takeAddress(args: readonly Json[], interfaces: Interfaces): Name {
  const [form, port, family] = args;
  if (typeof form === 'string') return inetRecord(form, Number(port), family);
  if (!isForm(form)) return null;
  if (form['octets'] !== undefined) return withLength(Uint8Array.from(numbers(form['octets'])), form['length']);
  const record = addressRecord(form, interfaces);
  return form['length'] === undefined ? record : withLength(sockaddr(record), form['length']);
}

const inetRecord = (address: string, port: number, family: Json | undefined): SocketAddress => ({
  address,
  port,
  family: Number(family ?? c.AF_INET),
});

function addressRecord(form: Form, interfaces: Interfaces): SocketAddress {
  if (form['inet'] !== undefined) {
    const [address, port] = form['inet'] as readonly Json[];
    return inetRecord(textOf(address), Number(port), form['family']);
  }
  if (form['unix'] !== undefined) return { family: c.AF_UNIX, path: textOf(form['unix']) };
  const packet = form['packet'] as Form;
  return {
    family: c.AF_PACKET,
    protocol: Number(packet['protocol'] ?? 0),
    interfaceIndex: interfaces.index(packet['interface'] ?? 0),
    hardwareAddress: textOf(packet['hardware']),
  };
}

function withLength(octets: Uint8Array, length: Json | undefined): Uint8Array {
  const sized = new Uint8Array(Number(length ?? octets.length));
  sized.set(octets.subarray(0, sized.length));
  return sized;
}

/** The octets of struct sockaddr_in, sockaddr_un, sockaddr_ll. */
function sockaddr(address: SocketAddress): Uint8Array {
  if ('path' in address) {
    const path = new TextEncoder().encode(address.path);
    const isName = path.length > 0 && path[0] !== 0;
    return Uint8Array.from([c.AF_UNIX, 0, ...path, ...(isName ? [0] : [])]);
  }
  const octets = new Uint8Array('address' in address ? 16 : 20);
  const view = new DataView(octets.buffer);
  view.setUint16(0, address.family ?? c.AF_INET, true);
  if ('address' in address) {
    view.setUint16(2, address.port);
    view.setUint32(4, parseAddress(address.address)!);
  } else {
    writePacketAddress(view, address);
  }
  return octets;
}

function writePacketAddress(view: DataView, { protocol, interfaceIndex, hardwareAddress = '' }: PacketAddress): void {
  const hardware = parseMac(hardwareAddress);
  view.setUint16(2, protocol);
  view.setInt32(4, interfaceIndex, true);
  if (hardware === undefined) return;
  view.setUint8(11, 6);
  view.setUint16(12, Math.floor(hardware / 0x1_0000_0000));
  view.setUint32(14, hardware >>> 0);
}

/** A record for a call to fill in; `shownAddress` tells by the family whether it did, and which form it is. */
export const blankName = (): NameOut => ({ family: -1 });

/** What stands in the room for a name before a call. */
const BLANK = 0xee;

/** Room for a name: so many octets, NULL with a length, or a NULL length. Without any, a record. */
export function nameRoom(room: Json | undefined): NameOut {
  if (room === undefined) return blankName();
  if (isForm(room)) return { octets: null, length: Number(room['null']) };
  const octets = new Uint8Array(Math.max(0, Number(room))).fill(BLANK);
  return { octets, length: room === null ? null : Number(room) };
}

export function shownAddress(name: NameOut, interfaces: Interfaces): Json[] {
  const { octets, length = null } = name;
  if (octets !== undefined) return [{ room: octets === null ? null : [...octets], length }];
  switch (name.family) {
    case c.AF_INET:
      return [name.address!, name.port!];
    case c.AF_UNIX:
      return [{ unix: name.path! }];
    case c.AF_PACKET: {
      const { protocol = 0, interfaceIndex = 0, hardwareAddress = '', hardwareType = 0, packetType = 0 } = name;
      const about = { hardware: hardwareAddress, hardwareType, packetType };
      return [{ packet: { protocol, interface: interfaces.name(interfaceIndex), ...about } }];
    }
    default:
      return [];
  }
}

// --- Option values.

export function optionInput(level: number, name: number, values: readonly Json[], interfaces: Interfaces): OptionInput {
  const [form] = values;
  if (form === null) return null;
  if (isForm(form)) return formInput(form, interfaces);
  // A struct linger that is written as its two ints; one alone is too short.
  if (level === c.SOL_SOCKET && name === c.SO_LINGER && values.length === 2) {
    return { onoff: form !== 0, linger: Number(values[1]) };
  }
  return values.length === 1 && !(level === c.SOL_SOCKET && name === c.SO_LINGER) ? Number(form) : ints(values);
}

function formInput(form: Form, interfaces: Interfaces): OptionInput {
  const values = Object.values(form)[0]!;
  const list = Array.isArray(values) ? (values as readonly Json[]) : [];
  switch (Object.keys(form)[0]) {
    case 'null':
      return null;
    case 'octets':
      return Uint8Array.from(list.map(Number));
    case 'text':
      return textOf(values);
    case 'linger':
      return { onoff: list[0] !== 0, linger: Number(list[1]) };
    case 'timeval':
      return { sec: Number(list[0]), usec: Number(list[1]) };
    case 'mreq':
      return { multiaddr: textOf(list[0]), address: textOf(list[1]) };
    case 'mreqn':
      return { multiaddr: textOf(list[0]), address: textOf(list[1]), ifindex: interfaces.index(list[2]) };
    case 'packetMreq':
      return { ifindex: interfaces.index(list[0]), type: Number(list[1]), address: textOf(list[2]) };
    default:
      throw new Error(`no such form of an option value: ${JSON.stringify(form)}`);
  }
}

/** The octets of ints as C has them. */
function ints(values: readonly Json[]): Uint8Array {
  const octets = new Uint8Array(4 * values.length);
  const view = new DataView(octets.buffer);
  values.forEach((value, i) => {
    view.setInt32(4 * i, Number(value), true);
  });
  return octets;
}

/** The room of {room: n}, undefined for other forms. */
export const roomOf = (form: Json | undefined): number | undefined => (isForm(form) ? Number(form['room']) : undefined);

export function shownOption(value: OptionValue, form: Json | undefined): Json[] {
  // An unsigned one is read as the int that its octets are.
  if (typeof value === 'number') return form === 'octets' ? [...ints([value])] : [value | 0];
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [...value];
  if ('onoff' in value) return [Number(value.onoff), value.linger];
  if ('sec' in value) return [value.sec, value.usec];
  if ('pid' in value) return [shownPid(value.pid), value.uid, value.gid];
  if ('packets' in value) return [value.packets, value.drops];
  return [value.state];
}

const shownPid = (pid: number): Json => (pid > 0 ? 'pid' : pid);

// --- Ancillary messages.

/** [name, value ...] as a message to send; `fdOf` knows the descriptors of SCM_RIGHTS. */
export function controlMessage(
  message: Json,
  fdOf: (name: Json | undefined) => number,
  interfaces: Interfaces,
): ControlMessage {
  const [name, ...values] = message as readonly Json[];
  const first = Number(values[0]);
  switch (name) {
    case 'IP_TTL':
      return { level: c.IPPROTO_IP, type: c.IP_TTL, data: first };
    case 'IP_TOS':
      return { level: c.IPPROTO_IP, type: c.IP_TOS, data: first };
    case 'IP_PKTINFO': {
      const [interfaceName, specificDestination, destination = '0.0.0.0'] = values.map(String);
      const info = { specificDestination: specificDestination!, destination };
      return {
        level: c.IPPROTO_IP,
        type: c.IP_PKTINFO,
        data: { interfaceIndex: interfaces.index(typeof values[0] === 'number' ? first : interfaceName), ...info },
      };
    }
    case 'IP_RETOPTS':
      return { level: c.IPPROTO_IP, type: c.IP_RETOPTS, data: Uint8Array.from(values.map(Number)) };
    case 'UDP_SEGMENT':
      return { level: c.IPPROTO_UDP, type: c.UDP_SEGMENT, data: first };
    case 'SCM_RIGHTS':
      return { level: c.SOL_SOCKET, type: c.SCM_RIGHTS, data: values.map(fdOf) };
    case 'SCM_CREDENTIALS': {
      const [pid, uid, gid] = values;
      const data: Credentials = {
        pid: pid === 'pid' ? DEFAULT_CONFIG.socket.processId : Number(pid),
        uid: Number(uid),
        gid: Number(gid),
      };
      return { level: c.SOL_SOCKET, type: c.SCM_CREDENTIALS, data };
    }
    default:
      // What the types do not allow, a program without types can still send.
      return { level: first, type: values[1], data: Uint8Array.from(numbers(values[2])) } as unknown as ControlMessage;
  }
}

/** A message that came; `takeFds` gives the descriptors of SCM_RIGHTS names. */
export function shownControl(
  { level, type, data }: ControlMessage,
  takeFds: (fds: readonly number[]) => number,
  interfaces: Interfaces,
): Json {
  switch (level * 1000 + type) {
    case c.IP_TOS:
      return ['IP_TOS', Number(data)];
    case c.IP_TTL:
      return ['IP_TTL', Number(data)];
    case c.IP_PKTINFO: {
      const { interfaceIndex, specificDestination, destination } = data as PacketInfo;
      return ['IP_PKTINFO', interfaces.name(interfaceIndex), specificDestination, destination];
    }
    case c.IP_RECVERR: {
      const { errno, origin, type: kind, code, info, offender } = data as ExtendedError;
      return ['IP_RECVERR', { errno, origin, type: kind, code, info, offender: offender ?? null }];
    }
    case c.IP_RETOPTS:
      return ['IP_RETOPTS', ...(data as Uint8Array)];
    case c.IPPROTO_UDP * 1000 + c.UDP_GRO:
      return ['UDP_GRO', Number(data)];
    case c.SOL_SOCKET * 1000 + c.SO_TIMESTAMP:
      return ['SO_TIMESTAMP'];
    case c.SOL_SOCKET * 1000 + c.SCM_RIGHTS:
      return ['SCM_RIGHTS', takeFds(data as readonly number[])];
    case c.SOL_SOCKET * 1000 + c.SCM_CREDENTIALS: {
      const { pid, uid, gid } = data as Credentials;
      return ['SCM_CREDENTIALS', shownPid(pid), uid, gid];
    }
    case c.SOL_PACKET * 1000 + c.PACKET_AUXDATA: {
      const { status, length, capturedLength, mac, net, vlanTci, vlanTpid } = data as PacketAuxdata;
      return ['PACKET_AUXDATA', status, length, capturedLength, mac, net, vlanTci, vlanTpid];
    }
    default:
      return ['raw', level, type, [...(data as Uint8Array)]];
  }
}
