export { channelsWithin, colours, labOf, lumaOf, strays } from './colour';
export { halve, toneOf } from './raster';
export { blocks, gradients, halveTone, patterns } from './strokes';
export { inkProfiles } from './text-lines';
