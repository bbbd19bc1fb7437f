import { useEffect, useState } from 'preact/hooks';
import { counted } from '../design/format.ts';
import { markRefused } from './decision-history.ts';
import { dismissNotice, notices, outboxState, outboxTurn, sendNow, waitingDecisions } from './outbox.ts';

/** Whether all decisions have arrived, wherever one is in the app. */
export function Saving() {
  const state = outboxState.value;
  void outboxTurn.value;
  const count = waitingDecisions().reduce(
    (sum, operation) => sum + (operation.kind === 'labels' ? operation.labels.length : 1),
    0,
  );
  const kind = count > 0 && state.kind === 'idle' ? 'sending' : count === 0 ? 'idle' : state.kind;
  const detail = 'detail' in state ? state.detail : '';
  return (
    <>
      <span class="saving" data-kind={kind} id="saving">
        <span role="status">
          {count === 0
            ? 'All saved'
            : kind === 'sending'
              ? `Saving ${counted(count, 'decision')}`
              : `${counted(count, 'decision')} kept here: ${detail}`}
        </span>
        {kind === 'stalled' && state.kind === 'stalled' && <Wait until={state.retryAt} />}
      </span>
      {kind === 'stalled' && (
        <button type="button" onClick={sendNow}>
          Try now
        </button>
      )}
    </>
  );
}

/** The seconds that run down are not for a screen reader to read out. */
function Wait({ until }: { until: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return <span aria-hidden="true">retry in {Math.max(0, Math.ceil((until - now) / 1000))} s</span>;
}

/** Decisions that the server would not take: they stay until somebody has read them. */
export function Notices() {
  void outboxTurn.value;
  const all = notices();
  if (all.length === 0) return null;
  return (
    <ul class="notices" role="alert">
      {all.map(({ id, text, pageIds, isUndo }) => (
        <li key={id}>
          <span>
            {isUndo ? 'An undo' : 'A label'} of{' '}
            {pageIds.length === 1 ? `page ${pageIds[0]}` : counted(pageIds.length, 'page')} was not recorded: {text}
          </span>
          <button
            type="button"
            onClick={() => {
              markRefused(id, pageIds);
              dismissNotice(id);
            }}
          >
            Dismiss
          </button>
        </li>
      ))}
    </ul>
  );
}
