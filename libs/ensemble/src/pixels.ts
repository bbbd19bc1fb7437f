export { decodePixels, networkBackbone } from './network/decode-pixels.ts';
