import { useEffect, useState } from 'preact/hooks';

/** A jump in the gallery brings some thirty pictures at once: mounted in one frame they would hold it up. */
const turnsPerFrame = 4;
const waiting = new Set<() => void>();
let frame = 0;

function giveTurns(): void {
  frame = 0;
  let given = 0;
  for (const take of waiting) {
    if (given++ === turnsPerFrame) break;
    waiting.delete(take);
    take();
  }
  if (waiting.size > 0) frame = requestAnimationFrame(giveTurns);
}

/** False until this component's turn has come; a few get theirs in each frame, in the order in which they asked. */
export function useOwnTurn(): boolean {
  const [isMine, setMine] = useState(false);
  useEffect(() => {
    const take = () => setMine(true);
    waiting.add(take);
    if (frame === 0) frame = requestAnimationFrame(giveTurns);
    return () => {
      waiting.delete(take);
    };
  }, []);
  return isMine;
}
