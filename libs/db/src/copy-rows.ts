const firstBytes = 64 * 1024;
/** https://www.postgresql.org/docs/current/sql-copy.html, section Binary Format: signature, no flags, no extension. */
const header = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const trailer = Buffer.from([0xff, 0xff]);
const int4Oid = 23;
const float4Oid = 700;

/**
 * Rows in COPY's binary form (`copy t (columns) from stdin (format binary)`), written field by field into one growing buffer:
 * no object or text is made for a value, which for millions of rows is most of the work. What is written does not
 * check the table: the caller gives each row as many fields as it names columns, of their types.
 */
export class CopyRows {
  private buffer = Buffer.allocUnsafeSlow(firstBytes);
  private view = new DataView(this.buffer.buffer);
  private at = 0;

  constructor() {
    this.bytes(header, 0, header.length);
  }

  /** Bytes that wait to be taken. */
  get length(): number {
    return this.at;
  }

  /** The bytes so far, no longer ours. */
  take(): Buffer {
    const taken = this.buffer.subarray(0, this.at);
    this.buffer = Buffer.allocUnsafeSlow(Math.max(firstBytes, this.at + (this.at >> 2)));
    this.view = new DataView(this.buffer.buffer);
    this.at = 0;
    return taken;
  }

  /** What remains, with the mark of the end. */
  finish(): Buffer {
    this.bytes(trailer, 0, trailer.length);
    return this.take();
  }

  beginRow(fieldCount: number): void {
    this.reserve(2);
    this.int16(fieldCount);
  }

  int2(value: number): void {
    this.reserve(6);
    this.int32(2);
    this.int16(value);
  }

  int4(value: number): void {
    this.reserve(8);
    this.int32(4);
    this.int32(value);
  }

  float4(value: number): void {
    this.reserve(8);
    this.int32(4);
    this.float32(value);
  }

  nothing(): void {
    this.reserve(4);
    this.int32(-1);
  }

  /** The first `count` values as an integer[]. */
  int4Array(values: Int32Array, count: number): void {
    this.reserve(24 + count * 8);
    if (count === 0) {
      this.int32(12);
      this.int32(0);
      this.int32(0);
      this.int32(int4Oid);
      return;
    }
    this.int32(20 + count * 8);
    this.int32(1);
    this.int32(0);
    this.int32(int4Oid);
    this.int32(count);
    this.int32(1);
    for (let index = 0; index < count; index++) {
      this.int32(4);
      this.int32(values[index]!);
    }
  }

  /** `count` values from `from` on as a real[]; at least one. */
  float4Array(values: Float32Array, from: number, count: number): void {
    this.reserve(24 + count * 8);
    this.int32(20 + count * 8);
    this.int32(1);
    this.int32(0);
    this.int32(float4Oid);
    this.int32(count);
    this.int32(1);
    for (let index = from; index < from + count; index++) {
      this.int32(4);
      this.float32(values[index]!);
    }
  }

  text(value: string): void {
    const from = this.beginField();
    this.utf8(value);
    this.endField(from);
  }

  /** Begins a field whose bytes follow by `byte`, `bytes` and `utf8`; what it gives is for `endField`. */
  beginField(): number {
    this.reserve(4);
    this.at += 4;
    return this.at;
  }

  /** Begins a jsonb field: its text follows. */
  beginJsonb(): number {
    const from = this.beginField();
    // The version of jsonb's binary form.
    this.byte(1);
    return from;
  }

  endField(from: number): void {
    this.view.setInt32(from - 4, this.at - from);
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  bytes(source: Uint8Array, from: number, to: number): void {
    this.reserve(to - from);
    // Short runs: a call into the runtime would cost more than this loop.
    for (let at = from; at < to; at++) this.buffer[this.at++] = source[at]!;
  }

  utf8(value: string): void {
    this.reserve(value.length * 3);
    this.at += this.buffer.write(value, this.at, 'utf8');
  }

  private int16(value: number): void {
    this.view.setInt16(this.at, value);
    this.at += 2;
  }

  private int32(value: number): void {
    this.view.setInt32(this.at, value);
    this.at += 4;
  }

  private float32(value: number): void {
    this.view.setFloat32(this.at, value);
    this.at += 4;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.at + bytes));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
    this.view = new DataView(larger.buffer);
  }
}
