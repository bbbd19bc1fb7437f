import type { Iteration, IterationState } from '../rest/shapes.ts';

const stations: readonly { name: string; states: readonly IterationState[]; told: string }[] = [
  { name: 'Label', states: [], told: 'a person' },
  { name: 'Freeze', states: ['draft', 'frozen'], told: 'the label set' },
  { name: 'Train', states: ['training'], told: 'five members' },
  { name: 'Predict', states: ['predicting'], told: 'all sets' },
  { name: 'Review', states: ['review'], told: 'the disputed' },
];

const size = 360;
const centre = size / 2;
const radius = 122;
const at = (index: number, far = radius) => {
  const angle = (index / stations.length) * 2 * Math.PI - Math.PI / 2;
  return [centre + far * Math.cos(angle), centre + far * Math.sin(angle)] as const;
};

/** The loop as a picture: where the newest iteration stands in it. */
export function LoopPicture({ iteration, note }: { iteration: Iteration | undefined; note?: string | undefined }) {
  const state = iteration?.state;
  const here =
    state === undefined || state === 'closed' ? 0 : stations.findIndex(({ states }) => states.includes(state));
  const title = iteration
    ? `The loop: iteration ${iteration.number} is ${iteration.state}${note ? `, ${note}` : ''}`
    : 'The loop: no iteration yet, labels come first';
  return (
    <svg class="loop" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={title}>
      <defs>
        <marker id="loop-arrow" viewBox="0 0 10 10" refX="7" refY="5" markerWidth="7" markerHeight="7" orient="auto">
          <path d="M0 1 L9 5 L0 9 Z" class="loop-head" />
        </marker>
      </defs>
      {stations.map(({ name }, index) => {
        const gap = 0.3;
        const [fromX, fromY] = at(index + gap);
        const [toX, toY] = at(index + 1 - gap);
        return (
          <path
            key={name}
            class="loop-way"
            d={`M${fromX} ${fromY} A${radius} ${radius} 0 0 1 ${toX} ${toY}`}
            marker-end="url(#loop-arrow)"
          />
        );
      })}
      {stations.map(({ name, told }, index) => {
        const [x, y] = at(index);
        return (
          <g key={name} class="loop-station" data-here={index === here ? '' : undefined}>
            <circle cx={x} cy={y} r="46" />
            <text x={x} y={y - 1} class="loop-name">
              {name}
            </text>
            <text x={x} y={y + 15} class="loop-told">
              {told}
            </text>
          </g>
        );
      })}
      <text x={centre} y={centre - 4} class="loop-number">
        {iteration ? `№ ${iteration.number}` : '№ 0'}
      </text>
      <text x={centre} y={centre + 20} class="loop-note">
        {note ?? (iteration ? iteration.state : 'not begun')}
      </text>
    </svg>
  );
}
