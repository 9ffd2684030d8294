/** What src/core uses of the WebAssembly JavaScript interface. TypeScript declares it for browsers only, in its library "dom". */
declare namespace WebAssembly {
  class Memory {
    /** Sizes in pages of 64 KiB. */
    constructor(descriptor: { readonly initial: number; readonly maximum: number });
    readonly buffer: ArrayBuffer;
  }
  /** Compiled. Nothing of it is read here. */
  class Module {
    private readonly brand: 'Module';
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
}
