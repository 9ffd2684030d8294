import { expect } from 'chai';
import { tap } from '../../src/link/tap.ts';
import { describeInterop, inNamespace, withNamespace } from '../support/namespace.ts';

describeInterop('link/tap on the kernel', () => {
  it('opens a device with the MTU that the kernel gives it', async () => {
    await withNamespace(async (ns) => {
      const link = await inNamespace(ns, () => tap('tap0'));
      expect(link.name).to.equal('tap0');
      expect(link.mtu).to.equal(1500);
      link.close();
    });
  });
});
