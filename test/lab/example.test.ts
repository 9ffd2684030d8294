import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

describe('examples/congestion-control.ts', () => {
  it('runs as it stands, without a device: a line for each algorithm', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      'tsx',
      'examples/congestion-control.ts',
    ]);
    const lines = stdout.trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).to.deep.equal(['reno', 'cubic', 'bbr', 'mine']);
    for (const line of lines) expect(line).to.match(/ [0-9]\.[0-9] Mbit\/s$/);
  }).timeout(60_000);
});
