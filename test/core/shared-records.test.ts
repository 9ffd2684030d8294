import { expect } from 'chai';
import { REMEMBERED_CHANGES, changed } from '../../src/core/shared-records.ts';

interface Options {
  on: boolean;
  size: number;
  name: string | undefined;
}

const newOptions = (): Readonly<Options> => ({ on: false, size: 1, name: undefined });

describe('core/shared-records', () => {
  it('a change gives another record, and leaves the one before as it was', () => {
    const base = newOptions();
    expect(changed(base, { on: true, name: 'a' })).to.deep.equal({ on: true, size: 1, name: 'a' });
    expect(base).to.deep.equal(newOptions());
  });

  it('what changes nothing gives the same record', () => {
    const base = newOptions();
    expect(changed(base, {})).to.equal(base);
    expect(changed(base, { on: false, name: undefined })).to.equal(base);
  });

  it('the same changes to the same record give one record, and so do those that follow', () => {
    const base = newOptions();
    const [first, second] = [changed(base, { on: true }), changed(base, { on: true })];
    expect(second).to.equal(first);
    expect(changed(second, { size: 2 })).to.equal(changed(first, { size: 2 }));
  });

  it('other values, other properties, or a record that is but equal: another record', () => {
    const base = newOptions();
    const first = changed(base, { size: 2 });
    expect(changed(base, { size: 3 })).to.deep.equal({ on: false, size: 3, name: undefined });
    expect(changed(base, { on: true })).to.deep.equal({ on: true, size: 1, name: undefined });
    expect(changed(base, { size: 2, on: true })).to.deep.equal({ on: true, size: 2, name: undefined });
    expect(changed(newOptions(), { size: 2 }) === first).to.equal(false);
  });

  it('an undefined value is told from a property that is not changed', () => {
    const named = changed(newOptions(), { name: 'a' });
    expect(changed(named, { name: undefined })).to.deep.equal(newOptions());
    expect(changed(named, { size: 2 })).to.deep.equal({ on: false, size: 2, name: 'a' });
  });

  it('the record of changes may be used for others afterwards', () => {
    const base = newOptions();
    const changes = { size: 2 };
    changed(base, changes);
    changes.size = 3;
    expect(changed(base, { size: 2 })).to.deep.equal({ on: false, size: 2, name: undefined });
    expect(changed(base, changes)).to.deep.equal({ on: false, size: 3, name: undefined });
  });

  it('of more changes than are remembered those are forgotten that were made longest ago', () => {
    const base = newOptions();
    const often = changed(base, { on: true });
    const once = changed(base, { size: 0 });
    for (let size = 2; size < 2 + REMEMBERED_CHANGES; size++) {
      changed(base, { size });
      expect(changed(base, { on: true })).to.equal(often);
    }
    expect(changed(base, { size: 0 }) === once).to.equal(false);
  });
});
