import { type ParseArgsConfig, parseArgs } from 'node:util';
import { AppError } from '@florilegium/errors';

/** Ends the program with one line about its options, status 2. */
export function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}

/** The options of the command line; an unknown one is refused in one line, and `--help` tells `usage`. */
export function readCommandLine<const Options extends NonNullable<ParseArgsConfig['options']>>(
  usage: string,
  options: Options,
) {
  if (process.argv.includes('--help')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    refuse(`${(error as Error).message.split('\n')[0]}\n${usage}`);
  }
}

/** For `.catch`: a fault of what the options name ends the program in one line, any other one goes on up. */
export function refuseFault(error: unknown): never {
  if (error instanceof AppError) refuse(error.message);
  throw error;
}
