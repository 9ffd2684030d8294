/**
 * The status page of a host: any plain data as an HTML page, so that it shows whatever a snapshot holds.
 *
 * A list of records becomes a table with a column per field, a record a table of two columns, the rest text. No scripts, no
 * external resources. It leaves out nothing: bounding the data is its maker's business.
 */

/** Data that JSON can hold; what else a snapshot may contain (bigint, undefined) is shown as text. */
type Plain = unknown;
type PlainRecord = Record<string, Plain>;

export interface PageOptions {
  readonly title: string;
  /** One line under the title. */
  readonly subtitle?: string;
  /** Seconds after which the browser loads the page again; 0 for never. */
  readonly refresh?: number;
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #223; background: #fcfcfa; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; color: #556; } a { color: #15609c; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #e3e3dc; }
th { font-weight: 600; color: #445; white-space: nowrap; } td.number { text-align: right; }
@media (prefers-color-scheme: dark) { body { color: #dde; background: #17181c; } th, p { color: #aab; } th, td { border-color: #33353c; } a { color: #7db8e8; } }
`;

/** The page for `sections`, whose keys become headings in their order. */
export function renderPage(sections: PlainRecord, options: PageOptions): string {
  const refresh = options.refresh ?? 0;
  const body = Object.entries(sections)
    .map(([name, value]) => `<h2>${escapeHtml(heading(name))}</h2>\n${renderValue(value)}`)
    .join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
${refresh > 0 ? `<meta http-equiv="refresh" content="${refresh}">\n` : ''}<title>${escapeHtml(options.title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(options.title)}</h1>
<p>${escapeHtml(options.subtitle ?? '')}</p>
${body}
</body>
</html>
`;
}

/** Text that HTML shows as it is, in an element or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

const isRecord = (value: Plain): value is PlainRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function renderValue(value: Plain): string {
  if (Array.isArray(value)) {
    if (value.length === 0) return '<p>none</p>';
    return value.every(isRecord) ? renderRows(value) : `<p>${value.map((item) => renderText(item)).join(', ')}</p>`;
  }
  if (isRecord(value)) return renderRecord(value);
  return `<p>${renderText(value)}</p>`;
}

/** A list of records: a column for each field that any of them has. */
function renderRows(rows: readonly PlainRecord[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const head = columns.map((name) => `<th scope="col">${escapeHtml(heading(name))}</th>`).join('');
  const body = rows.map((row) => `<tr>${columns.map((name) => renderCell(row[name])).join('')}</tr>`).join('\n');
  return `<div class="wide"><table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
}

function renderRecord(record: PlainRecord): string {
  const entries = Object.entries(record);
  if (entries.length === 0) return '<p>none</p>';
  const body = entries
    .map(([name, value]) => `<tr><th scope="row">${escapeHtml(heading(name))}</th>${renderCell(value)}</tr>`)
    .join('\n');
  return `<div class="wide"><table>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
}

function renderCell(value: Plain): string {
  return typeof value === 'number' ? `<td class="number">${renderText(value)}</td>` : `<td>${renderText(value)}</td>`;
}

function renderText(value: Plain): string {
  if (Array.isArray(value)) return value.map(renderText).join('<br>');
  if (isRecord(value)) {
    return Object.entries(value)
      .map(([name, item]) => `${escapeHtml(heading(name))} ${renderText(item)}`)
      .join(', ');
  }
  if (value === undefined || value === null) return '';
  if (typeof value === 'number') {
    return escapeHtml(Number.isInteger(value) ? String(value) : value.toFixed(1).replace(/\.0$/, ''));
  }
  return escapeHtml(typeof value === 'string' ? value : JSON.stringify(value, plainBigint));
}

const plainBigint = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value);

/** A field's name as words: 'bytesSent' is 'bytes sent'; names that are not camelCase stay as they are. */
function heading(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, (_, before: string, letter: string) => `${before} ${letter.toLowerCase()}`);
}
