const numbers = new Intl.NumberFormat('en');

export const whole = (value: number): string => numbers.format(Math.round(value));
export const percent = (share: number, digits = 0): string => `${(100 * share).toFixed(digits)} %`;
export const decimal = (value: number | null | undefined, digits = 3): string =>
  value === null || value === undefined ? '–' : value.toFixed(digits);

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, count)) / 3)));
  return `${(count / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

export function duration(seconds: number): string {
  if (seconds < 1) return 'under 1 s';
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

const moments = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
export const moment = (iso: string): string => moments.format(new Date(iso));

/** `one page`, `2 pages`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count === 1 ? '1' : whole(count)} ${count === 1 ? one : many}`;

/** A sentence: first letter large, a full stop at its end. */
export const sentence = (text: string): string =>
  text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? '' : '.'}`;
