import { Component, type ComponentChildren } from 'preact';
import { Empty } from './parts.tsx';

interface Props {
  /** Another view is another try. */
  path: string;
  children: ComponentChildren;
}

/** A view that breaks, or that cannot be loaded since the app was renewed meanwhile, must not take the others with it. */
export class FaultBoundary extends Component<Props, { fault: string | undefined; path: string }> {
  override state = { fault: undefined as string | undefined, path: '' };

  override componentDidCatch(error: unknown): void {
    console.error(error);
    this.setState({ fault: error instanceof Error ? error.message : String(error), path: this.props.path });
  }

  override render() {
    const { fault, path } = this.state;
    if (fault === undefined || path !== this.props.path) return this.props.children;
    return (
      <Empty title="This view cannot be shown">
        <p class="faint">{fault}</p>
        <p>Decisions that were given are kept.</p>
        <button type="button" class="main" onClick={() => location.reload()}>
          Load it anew
        </button>
      </Empty>
    );
  }
}
