const partBytes = 4 << 20;

/** Parts that are hashed and written one by one: those of an AlexNet in one go would hold this thread for a quarter of a second. */
export async function* inParts(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += partBytes) yield bytes.subarray(start, start + partBytes);
}
