import { effect, signal } from '@preact/signals';

const name = 'florilegium.theme';
const dark = matchMedia('(prefers-color-scheme: dark)');

export type ColorTheme = 'system' | 'light' | 'dark';
const stored = localStorage.getItem(name);

export const chosenTheme = signal<ColorTheme>(stored === 'light' || stored === 'dark' ? stored : 'system');
const systemIsDark = signal(dark.matches);
dark.addEventListener('change', () => {
  systemIsDark.value = dark.matches;
});

/** Counts up with each change: charts are painted anew. */
export const themeTurn = signal(0);

effect(() => {
  const chosen = chosenTheme.value;
  const isDark = chosen === 'dark' || (chosen === 'system' && systemIsDark.value);
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  if (chosen === 'system') localStorage.removeItem(name);
  else localStorage.setItem(name, chosen);
  themeTurn.value = themeTurn.peek() + 1;
});
