import { useRef, useState } from 'preact/hooks';

/** A value that is kept over visits. */
export function useKept(name: string, initial: string): [string, (value: string) => void] {
  const key = `florilegium.${name}`;
  const [value, setValue] = useState(localStorage.getItem(key) ?? initial);
  const set = useRef((next: string) => {
    localStorage.setItem(key, next);
    setValue(next);
  });
  return [value, set.current];
}
