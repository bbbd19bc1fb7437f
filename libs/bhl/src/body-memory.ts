/** A body in memory that is its own. */
export interface HeldBody {
  readonly bytes: Buffer;
  /** What `bytes` is a view of, from its start. May be swapped for the same bytes elsewhere, as when a thread had them meanwhile. */
  memory: ArrayBuffer;
  /** The memory may go to another body now. Whoever never calls it leaves it to the garbage collector. */
  release(): void;
}

export interface BodyMemory {
  /** Room for a body; what it holds at first is undefined. */
  take(length: number): HeldBody;
}

// Memory is made in steps, so that bodies of like length fit into what others leave.
const stepBytes = 16 << 10;
const keptMax = 256;

/**
 * Memory for bodies, used again and again: fresh memory for large ones comes from the kernel page by page, which takes longer than to receive
 * what is put there, and that of small ones is most of what there is to collect. Holds up to `keptBytesMax` bytes that nobody uses.
 */
export function createBodyMemory(keptBytesMax = 32 << 20): BodyMemory {
  let free: ArrayBuffer[] = [];
  let freeBytes = 0;

  function memoryFor(length: number): ArrayBuffer {
    // The last given back first: it is the likeliest to be in a cache. Not one much too large, which another may want.
    const most = Math.max(2 * length, stepBytes);
    const at = free.findLastIndex(({ byteLength }) => byteLength >= length && byteLength <= most);
    if (at < 0) return new ArrayBuffer(Math.ceil(length / stepBytes) * stepBytes);
    const [found] = free.splice(at, 1);
    freeBytes -= found!.byteLength;
    return found!;
  }

  function giveBack(memory: ArrayBuffer): void {
    free.push(memory);
    freeBytes += memory.byteLength;
    for (; freeBytes > keptBytesMax || free.length > keptMax; free = free.slice(1)) freeBytes -= free[0]!.byteLength;
  }

  return { take: (length) => holdBody(memoryFor(length), length, giveBack) };
}

function holdBody(memory: ArrayBuffer, length: number, giveBack: (memory: ArrayBuffer) => void): HeldBody {
  let bytes = Buffer.from(memory, 0, length);
  let isHeld = true;
  return {
    get bytes() {
      return bytes;
    },
    get memory() {
      return memory;
    },
    set memory(elsewhere) {
      memory = elsewhere;
      bytes = Buffer.from(memory, 0, length);
    },
    release: () => {
      if (isHeld) giveBack(memory);
      isHeld = false;
    },
  };
}
