import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { failedPrecondition, messageOf } from '@florilegium/errors';
import type { MainJobOptions } from './options.ts';
import type { Summary } from './summary.ts';

/** What `job.json` in the data folder remembers: which job the folder belongs to, what its steps came to, and its summary once it is done. */
export interface JobFile {
  version: 1;
  library: string;
  seed: number;
  budget: number;
  iterations: number;
  maxCandidates: number | null;
  /** Part of every idempotency key, so that keys of another folder's job never meet. */
  jobId: string;
  /** What each step came to and how long it took, over all starts of the job together. */
  steps: Record<string, { count: string; seconds: number }>;
  summary?: Summary;
  backboneNote?: string;
}

const jobPath = (dataDir: string) => join(dataDir, 'job.json');

/**
 * The folder's job: begun now, or the one that is there when it is the same.
 * @throws failed_precondition naming the option in which it differs
 */
export async function openJob(options: MainJobOptions): Promise<JobFile> {
  const library = options.library.kind === 'folder' ? options.library.dir : options.library.kind;
  const wanted = {
    library,
    seed: options.seed,
    budget: options.budget,
    iterations: options.iterations,
    maxCandidates: options.maxCandidates ?? null,
  };
  let text: string;
  try {
    text = await readFile(jobPath(options.dataDir), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const jobId = createHash('sha256').update(JSON.stringify(wanted)).digest('hex').slice(0, 12);
    const job: JobFile = { version: 1, ...wanted, jobId, steps: {} };
    await saveJob(options.dataDir, job);
    return job;
  }
  let job: JobFile;
  try {
    job = JSON.parse(text) as JobFile;
  } catch (error) {
    throw failedPrecondition(`${jobPath(options.dataDir)} cannot be read: ${messageOf(error)}`);
  }
  for (const [name, value] of Object.entries(wanted)) {
    const there = job[name as keyof typeof wanted];
    if (there !== value) {
      const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      throw failedPrecondition(
        `${options.dataDir} holds a job with --${option} ${there ?? 'none'}; this is --${option} ${value ?? 'none'}: choose another --data folder`,
      );
    }
  }
  return job;
}

export async function saveJob(dataDir: string, job: JobFile): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const temporary = `${jobPath(dataDir)}.${process.pid}.tmp`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(`${JSON.stringify(job, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, jobPath(dataDir));
}
