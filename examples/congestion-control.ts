/**
 * A congestion control of your own against those built in, on a simulated line with losses: no device and no rights needed.
 *
 *     npx tsx examples/congestion-control.ts
 *
 * `congestion` and `config` mean the same to createHost, and setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, 'mine') to one socket.
 */
import { WindowControl, transfer, twoHosts } from 'tapstack';
import type { AckSample } from 'tapstack';

/** Two segments more a round trip, an eighth less for a loss. Slow start, time-outs and idle times are WindowControl's. */
class Mine extends WindowControl {
  readonly name = 'mine';

  protected avoid(sample: AckSample): void {
    if (sample.cwndLimited) this.grow((2 * this.smss * sample.acked) / this.cwnd);
  }

  protected reduced(flightSize: number, least = 2 * this.smss): number {
    return Math.max(Math.floor(this.inFlight(flightSize) * (7 / 8)), least);
  }
}

for (const name of ['reno', 'cubic', 'bbr', 'mine']) {
  const lab = twoHosts({
    seed: 1,
    delay: 20_000, // microseconds each way
    bandwidth: 10_000_000, // bits a second
    queue: { frames: 40 },
    impair: { outgoing: { loss: 0.01 } },
    congestion: { mine: (config) => new Mine(config) },
    config: { tcp: { congestion: name } },
  });
  const { goodput } = transfer(lab.simulation, lab.a, lab.b, new Uint8Array(2_000_000));
  console.log(`${name.padEnd(5)} ${((goodput * 8) / 1e6).toFixed(1)} Mbit/s`);
}
