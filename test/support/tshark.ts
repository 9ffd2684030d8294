/**
 * A capture in Wireshark's eyes: every packet dissected by tshark with checksum validation on, and what it finds wrong.
 */
import { spawn } from 'node:child_process';

/** What tshark says about a packet, e.g. 'Warning: Previous segment(s) not captured (common at capture start)'. */
export interface Complaint {
  readonly packet: number;
  readonly text: string;
  /** Octets of TCP text in the packet. */
  readonly octets: number;
}

export interface Examination {
  readonly packets: number;
  /** Packets whose checksum was found right, by protocol: shows that there was something to validate. */
  readonly verified: Readonly<Record<'ip' | 'icmp' | 'tcp' | 'udp' | 'igmp', number>>;
  readonly complaints: readonly Complaint[];
}

/**
 * Payloads are not looked into: they are random octets, which the dissector of whatever protocol usually has that port, or
 * believes to recognize them, would find malformed.
 */
const OPAQUE = ['-d', 'tcp.port==1-65535,data', '-d', 'udp.port==1-65535,data'];

const FIELDS = [
  'frame.number',
  'frame.protocols',
  'ip.checksum.status',
  'icmp.checksum.status',
  'tcp.checksum.status',
  'udp.checksum.status',
  '_ws.expert.severity',
  '_ws.expert.message',
  '_ws.malformed',
  'frame.packet_flags_direction',
  'tcp.len',
  'tcp.flags',
  'igmp.checksum.status',
] as const;

const VALIDATION = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum'];

/** Between the values of a field that occurs more than once; the comments that this project writes have none. */
const SEPARATOR = '|';

const BAD = 0;
const GOOD = 1;

/**
 * Linux makes a TCP checksum of zero 0xffff when it computes it in software (skb_checksum_help), as if it were UDP: one packet in
 * 65,536 of a device without offload. Such packets that came in are not held against this host.
 */
const MANGLED_ZERO = 'TCP Checksum 0xffff instead of 0x0000';
/** Flags of a reset that answers a segment for a connection that is over; one that ends a connection has ACK too. */
const BARE_RESET = '0x0004';
/** Direction of a packet in its pcapng flags. */
const INBOUND = 1;

/**
 * Checksums inside the quote of an ICMP error are not judged: a datagram that crossed an offloading device has a partial one,
 * and both Linux and this host quote what they got.
 */
const QUOTE = ':icmp:ip:';

/** Expert severities, epan/proto.h of Wireshark. */
const SEVERITIES: ReadonlyMap<number, string> = new Map([
  [0x400000, 'Note'],
  [0x600000, 'Warning'],
  [0x800000, 'Error'],
]);

/** Runs tshark over a capture file. Throws when it cannot read the file to its end. */
export async function examine(file: string): Promise<Examination> {
  const options = VALIDATION.flatMap((name) => ['-o', `${name}:TRUE`]);
  const fields = FIELDS.flatMap((name) => ['-e', name]);
  const separators = ['-E', 'separator=/t', '-E', `aggregator=${SEPARATOR}`, '-E', 'occurrence=a'];
  const lines = await tshark(['-n', '-r', file, ...OPAQUE, ...options, '-T', 'fields', ...separators, ...fields]);
  const verified = { ip: 0, icmp: 0, tcp: 0, udp: 0, igmp: 0 };
  const complaints: Complaint[] = [];
  for (const line of lines) {
    const columns = line.split('\t');
    const isInbound = Number(columns[9]) === INBOUND;
    const complain = (text: string): void =>
      void complaints.push({ packet: Number(columns[0]), text, octets: Number.parseInt(columns[10]!) || 0 });
    const isQuote = `${columns[1]}:`.includes(QUOTE);
    if (isInbound && columns[7]!.includes(MANGLED_ZERO)) continue;
    const [ip, icmp, tcp, udp] = columns.slice(2, 6).map(statuses) as [number[], number[], number[], number[]];
    const own = isQuote
      ? { ip: ip.slice(0, 1), icmp: icmp.slice(0, 1) }
      : { ip, icmp, tcp, udp, igmp: statuses(columns[12]!) };
    for (const [name, found] of Object.entries(own)) {
      if (found.includes(BAD)) complain(`Error: bad ${name} checksum`);
      if (found[0] === GOOD) verified[name as keyof typeof verified]++;
    }
    if (columns[8] !== '') complain('Error: malformed');
    const messages = columns[7]!.split(SEPARATOR);
    columns[6]!.split(SEPARATOR).forEach((severity, index) => {
      const name = SEVERITIES.get(Number(severity));
      const text = messages[index] ?? '';
      const message = isInbound ? `${text}${columns[11] === BARE_RESET ? ', alone' : inboundMark(text)}` : text;
      if (name !== undefined && !(isQuote && message.startsWith('Bad checksum'))) complain(`${name}: ${message}`);
    });
  }
  return { packets: lines.length, verified, complaints };
}

/** Tells what the peer has sent out of order from what we have. */
const inboundMark = (text: string): string => (text.endsWith('out-of-order segment') ? ', inbound' : '');

/** The status of each checksum of one kind in a packet, outermost first. */
const statuses = (column: string): number[] =>
  column === '' ? [] : column.split(SEPARATOR).map((text) => (text === '' ? -1 : Number(text)));

function tshark(args: readonly string[]): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn('tshark', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output: string[] = [];
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => void output.push(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output.join('').split('\n').slice(0, -1));
      else reject(new Error(`tshark ended with ${String(code)}: ${errors}`));
    });
  });
}
