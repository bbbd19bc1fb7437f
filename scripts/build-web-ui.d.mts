export function buildWebUi(options: {
  /** The program that runs Vite. */
  node: string;
  say: (line: string) => void;
  fail: (line: string) => void;
}): Promise<void>;
