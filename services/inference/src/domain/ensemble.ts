/** An ensemble as inference has recorded it: enough to find its artifacts and to know that they are the right ones. */
export interface RecordedEnsemble {
  id: string;
  /** Heads on embeddings, or networks on images. */
  method: 'probe' | 'finetune';
  trainingId: string | undefined;
  labelSetId: string | undefined;
  iterationId: string | undefined;
  manifestKey: string;
  manifestSha256: string;
  backboneName: string;
  backboneSha256: string;
  memberCount: number;
  temperature: number;
}
