/**
 * Tells whether waiting is in vain: asked again and again, it says so once `waitMs` went by in which `progress` did not grow. Others may
 * come first: behind a hundred thousand pages a batch waits for hours, and rightly.
 */
export function createPatience(waitMs: number, progress: () => Promise<number>): () => Promise<boolean> {
  let giveUpAt = Date.now() + waitMs;
  let before: number | undefined;
  return async () => {
    if (Date.now() <= giveUpAt) return false;
    const now = await progress();
    if (before !== undefined && now <= before) return true;
    before = now;
    giveUpAt = Date.now() + waitMs;
    return false;
  };
}
