/**
 * A host under test that answers questions: what a client cannot see of it. It serves echo, discard and chargen, on tapstack over tap0 or,
 * as the yardstick, on Node's own net.
 *
 * Run as a program it says "ready" and answers each line of its input (a key of `Answers`) with a line of JSON:
 *
 *     server.ts tapstack|net [loss]     with `loss`, that share of the large frames that come in are thrown away
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { argv, execPath, memoryUsage, stdin, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';
import { CHARGEN_PORT, startTcpChargen } from '../../src/app/chargen.ts';
import { DISCARD_PORT, startTcpDiscard } from '../../src/app/discard.ts';
import { ECHO_PORT, startTcpEcho } from '../../src/app/echo.ts';
import type { Service } from '../../src/app/service.ts';
import { tap } from '../../src/link/tap.ts';
import { createHost } from '../../src/node/host.ts';
import type { Host } from '../../src/node/host.ts';
import { CollectorWatch } from './collector.ts';
import type { Collected } from './collector.ts';
import { lossy } from './lossy.ts';
import { serveNet } from './net-services.ts';
import { TARGET, programPlace, vethPlace } from './place.ts';
import type { Place, PlaceOptions } from './place.ts';
import type { Program } from './program.ts';

/** What can be asked, and what is answered. */
export interface Answers {
  /** What the collector leaves, in octets. */
  memory: { clients: number; heap: number; rss: number };
  /** Begins to watch the collector; `collected` is what it has done since. */
  watch: object;
  collected: Collected & { octets: number };
  /** Sets a trace listener, or removes it; events that it has heard so far. */
  'trace-on': { events: number };
  'trace-off': { events: number };
  /** Of the connections that there are: octets sent again, and time-outs. */
  losses: { again: number; timeouts: number };
}

export async function ask<Q extends keyof Answers>(server: Program, question: Q): Promise<Answers[Q]> {
  return JSON.parse(await server.ask(question)) as Answers[Q];
}

const SELF = fileURLToPath(import.meta.url);
const NODE_OPTIONS = ['--expose-gc', '--import', 'tsx', SELF];

export const answeringTapstack = (options: PlaceOptions, loss = 0): Promise<Place> =>
  programPlace([...NODE_OPTIONS, 'tapstack', `${loss}`, ...(options.offload ? [] : ['plain'])], options);

export const answeringNet = (options: PlaceOptions): Promise<Place> =>
  vethPlace(execPath, [...NODE_OPTIONS, 'net'], options);

/** What the answers are taken from. */
export interface Served {
  clients(): number;
  /** Payload moved, both ways. */
  octets(): number;
  readonly host?: Host;
}

const MAX_CLIENTS = 20_000;

async function serveTapstack(loss: number, offload: boolean): Promise<Served> {
  const device = await tap('tap0', { offload });
  const host = await createHost({ link: loss > 0 ? lossy(device, loss) : device, address: `${TARGET}/24` });
  const options = { maxClients: MAX_CLIENTS };
  const services: readonly Service[] = [
    startTcpEcho(host.sockets, options),
    startTcpDiscard(host.sockets, options),
    startTcpChargen(host.sockets, options),
  ];
  const sum = (of: (service: Service) => number): number => services.reduce((total, service) => total + of(service), 0);
  return {
    host,
    clients: () => sum(({ counters }) => counters.clients),
    octets: () => sum(({ counters }) => counters.octetsIn + counters.octetsOut),
  };
}

class Answering {
  readonly #served: Served;
  readonly #watch = new CollectorWatch();
  #octets = 0;
  #events = 0;

  constructor(served: Served) {
    this.#served = served;
  }

  readonly answers: { readonly [Q in keyof Answers]: () => Answers[Q] | Promise<Answers[Q]> } = {
    memory: async () => {
      await settle();
      const { heapUsed, external, rss } = memoryUsage();
      return { clients: this.#served.clients(), heap: heapUsed + external, rss };
    },
    watch: () => {
      this.#octets = this.#served.octets();
      this.#watch.begin();
      return {};
    },
    collected: () => ({ ...this.#watch.end(), octets: this.#served.octets() - this.#octets }),
    'trace-on': () => this.#listen(true),
    'trace-off': () => this.#listen(false),
    losses: () => {
      const losses = { again: 0, timeouts: 0 };
      for (const connection of this.#served.host?.stack.tcp.connections() ?? []) {
        const { bytesRetransmitted, timeouts } = connection.info();
        losses.again += bytesRetransmitted;
        losses.timeouts += timeouts;
      }
      return losses;
    },
  };

  #listen(on: boolean): { events: number } {
    this.#served.host?.stack.context.trace.listen(on ? () => this.#events++ : undefined);
    return { events: this.#events };
  }
}

/** Lets the collector do what it can. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function serve(kind: string, loss: number, mode: string): Promise<void> {
  const { answers } = new Answering(kind === 'net' ? await serveNet() : await serveTapstack(loss, mode !== 'plain'));
  const questions = createInterface({ input: stdin });
  const answer = async (question: string): Promise<void> => {
    const said: unknown = await Promise.resolve(answers[question as keyof Answers]());
    stdout.write(`${JSON.stringify(said)}\n`);
  };
  questions.on('line', (question) => void answer(question));
  stdout.write('ready\n');
  await once(questions, 'close');
  process.exit(0);
}

export const PORTS = { echo: ECHO_PORT, discard: DISCARD_PORT, chargen: CHARGEN_PORT } as const;

if (argv[1] === SELF) await serve(argv[2] ?? '', Number(argv[3] ?? 0), argv[4] ?? '');
