// The source server as a process of its own, so that what it measures is not held up by the test beside it. It tells its address, and for any
// message what was asked for and when; it ends with its parent.
import { startSourceServer } from './source-server.ts';

const source = await startSourceServer();
process.on('message', () => process.send!({ requests: source.requests, times: source.requestTimes }));
process.on('disconnect', () => process.exit());
process.send!({ baseUrl: source.baseUrl });
