/** RFC 9110, 13.1.2: a list of tags, weak ones compared by their text, or `*`. */
export function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => part.trim() === '*' || part.trim().replace(/^W\//, '') === etag);
}

/** RFC 9110, 14.1.2, one part only; what is not understood is ignored, as it says. */
export function readRange(
  header: string | undefined,
  length: number,
): { start: number; bytes: number } | 'unsatisfiable' | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  if (!parts || (parts[1] === '' && parts[2] === '')) return undefined;
  if (parts[1] === '') {
    const bytes = Math.min(Number(parts[2]), length);
    return bytes === 0 ? 'unsatisfiable' : { start: length - bytes, bytes };
  }
  const start = Number(parts[1]);
  const end = parts[2] === '' ? length - 1 : Math.min(Number(parts[2]), length - 1);
  if (start >= length) return 'unsatisfiable';
  if (parts[2] !== '' && Number(parts[2]) < start) return undefined;
  return { start, bytes: end - start + 1 };
}
