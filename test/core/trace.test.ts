import { expect } from 'chai';
import { micros } from '../../src/core/time.ts';
import { Trace } from '../../src/core/trace.ts';
import type { TraceEvent } from '../../src/core/trace.ts';

describe('core/trace', () => {
  it('tells the one listener, while there is one', () => {
    const trace = new Trace();
    const heard: TraceEvent[] = [];
    expect(trace.enabled).to.equal(false);
    trace.emit(micros(1), 'tcp', 'lost', {});
    trace.listen((event) => heard.push(event));
    expect(trace.enabled).to.equal(true);
    trace.emit(micros(2), 'tcp', 'state', { from: 'LISTEN', cwnd: 3 });
    trace.listen(undefined);
    expect(trace.enabled).to.equal(false);
    trace.emit(micros(3), 'tcp', 'lost', {});
    expect(heard).to.deep.equal([{ time: 2, layer: 'tcp', name: 'state', facts: { from: 'LISTEN', cwnd: 3 } }]);
  });
});
