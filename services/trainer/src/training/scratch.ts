const prefix = 'models/scratch/';

/** What only a training itself reads: datasets, logits, checkpoints. Gone once it has ended; never an artifact. */
export const scratch = {
  prefix,
  /** Each attempt writes its own, and the row names the one that counts: a worker that was given up for lost overwrites nobody's. */
  dataset: (trainingId: string, attempt: number) => `${prefix}${trainingId}/dataset-${attempt}.bin`,
  images: (trainingId: string, attempt: number) => `${prefix}${trainingId}/images-${attempt}.bin`,
  logits: (trainingId: string, member: number, attempt: number) =>
    `${prefix}${trainingId}/member-${member}-${attempt}.logits`,
  /** One for all attempts: every checkpoint of a member is as good as another, and tells its own hash. */
  checkpoint: (trainingId: string, member: number) => `${prefix}${trainingId}/member-${member}.checkpoint`,
  ofTraining: (trainingId: string) => `${prefix}${trainingId}/`,
  trainingIdOf: (key: string) => key.slice(prefix.length).split('/', 1)[0]!,
};
