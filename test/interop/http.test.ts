/** The HTTP page in curl's eyes. */
import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { ALL_SERVICES, FLOW_CONTROL, HOST, OFFLOADS, useLab } from '../support/kernel-lab.ts';
import { describeInterop } from '../support/namespace.ts';

const PAGE = `http://${HOST}/`;

for (const { offload, kind } of OFFLOADS) {
  describeInterop(`the HTTP page and curl, ${kind}`, () => {
    // A client that is refused goes on sending for a while.
    const theLab = useLab({ offload, serve: ALL_SERVICES, allowed: [...FLOW_CONTROL, /Connection reset/] });
    const curl = (...args: string[]): Promise<string> => theLab().run('curl', ['-sS', '-m', '10', ...args]);

    it('GET: the page, whole', async () => {
      const page = await curl('-i', PAGE);
      expect(page).to.match(/^HTTP\/1\.1 200 OK\r\n/);
      expect(page).to.match(/content-type: text\/html/i);
      expect(page)
        .to.contain(HOST)
        .and.to.match(/<\/html>\s*$/);
    });

    it('GET /json: the snapshot, in which the connection that fetches it is seen', async () => {
      const { connections } = JSON.parse(await curl(`${PAGE}json`)) as {
        connections: { state: string; local: string }[];
      };
      expect(connections.map(({ state, local }) => `${local} ${state}`)).to.include(`${HOST}:80 ESTABLISHED`);
    });

    it('two requests on one connection', async () => {
      const { code, stderr } = await theLab().ns.exec('curl', [
        '-sv',
        '-m',
        '10',
        '-o',
        '/dev/null',
        PAGE,
        '-o',
        '/dev/null',
        PAGE,
      ]);
      expect(code, stderr).to.equal(0);
      expect(stderr).to.contain(`Re-using existing connection`);
      expect(stderr.match(/HTTP\/1\.1 200 OK/g)).to.have.length(2);
    });

    it('two requests in one segment are both answered, in order', async () => {
      const input = `GET /json HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      const answers = await theLab().run('nc', [HOST, '80'], { input });
      expect(answers.match(/^HTTP\/1\.1 \d+/gm)).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 404']);
    });

    it('HEAD: a header without a body', async () => {
      const header = await curl('-I', PAGE);
      expect(header)
        .to.match(/^HTTP\/1\.1 200 OK\r\n/)
        .and.to.match(/content-length: [1-9]\d+/i);
      expect(header)
        .to.match(/\r\n\r\n$/)
        .and.not.to.contain('<');
    });

    const STATUSES: readonly [title: string, args: readonly string[], status: string][] = [
      ['a path that is not there', [`${PAGE}none`], '404'],
      ['HTTP/1.0', ['--http1.0', PAGE], '200'],
      ['DELETE', ['-X', 'DELETE', PAGE], '405'],
      ['a form', ['-d', 'name=value', PAGE], '405'],
      ['a header of 100 KiB', ['-H', `X-Long: ${'x'.repeat(100_000)}`, PAGE], '431'],
      ['a path of 5,000 octets', [`${PAGE}${'x'.repeat(5000)}`], '414'],
    ];
    for (const [title, args, status] of STATUSES) {
      it(`${title}: ${status}`, async () => {
        expect(await curl('-o', '/dev/null', '-w', '%{http_code}', ...args)).to.equal(status);
      });
    }

    for (const [how, header] of [
      ['with a length', 'Content-Type: application/octet-stream'],
      ['in chunks', 'Transfer-Encoding: chunked'],
    ] as const) {
      it(`an upload of 1 MiB ${how} is refused, and the refusal arrives`, async () => {
        const args = ['-sS', '-m', '10', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Expect:', '-H', header];
        const all = [...args, '--data-binary', '@-', PAGE];
        expect(await theLab().run('curl', all, { input: randomBytes(1 << 20) })).to.equal('405');
      });
    }

    it('20 at once', async () => {
      const urls = Array.from({ length: 20 }, () => ['-o', '/dev/null', PAGE]).flat();
      const output = await curl('--parallel', '--parallel-immediate', '-w', '%{http_code}\n', ...urls);
      expect(output.trim().split('\n')).to.deep.equal(Array.from({ length: 20 }, () => '200'));
    });
  });
}
