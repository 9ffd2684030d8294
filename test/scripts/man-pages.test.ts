import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  findProblems,
  namesInTests,
  parseItems,
  readEvidence,
  readItems,
  renderAll,
  renderPage,
} from '../../scripts/man-pages.ts';
import type { Evidence, Item } from '../../scripts/man-pages.ts';

const HEADER = 'page\tkind\tname\tstatus\tnote';
const items = (...rows: string[]): Item[] => parseItems([HEADER, ...rows, ''].join('\n'));

const nothing: Evidence = { options: new Map(), constants: new Set(), tests: new Map(), errnos: new Map() };

describe('scripts/man-pages', () => {
  it('an option that is named done must be in the option table', () => {
    expect(findProblems(items('tcp.7\toption\tTCP_NOTHING\t\t'), nothing)).to.deep.equal([
      'docs/man/items.tsv: tcp.7 TCP_NOTHING: the option table does not have it',
    ]);
  });

  it('a flag must be a constant that a test names', () => {
    const row = items('tcp.7\tflag\tMSG_X\t\t');
    expect(findProblems(row, nothing)[0]).to.match(/no such constant/);
    expect(findProblems(row, { ...nothing, constants: new Set(['MSG_X']) })[0]).to.match(/no test names it/);
    const tests = new Map([['MSG_X', ['test/x.test.ts']]]);
    expect(findProblems(row, { ...nothing, constants: new Set(['MSG_X']), tests })).to.deep.equal([]);
  });

  it('an errno must come from a case on a socket of the page', () => {
    const row = items('udp.7\terrno\tEXYZ\t\t');
    expect(findProblems(row, nothing)[0]).to.match(/no case of the differential test gives it/);
    const elsewhere = new Map([['tcp.7', new Map([['EXYZ', 1]])]]);
    expect(findProblems(row, { ...nothing, errnos: elsewhere })).to.have.length(1);
    const here = new Map([['udp.7', new Map([['EXYZ', 1]])]]);
    expect(findProblems(row, { ...nothing, errnos: here })).to.deep.equal([]);
  });

  it('what is declined needs a reason', () => {
    expect(findProblems(items('ip.7\toption\tIP_X\tdeclined\t'), nothing)).to.deep.equal([
      'docs/man/items.tsv: ip.7 IP_X is declined without a reason',
    ]);
  });

  it('nothing stands twice', () => {
    const row = 'ip.7\toption\tIP_X\tdeclined\tnot wanted';
    expect(findProblems(items(row, row), nothing)).to.deep.equal(['docs/man/items.tsv: ip.7 IP_X stands twice']);
  });

  it('refuses a status or kind that it does not know', () => {
    expect(() => items('ip.7\toption\tIP_X\tmaybe\t')).to.throw(/status 'maybe'/);
    expect(() => items('ip.7\tthing\tIP_X\t\t')).to.throw(/kind 'thing'/);
  });

  it('finds names in tests as whole words', () => {
    const files = [{ path: 'test/a.ts', text: "c.MSG_OOB; 'TCP_INFO'; XMSG_PEEKX MSG_PEEK2" }];
    expect([...namesInTests(files).keys()]).to.deep.equal(['MSG_OOB', 'TCP_INFO', 'XMSG_PEEKX', 'MSG_PEEK2']);
  });

  it('shows what is done, and why the rest is not', () => {
    const rows = items('raw.7\terrno\tEPERM\t\t', 'raw.7\terrno\tEPROTO\tdeclined\tanother one');
    const errnos = new Map([['raw.7', new Map([['EPERM', 2]])]]);
    const text = renderPage('raw.7', rows, { ...nothing, errnos });
    expect(text).to.match(/^# raw\(7\)/);
    expect(text).to.include('| `EPERM` | done | 2 cases of the differential test |');
    expect(text).to.include('| `EPROTO` | declined | another one |');
    expect(text).to.include('1 of 2 are done');
  });

  describe('docs/man', () => {
    const evidence = readEvidence();

    it('nothing is called done that nothing shows', () => {
      expect(findProblems(readItems(), evidence)).to.deep.equal([]);
    });

    for (const [path, text] of renderAll(readItems(), evidence)) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      it(`${name} is what npm run man-pages writes`, () => {
        expect(readFileSync(path, 'utf8')).to.equal(text);
      });
    }
  });
});
