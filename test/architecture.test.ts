/**
 * The rules about who may import whom and what may occur where, read from the source tree. A breach names the file, the
 * line, the rule and what to do. To change the architecture, change the tables below and ARCHITECTURE.md together.
 */
import { expect } from 'chai';
import { analyse, findCycles, readSources } from './support/sources.ts';
import type { Import, Source } from './support/sources.ts';

/** The parts of the tree, most special first: a file belongs to the first part whose pattern matches its path under src/. */
const PARTS: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['index', /^index\.ts$/],
  ['core', /^core\//],
  // Values that every layer names: no behaviour, so no direction.
  ['address', /^(ip|ethernet)\/address\.ts$/],
  // One file per header format.
  ['wire', /(^|\/)([a-z0-9]+-)*wire\.ts$|^tcp\/options\.ts$|^ip\/(ipv4-)?options\.ts$|^tcp\/seq\.ts$/],
  ['link', /^link\//],
  ['ethernet', /^ethernet\//],
  ['ip', /^ip\//],
  ['icmp', /^icmp\//],
  ['igmp', /^igmp\//],
  ['udp', /^udp\//],
  ['tcp', /^tcp\//],
  ['socket', /^socket\//],
  // What a shell drives: an interface, so that a shell needs no composition root.
  ['surface', /^stack\/surface\.ts$/],
  ['stack', /^stack\//],
  ['inspector', /^inspector\//],
  ['node', /^node\//],
  ['app', /^app\//],
  ['lab', /^lab\//],
  ['cli', /^cli\//],
];

const CORE = ['core', 'address'];
const PROTOCOLS = [...CORE, 'wire', 'ip'];
const SOCKET = [...CORE, 'ip', 'icmp', 'udp', 'tcp', 'socket'];
const STACK = [...SOCKET, 'igmp', 'wire', 'link', 'ethernet', 'stack', 'surface'];

/** What each part may import, besides single files that MAY_ALSO lists; and why. */
const MAY_IMPORT: Readonly<Record<string, { readonly parts: readonly string[]; readonly because: string }>> = {
  index: { parts: [...STACK, 'inspector', 'node', 'app', 'lab'], because: 'it is the public API and re-exports only' },
  core: { parts: ['core'], because: 'the core knows no protocol, so that every layer can stand on it' },
  address: { parts: ['core', 'address'], because: 'an address is a value that every layer names' },
  wire: { parts: [...CORE, 'wire'], because: 'a header format is read by stack, link and inspector alike' },
  link: {
    parts: [...CORE, 'wire', 'link'],
    because: 'a link moves octets; it may read headers only to cut super-segments',
  },
  ethernet: { parts: [...CORE, 'wire', 'ethernet'], because: 'Ethernet and ARP know IP addresses, not IP' },
  ip: { parts: [...PROTOCOLS, 'ethernet'], because: 'IP calls the protocols above it through a table' },
  igmp: { parts: [...PROTOCOLS, 'igmp'], because: 'the protocols above IP meet only in stack/stack.ts' },
  icmp: { parts: [...PROTOCOLS, 'icmp'], because: 'the protocols above IP meet only in stack/stack.ts' },
  udp: { parts: [...PROTOCOLS, 'udp'], because: 'the protocols above IP meet only in stack/stack.ts' },
  tcp: { parts: [...PROTOCOLS, 'tcp'], because: 'the protocols above IP meet only in stack/stack.ts' },
  socket: { parts: SOCKET, because: 'sockets stand on the services of TCP, UDP, ICMP and IP, not on formats or links' },
  surface: { parts: ['core'], because: 'a shell drives any stack that has this surface' },
  stack: { parts: STACK, because: 'it composes the layers below it' },
  inspector: {
    parts: [...CORE, 'wire', 'inspector'],
    because: 'it reads octets and trace events, never the state of a layer',
  },
  node: { parts: [...STACK, 'inspector', 'node'], because: 'it shows the sockets as Node programs expect them' },
  app: { parts: [...STACK, 'node', 'app'], because: 'programs stand on sockets' },
  lab: { parts: [...STACK, 'inspector', 'node', 'app', 'lab'], because: 'it builds networks of hosts' },
  cli: { parts: [...STACK, 'inspector', 'node', 'app', 'lab', 'cli', 'index'], because: 'it is the outermost shell' },
};

/** Single files that a part (or one file) may import beyond that; and why. */
const MAY_ALSO: readonly (readonly [from: RegExp, to: string, because: string])[] = [
  [/^(ethernet|ip)\//, 'link/link.ts', 'an interface holds the Link that it sends on: a type, no behaviour'],
  [/^socket\//, 'ethernet/device.ts', 'the contract of packet sockets with the link layers'],
  [/^inspector\//, 'ip/service.ts', 'the table of IP protocol numbers stands there'],
];

/** npm packages: who may import each. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  'buffer-layout': /^link\/vnet-header\.ts$|wire\.ts$|^tcp\/options\.ts$|^ip\/(ipv4-)?options\.ts$|^inspector\//,
  'ipaddr.js': /^ip\/address\.ts$|^cli\//,
  koffi: /^link\/(tap|linux|system)[a-z-]*\.ts$/,
  commander: /^cli\//,
};

/**
 * The shells: where the outside world is met. Everything else is deterministic and does no I/O. The programs in app/ are
 * among them: they are Node programs like any other and stand outside the stack.
 */
const SHELLS =
  /^(link\/(tap|linux|system)[a-z-]*|link\/stream|link\/pcap[a-z-]*|stack\/driver|lab\/runner)\.ts$|^(node|app|cli)\//;

/** Names of the outside world; where each may occur; what to do instead. */
const OUTSIDE: readonly {
  readonly words: readonly string[];
  readonly where: RegExp;
  readonly instead: string;
}[] = [
  { words: ['Date', 'performance', 'hrtime'], where: SHELLS, instead: 'take `now: Micros` as an argument' },
  { words: ['Math.random'], where: /^$/, instead: 'take a RandomSource; a host has one in its Context' },
  { words: ['crypto', 'getRandomValues'], where: /^core\/random\.ts$|^(node|cli)\//, instead: 'take a RandomSource' },
  {
    words: [
      'setTimeout',
      'setInterval',
      'setImmediate',
      'queueMicrotask',
      'clearTimeout',
      'clearInterval',
      'process.nextTick',
    ],
    where: SHELLS,
    instead: 'keep a deadline and have it reported by nextDeadline()',
  },
  {
    words: ['Promise', 'async', 'await', 'AsyncIterable', 'AsyncGenerator'],
    where: SHELLS,
    instead: 'return at once and report readiness; waiting belongs to src/node',
  },
  {
    words: ['process', 'Buffer', 'require', 'fetch', 'console'],
    where: SHELLS,
    instead: 'stay with plain ECMAScript and Uint8Array',
  },
];

/** Longest file (lines), and those that may be longer, with the reason. */
const MAX_LINES = 400;
const LONGER: Readonly<Record<string, string>> = {
  'core/config.ts': 'every tunable in one table',
  'socket/calls.ts': 'every call of the interface on one page, a few lines each',
};

/** Cycles of type-only imports that cannot be avoided: the two files, joined by ' <-> ', with the reason. */
const TYPE_CYCLES: Readonly<Record<string, string>> = {};

/** Names of sequence numbers: they lie on a circle and are compared by seqLt & co only (tcp/seq.ts). */
const SEQUENCE_NUMBERS = new Set(
  'sndUna sndNxt sndMax sndUp sndWl1 sndWl2 iss rcvNxt rcvUp irs segSeq segAck recover lastAckSent highData highAck'.split(
    ' ',
  ),
);

const sources = readSources();
const partOf = (path: string): string | undefined => PARTS.find(([, pattern]) => pattern.test(path))?.[0];
const at = (source: Source, line: number): string => `src/${source.path}:${line}`;

/** Fails with all breaches of one rule at once. */
function expectNone(breaches: readonly string[]): void {
  expect(breaches.length, `\n  ${breaches.join('\n  ')}\n`).to.equal(0);
}

function importBreach(source: Source, found: Import): string | undefined {
  const { target, line } = found;
  if (target === undefined) return undefined;
  const from = partOf(source.path);
  const to = partOf(target);
  if (from === undefined || to === undefined) return `${at(source, line)}: ${target} is in no part; add it to PARTS`;
  const rule = MAY_IMPORT[from]!;
  if (rule.parts.includes(to)) return undefined;
  if (MAY_ALSO.some(([who, what]) => who.test(source.path) && what === target)) return undefined;
  return (
    `${at(source, line)}: ${from} may not import ${target} (${to}), since ${rule.because}; ` +
    'put an interface in the lower layer, or have stack/stack.ts hand the piece in'
  );
}

function packageBreach(source: Source, found: Import): string | undefined {
  const { specifier, target, line } = found;
  if (target !== undefined) return undefined;
  if (specifier.startsWith('node:')) {
    return SHELLS.test(source.path)
      ? undefined
      : `${at(source, line)}: ${specifier} outside the shells; the core must run in a browser too`;
  }
  const allowed = PACKAGES[specifier];
  if (allowed === undefined) return `${at(source, line)}: package ${specifier} is not in PACKAGES`;
  return allowed.test(source.path) ? undefined : `${at(source, line)}: ${specifier} belongs to ${allowed.source} only`;
}

function outsideBreaches(source: Source): string[] {
  return OUTSIDE.flatMap(({ words, where, instead }) =>
    where.test(source.path)
      ? []
      : source.uses
          .filter(({ word }) => words.includes(word))
          .map(({ word, line }) => `${at(source, line)}: \`${word}\` does not belong here; ${instead}`),
  );
}

const isDefined = (text: string | undefined): text is string => text !== undefined;

describe('architecture', () => {
  it('every file belongs to a part of the tree', () => {
    expectNone(
      sources
        .filter(({ path }) => partOf(path) === undefined)
        .map(({ path }) => `src/${path}: add its folder to PARTS`),
    );
  });

  it('each part imports only what it may', () => {
    expectNone(
      sources.flatMap((source) => source.imports.map((found) => importBreach(source, found)).filter(isDefined)),
    );
  });

  it('packages and node: modules are imported only where they belong', () => {
    expectNone(
      sources.flatMap((source) => source.imports.map((found) => packageBreach(source, found)).filter(isDefined)),
    );
  });

  it('clocks, timers, randomness, promises and I/O occur only in the shells', () => {
    expectNone(sources.flatMap(outsideBreaches));
  });

  it('no cycles by value imports', () => {
    const cycles = findCycles(sources, (found) => !found.typeOnly);
    expectNone(cycles.map((cycle) => `${cycle.join(' -> ')}: move what both need into a file of its own`));
  });

  it('no cycles by type imports either, but for the listed ones', () => {
    const cycles = findCycles(sources, () => true).filter(
      (cycle) => TYPE_CYCLES[[...new Set(cycle)].sort().join(' <-> ')] === undefined,
    );
    expectNone(
      cycles.map(
        (cycle) => `${cycle.join(' -> ')}: put the interface into a file of its own, or list it with a reason`,
      ),
    );
  });

  it(`no file is longer than ${MAX_LINES} lines`, () => {
    const long = sources.filter(({ path, lines }) => lines > MAX_LINES && LONGER[path] === undefined);
    expectNone(
      long.map(({ path, lines }) => `src/${path}: ${lines} lines are two ideas; split it, or list it with a reason`),
    );
    const stale = Object.keys(LONGER).filter(
      (path) => !sources.some((source) => source.path === path && source.lines > MAX_LINES),
    );
    expectNone(stale.map((path) => `src/${path} is short enough now; take it off the list`));
  });

  it('relative imports carry their extension', () => {
    expectNone(
      sources.flatMap((source) =>
        source.imports
          .filter(({ target }) => target !== undefined && !target.endsWith('.ts'))
          .map(({ specifier, line }) => `${at(source, line)}: write the .ts of ${specifier}`),
      ),
    );
  });

  it('no default exports and no any', () => {
    expectNone(
      sources.flatMap((source) =>
        source.uses
          .filter(({ word }) => word === 'any' || word === 'default')
          .map(
            ({ word, line }) =>
              `${at(source, line)}: no \`${word}\`; ${word === 'any' ? 'use unknown or the type' : 'export by name'}`,
          ),
      ),
    );
  });

  it('no barrels but src/index.ts', () => {
    const barrels = sources.filter(
      ({ path, declares, imports }) => path !== 'index.ts' && !declares && imports.some((one) => one.reExport),
    );
    expectNone(barrels.map(({ path }) => `src/${path} only passes on what others declare; import from the source`));
  });

  it('every file opens with a comment that says what it is', () => {
    expectNone(
      sources
        .filter(({ text }) => !/^(#!.*\n)?\s*\/[*/]/.test(text))
        .map(({ path }) => `src/${path}: say in the first lines what it is`),
    );
  });

  it('sequence numbers are compared by seqLt & co only', () => {
    expectNone(
      sources.flatMap((source) =>
        source.path.startsWith('tcp/') && source.path !== 'tcp/seq.ts'
          ? source.comparisons
              .filter(({ names }) => names.some((name) => SEQUENCE_NUMBERS.has(name)))
              .map(({ text, line }) => `${at(source, line)}: \`${text}\` is wrong at wrap-around; use tcp/seq.ts`)
          : [],
      ),
    );
  });
});

describe('architecture: the rules find a breach', () => {
  const breachOf = (path: string, text: string): string[] => {
    const source = analyse(path, text);
    return [
      ...source.imports.map((found) => importBreach(source, found)),
      ...source.imports.map((found) => packageBreach(source, found)),
      ...outsideBreaches(source),
    ].filter(isDefined);
  };
  const rows: readonly (readonly [name: string, path: string, text: string, breach: RegExp | undefined])[] = [
    ['upward import', 'core/x.ts', "import type { A } from '../ip/ipv4.ts';", /core may not import ip\/ipv4\.ts/],
    ['sideways import', 'tcp/x.ts', "import { a } from '../udp/udp.ts';", /tcp may not import udp\/udp\.ts/],
    ['socket on a format', 'socket/x.ts', "import { a } from '../tcp/wire.ts';", /socket may not import tcp\/wire\.ts/],
    ['inspector on a layer', 'inspector/x.ts', "export { a } from '../tcp/tcp.ts';", /inspector may not import/],
    ['dynamic import', 'ip/x.ts', "const a = import('../stack/stack.ts');", /ip may not import stack\/stack\.ts/],
    ['import in a type', 'ip/x.ts', "type A = import('../tcp/tcp.ts').Tcp;", /ip may not import tcp\/tcp\.ts/],
    ['node module in the core', 'tcp/x.ts', "import { readFileSync } from 'node:fs';", /node:fs outside the shells/],
    ['package of another', 'tcp/x.ts', "import koffi from 'koffi';", /koffi belongs to/],
    ['unknown package', 'tcp/x.ts', "import x from 'left-pad';", /not in PACKAGES/],
    ['clock', 'tcp/x.ts', 'const t = Date.now();', /`Date` does not belong here; take `now/],
    ['clock by globalThis', 'tcp/x.ts', 'const t = globalThis.performance.now();', /`performance`/],
    ['randomness', 'node/x.ts', 'const t = Math.random();', /`Math\.random`/],
    ['timer', 'lab/x.ts', 'setTimeout(() => undefined, 1);', /`setTimeout`/],
    ['promise', 'socket/x.ts', 'async function f() { await 1; }', /`async`/],
    ['allowed: shell', 'stack/driver.ts', "import { x } from 'node:fs'; setTimeout(() => Date.now(), 1);", undefined],
    ['allowed: own folder', 'tcp/x.ts', "import { a } from './sender.ts';", undefined],
    ['allowed: a member called Date', 'tcp/x.ts', 'const a = { Date: 1 }; a.Date;', undefined],
    ['allowed: in a comment', 'tcp/x.ts', '// Date.now() is for shells\nconst a = "Date";', undefined],
  ];
  for (const [name, path, text, breach] of rows) {
    it(name, () => {
      const found = breachOf(path, text);
      if (breach === undefined) expect(found).to.deep.equal([]);
      else expect(found.join('\n')).to.match(breach);
    });
  }

  it('a cycle, by value or by type', () => {
    const pair = [
      analyse('ip/a.ts', "import type { B } from './b.ts';"),
      analyse('ip/b.ts', "import { a } from './a.ts';"),
    ];
    expect(findCycles(pair, () => true)).to.deep.equal([['ip/a.ts', 'ip/b.ts', 'ip/a.ts']]);
    expect(findCycles(pair, (found) => !found.typeOnly)).to.deep.equal([]);
  });

  it('sequence numbers under <, any, default exports', () => {
    const source = analyse('tcp/x.ts', 'if (this.sndUna < seg.segAck) f(); export default function g(x: any) {}');
    expect(source.comparisons[0]?.names).to.deep.equal(['sndUna', 'segAck']);
    expect(source.uses.map(({ word }) => word)).to.include.members(['any', 'default']);
  });
});
