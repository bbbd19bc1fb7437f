import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** What the environment says to the stack. */
export interface StackConfig {
  /** Tools that no npm package ships are kept here between runs. */
  cacheFolder: string;
  /** Folders that programs are looked for in. */
  programFolders: string[];
  /** Servers to use in place of the embedded ones. */
  databaseUrl: string | undefined;
  natsUrl: string | undefined;
}

export function readStackConfig(env: NodeJS.ProcessEnv = process.env): StackConfig {
  return {
    cacheFolder: env.FLORILEGIUM_CACHE || join(homedir(), '.cache', 'florilegium'),
    programFolders: [
      ...(env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''),
      // Where Debian keeps servers, which is not on every user's PATH, and Homebrew its programs.
      '/usr/local/sbin',
      '/usr/local/bin',
      '/usr/sbin',
      '/usr/bin',
      '/opt/homebrew/bin',
    ],
    databaseUrl: env.DATABASE_URL || undefined,
    natsUrl: env.NATS_URL || undefined,
  };
}
