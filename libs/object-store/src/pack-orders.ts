/** A file to write: `length` bytes of the message's slab from `start`, or those of its own. */
export interface WriteOrder {
  id: number;
  path: string;
  start: number;
  length: number;
  /** A file of the same length in its place is the same file: names are hashes. */
  keepSame: boolean;
}

/** Orders packed: an object a file, taken apart and put together again on its way, would cost more than to copy the file's bytes. */
export interface WriterMessage {
  /** Lent: it comes back when its files are written. */
  slab: ArrayBuffer;
  /** Joined by zero bytes, which no path has. */
  paths: string;
  /** Per order: id, start, length, keepSame (1 or 0). */
  numbers: Float64Array;
  /** Files too large for a slab, by their place among the orders. */
  own: Map<number, Uint8Array> | undefined;
}

const numbersAnOrder = 4;

export function packOrders(orders: readonly WriteOrder[]): Pick<WriterMessage, 'paths' | 'numbers'> {
  const numbers = new Float64Array(orders.length * numbersAnOrder);
  for (let index = 0, at = 0; index < orders.length; index++) {
    const order = orders[index]!;
    numbers[at++] = order.id;
    numbers[at++] = order.start;
    numbers[at++] = order.length;
    numbers[at++] = order.keepSame ? 1 : 0;
  }
  return { paths: orders.map(({ path }) => path).join('\0'), numbers };
}

export function* unpackOrders({ paths, numbers }: WriterMessage): Generator<WriteOrder> {
  let at = 0;
  for (const path of paths.split('\0')) {
    yield {
      path,
      id: numbers[at]!,
      start: numbers[at + 1]!,
      length: numbers[at + 2]!,
      keepSame: numbers[at + 3] === 1,
    };
    at += numbersAnOrder;
  }
}
