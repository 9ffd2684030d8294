/**
 * The congestion control algorithms that a stack knows by name: config.tcp.congestion chooses one for new connections,
 * TCP_CONGESTION one for a socket.
 *
 * MAY-18. To plug in one of your own, write a class with the interface of control.ts (extending WindowControl of base.ts leaves two short
 * methods to write; `onRate` and `pacingRate` are for one that measures the path, as bbr.ts does) and hand the stack a function that makes
 * one, under a name; examples/congestion-control.ts runs:
 *
 *     const host = await createHost({
 *       link,
 *       congestion: { mine: (config) => new Mine(config) },
 *       config: { tcp: { congestion: 'mine' } },
 *     });
 */
import type { TcpConfig } from '../../core/config.ts';
import type { RandomSource } from '../../core/random.ts';
import { Bbr } from './bbr.ts';
import type { CongestionControl } from './control.ts';
import { Cubic } from './cubic.ts';
import { Reno } from './reno.ts';

/** Makes the state of one connection. What is random in it comes from `random`, so that runs repeat. */
export type CongestionFactory = (config: TcpConfig, random: RandomSource) => CongestionControl;

/** Algorithms by name. */
export type CongestionFactories = Readonly<Record<string, CongestionFactory>>;

/** Longest name. Linux TCP_CA_NAME_MAX is 16 with the zero at the end. */
export const MAX_CONGESTION_NAME = 15;

const BUILT_IN: CongestionFactories = {
  bbr: (config, random) => new Bbr(config, random),
  cubic: (config) => new Cubic(config),
  reno: (config) => new Reno(config),
};

export class CongestionRegistry {
  readonly #factories: ReadonlyMap<string, CongestionFactory>;

  /** @param own more algorithms, or others in the place of those built in. Throws a RangeError for a name that is empty or too long. */
  constructor(own: CongestionFactories = {}) {
    for (const name of Object.keys(own)) {
      if (name.length < 1 || name.length > MAX_CONGESTION_NAME) {
        throw new RangeError(
          `a congestion control's name has 1 to ${MAX_CONGESTION_NAME} characters, unlike '${name}'`,
        );
      }
    }
    this.#factories = new Map(Object.entries({ ...BUILT_IN, ...own }));
  }

  /** The names, in alphabetical order. */
  get names(): readonly string[] {
    return [...this.#factories.keys()].sort();
  }

  has(name: string): boolean {
    return this.#factories.has(name);
  }

  /** A fresh instance. Throws a RangeError for a name that is not known. */
  make(name: string, config: TcpConfig, random: RandomSource): CongestionControl {
    const factory = this.#factories.get(name);
    if (factory === undefined) {
      throw new RangeError(`no congestion control '${name}'; there are ${this.names.join(', ')}`);
    }
    return factory(config, random);
  }
}
