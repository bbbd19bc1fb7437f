/** A layer as data: what trains, what predicts and what `tf.loadLayersModel` reads are made from the same list. */
export type Layer =
  | { kind: 'padding'; pixels: number }
  /** With bias, then ReLU. */
  | { kind: 'convolution'; name: string; filters: number; kernel: number; stride: number; padding: 'same' | 'valid' }
  /** The greatest of `size` x `size`. */
  | { kind: 'pool'; size: number; stride: number }
  | { kind: 'flatten' }
  | { kind: 'dropout' }
  /** With bias, then ReLU; the last one has a single unit and no ReLU: the logit of HQ. */
  | { kind: 'dense'; name: string; units: number };

export type Architecture = 'alexnet' | 'small';

const convolution = (
  name: string,
  filters: number,
  kernel: number,
  stride = 1,
  padding: 'same' | 'valid' = 'same',
): Layer => ({ kind: 'convolution', name, filters, kernel, stride, padding });
const pool = (size: number): Layer => ({ kind: 'pool', size, stride: 2 });
const dense = (name: string, units: number): Layer => ({ kind: 'dense', name, units });
const dropout: Layer = { kind: 'dropout' };
const flatten: Layer = { kind: 'flatten' };
const logit = dense('hq', 1);

export const architectures: Record<Architecture, { layers: readonly Layer[]; sideMin: number }> = {
  /** torchvision's AlexNet, which the reference project trains, with one logit in place of two: 57 million weights at side 224. */
  alexnet: {
    // A smaller side leaves the last pool nothing to look at.
    sideMin: 63,
    layers: [
      { kind: 'padding', pixels: 2 },
      convolution('conv1', 64, 11, 4, 'valid'),
      pool(3),
      convolution('conv2', 192, 5),
      pool(3),
      convolution('conv3', 384, 3),
      convolution('conv4', 256, 3),
      convolution('conv5', 256, 3),
      pool(3),
      flatten,
      dropout,
      dense('fc1', 4096),
      dropout,
      dense('fc2', 4096),
      logit,
    ],
  },
  /** 91 thousand weights and 4 million multiplications a page at side 64: minutes on a CPU. */
  small: {
    sideMin: 16,
    layers: [
      convolution('conv1', 16, 5, 2),
      pool(2),
      convolution('conv2', 32, 3),
      pool(2),
      convolution('conv3', 64, 3),
      pool(2),
      flatten,
      dropout,
      dense('fc1', 64),
      dropout,
      logit,
    ],
  },
};

export interface WeightSpec {
  /** As in a `model.json`: `conv1/kernel`, `conv1/bias`. */
  name: string;
  shape: number[];
  /** Inputs that one output sums; 0 for a bias. */
  fanIn: number;
}

/** The weights of an architecture on squares of `side` pixels and three colours, in the order of weight files. */
export function weightSpecsOf(architecture: Architecture, side: number): WeightSpec[] {
  const specs: WeightSpec[] = [];
  let width = side;
  let channels = 3;
  for (const layer of architectures[architecture].layers) {
    if (layer.kind === 'padding') width += 2 * layer.pixels;
    else if (layer.kind === 'pool') width = Math.floor((width - layer.size) / layer.stride) + 1;
    else if (layer.kind === 'flatten') [channels, width] = [channels * width * width, 1];
    else if (layer.kind === 'convolution') {
      const { name, filters, kernel, stride, padding } = layer;
      specs.push({
        name: `${name}/kernel`,
        shape: [kernel, kernel, channels, filters],
        fanIn: kernel * kernel * channels,
      });
      specs.push({ name: `${name}/bias`, shape: [filters], fanIn: 0 });
      width = padding === 'same' ? Math.ceil(width / stride) : Math.floor((width - kernel) / stride) + 1;
      channels = filters;
    } else if (layer.kind === 'dense') {
      specs.push({ name: `${layer.name}/kernel`, shape: [channels, layer.units], fanIn: channels });
      specs.push({ name: `${layer.name}/bias`, shape: [layer.units], fanIn: 0 });
      channels = layer.units;
    }
  }
  return specs;
}

export const sizeOf = ({ shape }: Pick<WeightSpec, 'shape'>): number => shape.reduce((product, n) => product * n, 1);

export const weightCountOf = (architecture: Architecture, side: number): number =>
  weightSpecsOf(architecture, side).reduce((sum, spec) => sum + sizeOf(spec), 0);

/** The weights of all specs as views of one array. */
export function viewsOf(specs: readonly WeightSpec[], weights: Float32Array): Float32Array[] {
  let start = 0;
  return specs.map((spec) => {
    const view = weights.subarray(start, start + sizeOf(spec));
    start += view.length;
    return view;
  });
}
