/**
 * Aborts on SIGINT, SIGTERM, SIGHUP, or when the parent that gave us an IPC channel is gone. A second signal ends the
 * process at once; children end by their closed standard input. npm and the terminal both send Ctrl-C, so what follows
 * within a second is the same wish.
 */
export function stopSignal(): { signal: AbortSignal; exitStatus(): number } {
  const wish = new AbortController();
  const statusOf = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  let status = 0;
  let since = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (wish.signal.aborted) {
        if (Date.now() - since > 1_000) process.exit(statusOf[name]);
        return;
      }
      since = Date.now();
      status = statusOf[name];
      wish.abort(new Error(`stopped by ${name}`));
    });
  }
  process.on('disconnect', () => {
    if (!wish.signal.aborted) wish.abort(new Error('the parent ended'));
  });
  // Without a listener for messages the channel keeps nobody alive.
  process.channel?.unref();
  return { signal: wish.signal, exitStatus: () => status };
}
