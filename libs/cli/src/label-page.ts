// One page for labelling the images of a folder: the file is the state, the page shows one image and sends a key press.

export const labelPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Label images</title>
<style>
  :root { color-scheme: light dark; font: 1.1rem/1.4 system-ui, sans-serif; }
  body { margin: 0; height: 100vh; display: grid; grid-template-rows: 1fr auto; }
  img { width: 100%; height: 100%; object-fit: contain; min-height: 0; }
  main { min-height: 0; padding: .5rem; display: grid; place-items: center; }
  footer { padding: .6rem 1rem; display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
  button { font: inherit; padding: .4rem .9rem; }
  output { margin-inline-start: auto; font-variant-numeric: tabular-nums; }
</style>
<main><img id="image" alt=""></main>
<footer>
  <button data-label="HQ">1 HQ</button>
  <button data-label="LQ">2 LQ</button>
  <button data-label="NOT_SURE">3 NOT SURE</button>
  <button id="undo">Backspace: undo</button>
  <button id="stop">Esc: stop</button>
  <output id="status" aria-live="polite"></output>
</footer>
<script type="module">
  const image = document.getElementById('image');
  const status = document.getElementById('status');
  let current;
  let isBusy = false;
  async function send(path, body = {}) {
    if (isBusy) return;
    isBusy = true;
    try {
      const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(await response.text());
      show(await response.json());
    } catch (error) {
      status.textContent = 'Not saved: ' + error.message;
    } finally {
      isBusy = false;
    }
  }
  function show({ pageId, done, total, next, isStopped }) {
    current = pageId;
    status.textContent = isStopped ? 'Saved. You may close this page.' : pageId === null ? 'All ' + total + ' labelled. Esc ends.' : 'Page ' + pageId + ' · ' + done + ' of ' + total;
    image.src = pageId === null || isStopped ? '' : '/images/' + pageId;
    image.alt = pageId === null ? '' : 'Page ' + pageId;
    for (const id of next ?? []) new Image().src = '/images/' + id;
  }
  const label = (name) => current != null && send('/label', { pageId: current, label: name });
  const keys = { 1: () => label('HQ'), 2: () => label('LQ'), 3: () => label('NOT_SURE'), Backspace: () => send('/undo'), Escape: () => send('/stop') };
  addEventListener('keydown', (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  for (const button of document.querySelectorAll('[data-label]')) button.onclick = () => label(button.dataset.label);
  document.getElementById('undo').onclick = () => send('/undo');
  document.getElementById('stop').onclick = () => send('/stop');
  show(await (await fetch('/state')).json());
</script>
</html>
`;
