// Just enough of ONNX's protobuf form (onnx.proto3) to declare one more output of a graph: published classifiers keep their features inside.
// ModelProto.graph = 7; GraphProto.node = 1, .output = 12; NodeProto.output = 2, .op_type = 4; ValueInfoProto.name = 1.

interface Field {
  number: number;
  /** Of the whole field, tag included. */
  start: number;
  end: number;
  /** Of its content; length-delimited fields alone have one. */
  contentStart: number;
}

const LENGTH_DELIMITED = 2;

/** The file with the result of its only `operator` node declared as an output, and that output's name. @throws Error when there is not exactly one */
export function declareOutput(model: Uint8Array, operator: string): { model: Uint8Array; output: string } {
  const graph = [...fieldsOf(model, 0, model.length)].find(({ number }) => number === 7);
  if (!graph) throw new Error('not an ONNX file: no graph');
  const results: string[] = [];
  for (const node of fieldsOf(model, graph.contentStart, graph.end)) {
    if (node.number !== 1) continue;
    let isOperator = false;
    let result = '';
    for (const field of fieldsOf(model, node.contentStart, node.end)) {
      const text = () => Buffer.from(model.subarray(field.contentStart, field.end)).toString('utf8');
      if (field.number === 4) isOperator = text() === operator;
      else if (field.number === 2 && result === '') result = text();
    }
    if (isOperator) results.push(result);
  }
  const output = results[0];
  if (results.length !== 1 || !output) throw new Error(`the graph has ${results.length} nodes ${operator}, not one`);
  const name = Buffer.from(output, 'utf8');
  const valueInfo = Buffer.concat([tag(1), varint(name.length), name]);
  const declared = Buffer.concat([tag(12), varint(valueInfo.length), valueInfo]);
  return {
    model: Buffer.concat([
      model.subarray(0, graph.start),
      tag(7),
      varint(graph.end - graph.contentStart + declared.length),
      model.subarray(graph.contentStart, graph.end),
      declared,
      model.subarray(graph.end),
    ]),
    output,
  };
}

const tag = (number: number) => varint((number << 3) | LENGTH_DELIMITED);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

function* fieldsOf(bytes: Uint8Array, from: number, to: number): Generator<Field> {
  let at = from;
  const readVarint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 63) throw new Error('not an ONNX file: cut short');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < to) {
    const start = at;
    const key = readVarint();
    const number = Math.floor(key / 8);
    let contentStart = at;
    switch (key % 8) {
      case 0:
        readVarint();
        break;
      case 1:
        at += 8;
        break;
      case LENGTH_DELIMITED: {
        const length = readVarint();
        contentStart = at;
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        throw new Error('not an ONNX file: unknown wire type');
    }
    if (at > to) throw new Error('not an ONNX file: cut short');
    yield { number, start, end: at, contentStart };
  }
}
