import { signal } from '@preact/signals';

/** What a screen reader is told next. */
export const announcement = signal('');

export function announce(text: string): void {
  // The same words twice are said twice only if they differ.
  announcement.value = announcement.peek() === text ? `${text}\u00a0` : text;
}
