import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { listZipEntries, type RandomAccess, readZipEntry } from './zip-file.ts';

/** An archive as .NET writes it, or with 64-bit fields for everything. */
function zipOf(files: Record<string, string>, { wide = false, method = 8 } = {}): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const packed = method === 0 ? content : deflateRawSync(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(method, 8);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc32(content), 16);
    entry.writeUInt32LE(wide ? 0xffffffff : packed.length, 20);
    entry.writeUInt32LE(wide ? 0xffffffff : content.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(wide ? 0xffffffff : offset, 42);
    const extra = Buffer.alloc(wide ? 28 : 0);
    if (wide) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      extra.writeBigUInt64LE(BigInt(content.length), 4);
      extra.writeBigUInt64LE(BigInt(packed.length), 12);
      extra.writeBigUInt64LE(BigInt(offset), 20);
      entry.writeUInt16LE(extra.length, 30);
    }
    parts.push(local, Buffer.from(name), packed);
    directory.push(entry, Buffer.from(name), extra);
    offset += local.length + name.length + packed.length;
  }
  const directoryBytes = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(wide ? 0xffffffff : directoryBytes.length, 12);
  end.writeUInt32LE(wide ? 0xffffffff : offset, 16);
  if (!wide) return Buffer.concat([...parts, directoryBytes, end]);
  const wideEnd = Buffer.alloc(56);
  wideEnd.writeUInt32LE(0x06064b50, 0);
  wideEnd.writeBigUInt64LE(BigInt(directoryBytes.length), 40);
  wideEnd.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + directoryBytes.length), 8);
  return Buffer.concat([...parts, directoryBytes, wideEnd, locator, end]);
}

const accessOf = (bytes: Buffer): RandomAccess => ({
  bytesTotal: bytes.length,
  async *read(from, to) {
    for (let at = from; at < to; at += 1000) yield bytes.subarray(at, Math.min(to, at + 1000));
  },
});

async function contentsOf(bytes: Buffer): Promise<Record<string, string>> {
  const access = accessOf(bytes);
  const contents: Record<string, string> = {};
  for (const entry of await listZipEntries(access, 'data.zip')) {
    const blocks: Buffer[] = [];
    for await (const block of readZipEntry(access, entry, 'data.zip')) blocks.push(block);
    contents[entry.name] = Buffer.concat(blocks).toString();
  }
  return contents;
}

describe('a ZIP archive', () => {
  const files = { 'Data/page.txt': 'PageID\n'.repeat(50_000), 'Data/item.txt': 'ItemID\n1' };

  it.each([
    ['deflated', {}],
    ['stored', { method: 0 }],
    ['with 64-bit sizes', { wide: true }],
  ])('%s gives its files', async (_, options) => {
    expect(await contentsOf(zipOf(files, options))).toEqual(files);
  });

  it('is refused when it is cut, damaged, or no archive, naming what', async () => {
    const sound = zipOf(files);
    await expect(contentsOf(sound.subarray(0, 300))).rejects.toThrow('data.zip is not a sound ZIP archive: it has no');
    await expect(contentsOf(Buffer.from('PageID\n'))).rejects.toThrow('not a sound ZIP archive');
    const damaged = Buffer.from(sound);
    damaged.fill(0xff, 60, 80);
    await expect(contentsOf(damaged)).rejects.toThrow('data.zip: Data/page.txt is not a sound');
    const other = zipOf({ 'page.txt': 'one' }, { method: 0 });
    other.write('two', 38);
    await expect(contentsOf(other)).rejects.toThrow('checksum');
  });
});
