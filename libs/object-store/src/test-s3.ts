import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { type AddressInfo, createServer } from 'node:net';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

export interface TestS3 {
  endpoint: string;
  client: S3Client;
  /** Makes a bucket and gives the address of a prefix in it, as `openObjectStore` takes it. */
  addBucket(bucket: string, prefix: string): Promise<string>;
  stop(): void;
}

const startTimeoutMs = 60_000;

/** Whether an S3 server for tests is there: `moto_server` (PyPI: `moto[server]`) on PATH. */
export const hasTestS3 = (): boolean => spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status === 0;

/** An S3 server of its own for one test file, in memory; sets credentials that it takes in this process's environment. */
export async function startTestS3(): Promise<TestS3> {
  process.env.AWS_ACCESS_KEY_ID = 'test';
  process.env.AWS_SECRET_ACCESS_KEY = 'test';
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const server = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  await untilAnswering(endpoint, server);
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });
  return {
    endpoint,
    client,
    addBucket: async (bucket, prefix) => {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      return `s3://${bucket}/${prefix}?endpoint=${encodeURIComponent(endpoint)}`;
    },
    stop: () => {
      client.destroy();
      server.kill('SIGKILL');
    },
  };
}

async function untilAnswering(endpoint: string, server: ChildProcess): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  const answers = () =>
    fetch(endpoint).then(
      () => true,
      () => false,
    );
  while (!(await answers())) {
    if (performance.now() > deadline) {
      server.kill('SIGKILL');
      throw new Error(`moto_server does not answer within ${startTimeoutMs / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
