/**
 * Where a block has bytes up to a line feed: tabs, line ends, stray controls. Reading the export is this search above all, and
 * tabs come where no processor can guess, so a loop over bytes spends its time on wrong guesses. WebAssembly compares sixteen
 * bytes at once; these 161 bytes are
 *
 *     (module
 *       (memory (export "memory") 6)
 *       (func (export "scan") (param $length i32) (result i32)
 *         (local $at i32) (local $out i32) (local $mask i32)
 *         (local.set $out (i32.const 65552))
 *         (block $end
 *           (loop $blocks
 *             (br_if $end (i32.ge_u (local.get $at) (local.get $length)))
 *             (local.set $mask (i8x16.bitmask (i8x16.le_u
 *               (v128.load (local.get $at)) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))))
 *             (block $none
 *               (br_if $none (i32.eqz (local.get $mask)))
 *               (loop $bits
 *                 (i32.store (local.get $out) (i32.add (local.get $at) (i32.ctz (local.get $mask))))
 *                 (local.set $out (i32.add (local.get $out) (i32.const 4)))
 *                 (br_if $bits (local.tee $mask (i32.and (local.get $mask) (i32.sub (local.get $mask) (i32.const 1)))))))
 *             (local.set $at (i32.add (local.get $at) (i32.const 16)))
 *             (br $blocks)))
 *         (i32.shr_u (i32.sub (local.get $out) (i32.const 65552)) (i32.const 2))))
 *
 * as `wat2wasm` of https://github.com/WebAssembly/wabt writes them.
 */
const scanModule =
  'AGFzbQEAAAABBgFgAX8BfwMCAQAFAwEABgcRAgZtZW1vcnkCAARzY2FuAAAKcwFxAQN/QZCABCECAkADQCABIABPDQEgAf0ABAD9DAoKCgoKCgoKCgoKCgoKCgr9Kv1kIQMCQCADRQ0AA0AgAiABIANoajYCACACQQRqIQIgAyADQQFrcSIDDQALCyABQRBqIQEMAAsLIAJBkIAEa0ECdgs=';

/** So much is searched at once. */
export const searchBytesMax = 65_536;
/** What follows the bytes in the module's memory: not found by the step that looks beyond their end. */
const padding = new Uint8Array(16).fill(0xff);
const highest = 10;

export interface LowBytes {
  /** Offsets of what was found, from the start of the search, ascending; good until the next search. */
  readonly places: Int32Array;
  /** Searches [from, to), at most `searchBytesMax` bytes, and says how many places it found. */
  search(bytes: Uint8Array, from: number, to: number): number;
}

/** What is used here of it; the types that come with Node leave it to those of browsers. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
};

let shared: LowBytes | undefined;

/**
 * The search that all readers share, for each instance of the module would reserve gigabytes of addresses: what it found is
 * used up before anybody searches again.
 */
export function lowBytes(): LowBytes {
  if (shared) return shared;
  try {
    shared = searchBySixteen();
  } catch {
    // A processor without such comparisons, or too few addresses: the loop gives the same.
    shared = searchByOne();
  }
  return shared;
}

function searchBySixteen(): LowBytes {
  const module = new WebAssembly.Module(Buffer.from(scanModule, 'base64'));
  const { memory, scan } = new WebAssembly.Instance(module).exports as {
    memory: { buffer: ArrayBuffer };
    scan(length: number): number;
  };
  const input = new Uint8Array(memory.buffer, 0, searchBytesMax + padding.length);
  return {
    places: new Int32Array(memory.buffer, searchBytesMax + padding.length, searchBytesMax),
    search: (bytes, from, to) => {
      input.set(bytes.subarray(from, to));
      input.set(padding, to - from);
      return scan(to - from);
    },
  };
}

export function searchByOne(): LowBytes {
  const places = new Int32Array(searchBytesMax + 1);
  return {
    places,
    search: (bytes, from, to) => {
      let count = 0;
      // Without a branch that depends on the byte: every place is written down, and stays when its byte is low.
      for (let at = from; at < to; at++) {
        places[count] = at - from;
        count += (bytes[at]! - highest - 1) >>> 31;
      }
      return count;
    },
  };
}
