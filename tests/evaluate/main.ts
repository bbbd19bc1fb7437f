// `npm run evaluate -- --help` tells the options.
import { AppError } from '@florilegium/errors';
import { evaluate } from './evaluate.ts';
import { readOptions, usage } from './options.ts';

try {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === 'help') console.log(usage);
  else await evaluate(options, (text) => console.log(text));
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
