// Starts a stack of the tests in a process of its own, says its pids in one line of JSON and waits to be killed.
import { startStack } from '@florilegium/stack';
import { tinyPrograms } from './tiny-programs.ts';

const stack = await startStack({
  dataDir: process.argv[2] ?? '',
  gatewayPort: 0,
  programs: tinyPrograms,
  durable: false,
  log: (line) => console.error(line),
});
console.log(JSON.stringify({ pids: stack.pids(), gatewayUrl: stack.gatewayUrl, databaseUrls: stack.databaseUrls }));
