import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  OUTPUT,
  idsInSource,
  idsInTest,
  joinTables,
  parseRequirements,
  parseTable,
  readProject,
  render,
} from '../../scripts/conformance.ts';
import type { Requirement } from '../../scripts/conformance.ts';

// The ids below are made up: a real one in this file would count as tested.
const TABLE = [
  'id\trfc\tsection\tlayer\tlevel\trequirement',
  'MUST-901\t9001\t3.1\ttcp\tMUST\tDo one thing.',
  'MUST-902\t9001\t3.2\ttcp\tMUST NOT\tDo another | thing.',
  '901-a\t901\t-\tudp\tRULE\tCount.',
  '9002-3.2.2-f\t9002\t3.2.2\ticmp\tMAY\tStay silent.',
  '',
].join('\n');
const requirements: Requirement[] = parseRequirements(TABLE);
const file = (path: string, text: string): { path: string; text: string } => ({ path, text });
const declined = new Map([['9002-3.2.2-f', 'obsolete: RFC 9003']]);

describe('scripts/conformance', () => {
  describe('finds ids', () => {
    const rows: readonly (readonly [name: string, text: string, ids: string[]])[] = [
      ['in a comment', '// RFC 9001 §3.1, MUST-901.', ['MUST-901']],
      [
        'in a list',
        '/* MUST-901, MUST-902/MUST-903; 9002-3.2.2-f) */',
        ['MUST-901', 'MUST-902', 'MUST-903', '9002-3.2.2-f'],
      ],
      ['without a section', '// (901-a)', ['901-a']],
      ['not in a longer word', '// XMUST-901 MUST-901-b 12901-a 901-ab', []],
      ['a longer number is another id', '// MUST-9011', ['MUST-9011']],
    ];
    for (const [name, text, ids] of rows) {
      it(name, () => expect([...idsInSource(file('a.ts', text))]).to.deep.equal(ids));
    }
  });

  it('takes titles and table rows of tests, not comments or skipped tests', () => {
    const text = [
      '// MUST-903 in a comment',
      "it('MUST-901: one', () => undefined);",
      "const rows = [['901-a: counts', 1]];",
      'it(`MUST-902: ${1} x`, () => undefined);',
      "it.skip('9002-3.2.2-f: not yet', () => undefined);",
      "describe.skip('x', () => { it('MUST-904', () => undefined); });",
    ].join('\n');
    expect([...idsInTest(file('a.test.ts', text))].sort()).to.deep.equal(['901-a', 'MUST-901', 'MUST-902']);
  });

  it('joins: declined beats tested beats implemented beats open', () => {
    const { rows, problems } = joinTables(
      requirements,
      declined,
      [file('src/a.ts', '// MUST-901 9002-3.2.2-f'), file('src/b.ts', '// MUST-902')],
      [file('test/a.test.ts', "it('MUST-901', f)")],
    );
    expect(rows.map(({ id, status }) => `${id} ${status}`)).to.deep.equal([
      'MUST-901 tested',
      'MUST-902 implemented',
      '901-a open',
      '9002-3.2.2-f declined',
    ]);
    expect(rows[0]).to.deep.include({ sources: ['src/a.ts'], tests: ['test/a.test.ts'] });
    expect(problems).to.deep.equal([]);
  });

  it('a reason may say what is missing, or that a test holds on to the choice', () => {
    const reasons = new Map([
      ['MUST-901', 'in part: no second thing'],
      ['MUST-902', 'by choice: as others do'],
    ]);
    const tests = [file('test/a.test.ts', "it('MUST-901, MUST-902', f)")];
    const conformance = joinTables(requirements, reasons, [], tests);
    expect(conformance.problems).to.deep.equal([]);
    expect(conformance.rows.slice(0, 2).map(({ status }) => status)).to.deep.equal(['partial', 'declined']);
    expect(render(conformance)).to.contain('| partial | in part: no second thing; `test/a.test.ts` |');
  });

  it('reports unknown ids, and what is tested though it is said not to be built', () => {
    const { problems } = joinTables(
      requirements,
      new Map([
        ['9002-3.2.2-f', 'not built yet: silence'],
        ['MUST-999', 'x'],
      ]),
      [file('src/a.ts', '// MUST-998')],
      [file('test/a.test.ts', "it('9002-3.2.2-f', f)")],
    );
    expect(problems).to.have.length(3);
    expect(problems.join('\n'))
      .to.contain('src/a.ts: MUST-998 is in no requirement table')
      .and.to.contain('docs/declined.tsv: MUST-999 is in no requirement table')
      .and.to.contain('9002-3.2.2-f is tested by test/a.test.ts; take the row out');
  });

  it('renders totals and a table per layer', () => {
    const text = render(joinTables(requirements, declined, [], [file('test/a.test.ts', "it('MUST-901', f)")]));
    expect(text).to.contain('| tcp | 2 | 1 | 0 | 0 | 0 | 1 |');
    expect(text).to.contain('| **all** | 4 | 1 | 0 | 0 | 1 | 2 |');
    expect(text).to.contain('| of which MUST (NOT) | 2 | 1 | 0 | 0 | 0 | 1 |');
    expect(text).to.contain('| 901-a | 901 | RULE | Count. | open |  |');
    expect(text).to.contain('| 9002-3.2.2-f | 9002 §3.2.2 | MAY | Stay silent. | declined | obsolete: RFC 9003 |');
    expect(text).to.contain('Do another \\| thing.');
    expect(text).to.match(/## icmp[\s\S]*## udp[\s\S]*## tcp/);
  });

  it('refuses a table row with the wrong number of fields', () => {
    expect(() => parseTable('id\treason\nMUST-901\n', 2)).to.throw('row 2 has 1 fields instead of 2');
  });

  describe('of this project', () => {
    const project = readProject();

    it('the tables hold 499 requirements, and nothing contradicts them', () => {
      expect(project.rows).to.have.length(499);
      expect(project.problems).to.deep.equal([]);
    });

    it('everything that is declined, or met in part, has a reason', () => {
      const unexplained = project.rows.filter(
        ({ status, reason }) => /^(declined|partial)$/.test(status) && reason.length < 8,
      );
      expect(unexplained).to.deep.equal([]);
    });

    it('CONFORMANCE.md is up to date', () => {
      const isCurrent = readFileSync(OUTPUT, 'utf8') === render(project);
      expect(isCurrent, 'run `npm run conformance` and commit CONFORMANCE.md').to.equal(true);
    });
  });
});
