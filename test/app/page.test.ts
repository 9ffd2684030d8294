import { expect } from 'chai';
import { escapeHtml, renderPage } from '../../src/app/page.ts';

describe('the status page', () => {
  const rows: readonly [name: string, sections: Record<string, unknown>, expected: string][] = [
    ['a heading per section', { socketTable: 1 }, '<h2>socket table</h2>\n<p>1</p>'],
    ['names that are not camelCase stay', { 'tcp-checksum': 1 }, '<h2>tcp-checksum</h2>'],
    ['an empty list', { routes: [] }, '<p>none</p>'],
    ['an empty record', { drops: {} }, '<p>none</p>'],
    ['a list of texts', { addresses: ['a', 'b'] }, '<p>a, b</p>'],
    ['a record', { drops: { 'ip-ttl': 3 } }, '<th scope="row">ip-ttl</th><td class="number">3</td>'],
    ['a row with a field missing', { t: [{ a: 1 }, { b: 'x' }] }, '<tr><td></td><td>x</td></tr>'],
    ['columns of all rows', { t: [{ a: 1 }, { b: 'x' }] }, '<th scope="col">a</th><th scope="col">b</th>'],
    ['a record in a cell', { t: [{ info: { sndNxt: 5, state: 'LISTEN' } }] }, '<td>snd nxt 5, state LISTEN</td>'],
    ['a list in a cell', { t: [{ a: ['x', 'y'] }] }, '<td>x<br>y</td>'],
    ['a fraction', { t: { rtt: 1.2345 } }, '<td class="number">1.2</td>'],
    ['bigint, boolean and null', { t: { a: 5n, b: true, c: null } }, '<td>5</td>'],
    [
      'markup is shown, not obeyed',
      { '<i>': { '"': '</table><script>' } },
      '<td>&#60;/table&#62;&#60;script&#62;</td>',
    ],
  ];
  for (const [name, sections, expected] of rows) {
    it(name, () => {
      const page = renderPage(sections, { title: 'T' });
      expect(page).to.include(expected);
      expect(page).not.to.include('<script');
    });
  }

  it('refreshes only when asked to', () => {
    expect(renderPage({}, { title: 'T' })).not.to.include('http-equiv');
    expect(renderPage({}, { title: 'T', refresh: 5 })).to.include('<meta http-equiv="refresh" content="5">');
  });

  it('escapes what HTML would take for markup', () => {
    expect(escapeHtml(`<a href='x' title="y">&</a>`)).to.equal(
      '&#60;a href=&#39;x&#39; title=&#34;y&#34;&#62;&#38;&#60;/a&#62;',
    );
  });
});
