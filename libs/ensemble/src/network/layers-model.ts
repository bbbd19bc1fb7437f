import type { LayersModelJson } from '../artifact.ts';
import { type Architecture, architectures, type Layer, weightSpecsOf } from './architectures.ts';

/**
 * The network as a `model.json` for `tf.loadLayersModel`: takes pixels from 0 to 255, [pages, side, side, 3], and gives P(HQ) before
 * calibration. Its weights are the weight file as it is.
 */
export function networkModelJson(architecture: Architecture, side: number, weightsSha256: string): LayersModelJson {
  const { layers } = architectures[architecture];
  const layerOf = (className: string, config: object) => ({ class_name: className, config });
  const last = layers.at(-1);
  const describe = (layer: Layer, at: number): object => {
    const name = `${layer.kind}${at}`;
    if (layer.kind === 'padding')
      return layerOf('ZeroPadding2D', { name, padding: [layer.pixels, layer.pixels], data_format: 'channels_last' });
    if (layer.kind === 'convolution')
      return layerOf('Conv2D', {
        name: layer.name,
        filters: layer.filters,
        kernel_size: [layer.kernel, layer.kernel],
        strides: [layer.stride, layer.stride],
        padding: layer.padding,
        data_format: 'channels_last',
        dilation_rate: [1, 1],
        activation: 'relu',
        use_bias: true,
      });
    if (layer.kind === 'pool')
      return layerOf('MaxPooling2D', {
        name,
        pool_size: [layer.size, layer.size],
        strides: [layer.stride, layer.stride],
        padding: 'valid',
        data_format: 'channels_last',
      });
    if (layer.kind === 'flatten') return layerOf('Flatten', { name });
    // A model that is loaded to predict leaves nothing out.
    if (layer.kind === 'dropout') return layerOf('Dropout', { name, rate: 0 });
    const activation = layer === last ? 'sigmoid' : 'relu';
    return layerOf('Dense', { name: layer.name, units: layer.units, activation, use_bias: true });
  };
  return {
    format: 'layers-model',
    generatedBy: 'florilegium',
    convertedBy: null,
    modelTopology: {
      class_name: 'Sequential',
      config: {
        name: architecture,
        layers: [
          layerOf('Rescaling', {
            name: 'pixels',
            scale: 1 / 127.5,
            offset: -1,
            batch_input_shape: [null, side, side, 3],
            dtype: 'float32',
          }),
          ...layers.map(describe),
        ],
      },
      keras_version: 'tfjs-layers 4.22.0',
      backend: 'tensor_flow.js',
    },
    weightsManifest: [
      {
        paths: [`${weightsSha256}.bin`],
        weights: weightSpecsOf(architecture, side).map(({ name, shape }) => ({ name, shape, dtype: 'float32' })),
      },
    ],
  };
}
