const idsPerBlock = 1 << 16;

/**
 * A set of PageIDs as bits, in blocks of 65,536 ids made when first used. Its size follows the range of the ids, not how
 * many rows were read: 8 MiB for BHL's 64 million pages, 256 MiB if ids were strewn over all of int32.
 */
export class PageIdSet {
  private readonly blocks: (Uint8Array | undefined)[] = [];

  /** Adds the id and says whether it was new. */
  add(id: number): boolean {
    const index = id >>> 16;
    let block = this.blocks[index];
    if (!block) {
      while (this.blocks.length <= index) this.blocks.push(undefined);
      block = new Uint8Array(idsPerBlock / 8);
      this.blocks[index] = block;
    }
    const at = (id & 0xffff) >>> 3;
    const bit = 1 << (id & 7);
    const before = block[at]!;
    block[at] = before | bit;
    return (before & bit) === 0;
  }

  has(id: number): boolean {
    const block = this.blocks[id >>> 16];
    return block !== undefined && (block[(id & 0xffff) >>> 3]! & (1 << (id & 7))) !== 0;
  }

  /** The ids in ascending order. */
  *[Symbol.iterator](): Generator<number> {
    for (let index = 0; index < this.blocks.length; index++) {
      const block = this.blocks[index];
      if (!block) continue;
      for (let at = 0; at < block.length; at++) {
        const bits = block[at]!;
        if (bits === 0) continue;
        for (let bit = 0; bit < 8; bit++) if (bits & (1 << bit)) yield index * idsPerBlock + at * 8 + bit;
      }
    }
  }
}
