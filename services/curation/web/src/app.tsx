import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ErrorBoundary, LocationProvider, lazy, Route, Router, useLocation } from 'preact-iso';
import { announcement } from './design/announce.ts';
import { type ColorTheme, chosenTheme } from './design/color-theme.ts';
import { FaultBoundary } from './design/fault-boundary.tsx';
import { Empty, View } from './design/parts.tsx';
import { Notices, Saving } from './label/saving.tsx';
import { apiKey, keepKey, keyAsked } from './rest/rest-client.ts';

const Overview = lazy(() => import('./overview/overview-view.tsx').then((module) => module.OverviewView));
const Begin = lazy(() => import('./begin/begin-view.tsx').then((module) => module.BeginView));
const Label = lazy(() => import('./label/label-view.tsx').then((module) => module.LabelView));
const Review = lazy(() => import('./review/review-view.tsx').then((module) => module.ReviewView));
const Iterations = lazy(() => import('./iterations/iterations-view.tsx').then((module) => module.IterationsView));
const Lists = lazy(() => import('./lists/lists-view.tsx').then((module) => module.ListsView));
const List = lazy(() => import('./lists/list-view.tsx').then((module) => module.ListView));
const Gallery = lazy(() => import('./plates/gallery-view.tsx').then((module) => module.GalleryView));
const Plate = lazy(() => import('./plates/plate-view.tsx').then((module) => module.PlateView));
const Collage = lazy(() => import('./plates/collage-view.tsx').then((module) => module.CollageView));
const Runs = lazy(() => import('./runs/runs-view.tsx').then((module) => module.RunsView));

const places: readonly (readonly [string, string])[] = [
  ['/', 'Overview'],
  ['/label', 'Label'],
  ['/review', 'Review'],
  ['/iterations', 'Iterations'],
  ['/lists', 'Lists'],
  ['/collage', 'Collage'],
  ['/runs', 'Runs'],
];

export function App() {
  return (
    <LocationProvider scope={/^\/(?!v1\/|docs|iiif\/|assets\/)/}>
      <Shell>
        <ErrorBoundary>
          <Router>
            <Route path="/" component={Overview} />
            <Route path="/begin" component={Begin} />
            <Route path="/label" component={Label} />
            <Route path="/review" component={Review} />
            <Route path="/iterations" component={Iterations} />
            <Route path="/iterations/:number" component={Iterations} />
            <Route path="/lists" component={Lists} />
            <Route path="/lists/:version" component={List} />
            <Route path="/gallery/:version" component={Gallery} />
            <Route path="/pages/:pageId" component={Plate} />
            <Route path="/collage" component={Collage} />
            <Route path="/runs" component={Runs} />
            <Route default component={Nowhere} />
          </Router>
        </ErrorBoundary>
      </Shell>
    </LocationProvider>
  );
}

const Nowhere = () => (
  <View title="Nothing grows here">
    <Empty title="No such page">
      <a href="/">To the overview</a>
    </Empty>
  </View>
);

function Shell({ children }: { children: ComponentChildren }) {
  const { path } = useLocation();
  const main = useRef<HTMLElement>(null);
  const nav = useRef<HTMLElement>(null);
  const before = useRef(path);
  useEffect(() => {
    if (before.current === path) return;
    before.current = path;
    // A new view begins at its top, for the eye and for the keyboard.
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [path]);
  // On a narrow screen the places do not fit beside each other.
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [path]);
  return (
    <div class="shell">
      <div>
        <a class="skip button" href="#main">
          To the content
        </a>
        <header class="bar">
          <a class="wordmark" href="/">
            <img src="/assets/icon.svg" alt="" width="26" height="26" />
            Florilegium
          </a>
          <nav aria-label="Views" ref={nav}>
            {places.map(([address, title]) => (
              <a key={address} href={address} aria-current={isAt(path, address) ? 'page' : undefined}>
                {title}
              </a>
            ))}
          </nav>
          <div class="aside">
            <Saving />
            <ThemeChoice />
            <KeyButton />
          </div>
        </header>
        <Notices />
      </div>
      <main id="main" ref={main} tabIndex={-1}>
        <FaultBoundary path={path}>{children}</FaultBoundary>
      </main>
      <KeyDialog />
      <p class="unseen" aria-live="polite">
        {announcement}
      </p>
    </div>
  );
}

const isAt = (path: string, address: string) =>
  address === '/'
    ? path === '/' || path === '/begin'
    : path.startsWith(address) || (address === '/lists' && /^\/(gallery|pages)\//.test(path));

function ThemeChoice() {
  const next: Record<ColorTheme, ColorTheme> = { system: 'light', light: 'dark', dark: 'system' };
  const signs: Record<ColorTheme, string> = { system: '◐', light: '○', dark: '●' };
  const chosen = chosenTheme.value;
  return (
    <button
      type="button"
      class="quiet"
      title={`Colours: ${chosen}`}
      onClick={() => {
        chosenTheme.value = next[chosen];
      }}
    >
      <span aria-hidden="true">{signs[chosen]}</span>
      <span class="unseen">Colours: {chosen}</span>
    </button>
  );
}

function KeyButton() {
  if (apiKey.value === '') return null;
  return (
    <button
      type="button"
      class="quiet"
      onClick={() => {
        keyAsked.value = 'The key of this tab can be changed.';
      }}
    >
      Key
    </button>
  );
}

function KeyDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const reason = keyAsked.value;
  useEffect(() => {
    if (reason !== undefined && !dialog.current?.open) dialog.current?.showModal();
    if (reason === undefined) dialog.current?.close();
  }, [reason]);
  return (
    <dialog ref={dialog} aria-labelledby="key-title" onClose={() => (keyAsked.value = undefined)}>
      <form
        method="dialog"
        class="columns"
        onSubmit={(event) => {
          event.preventDefault();
          keepKey(input.current?.value.trim() ?? '');
        }}
      >
        <h2 id="key-title">This installation asks for a key</h2>
        <p>{reason}</p>
        <div class="field">
          <label for="key">API key</label>
          <input id="key" ref={input} type="password" autocomplete="off" spellcheck={false} />
          <span class="hint">It stays in this tab and ends with it.</span>
        </div>
        <div class="row">
          <button type="submit" class="main">
            Use this key
          </button>
          <button type="button" onClick={() => (keyAsked.value = undefined)}>
            Not now
          </button>
        </div>
      </form>
    </dialog>
  );
}
