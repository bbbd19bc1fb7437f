import * as tf from '@tensorflow/tfjs-core';

/**
 * What tfjs-backend-wasm 4.22 lacks to train convolutions, made from its own forward convolution (XNNPACK):
 *
 * - Conv2DBackpropFilter is not there. The gradient of a filter is the input convolved with the gradient of the output, pages and channels
 *   changing places, dilated by the stride.
 * - Conv2DBackpropInput is a plain loop, 10 to 30 times slower than a convolution. With stride 1 the gradient of the input is the gradient of the
 *   output, padded, convolved with the filter turned round; other strides are left to the loop.
 */
export function registerWasmKernels(): void {
  if (registered) return;
  registered = true;
  const slow = tf.getKernel('Conv2DBackpropInput', 'wasm');
  tf.unregisterKernel('Conv2DBackpropInput', 'wasm');
  tf.registerKernel({
    kernelName: 'Conv2DBackpropInput',
    backendName: 'wasm',
    // Binds the loop to the module when the backend starts.
    ...(slow.setupFunc && { setupFunc: slow.setupFunc }),
    kernelFunc: (call) => {
      const { filter, dy } = call.inputs as { filter: tf.Tensor4D; dy: tf.Tensor4D };
      const { strides, pad, dimRoundingMode, dataFormat, inputShape } =
        call.attrs as unknown as ConvolutionAttributes & {
          inputShape: Shape4D;
        };
      const { strideHeight, strideWidth, padInfo } = infoOf(inputShape, filter.shape, strides, pad, dimRoundingMode);
      const isPlain = strideHeight === 1 && strideWidth === 1 && dataFormat === 'NHWC';
      if (!isPlain) return slow.kernelFunc(call);
      const [height, width] = filter.shape;
      const isWide = padInfo.top < height && padInfo.bottom < height && padInfo.left < width && padInfo.right < width;
      if (!isWide) return slow.kernelFunc(call);
      return tf.tidy(() => {
        const padded = tf.pad(dy, [
          [0, 0],
          [height - 1 - padInfo.top, height - 1 - padInfo.bottom],
          [width - 1 - padInfo.left, width - 1 - padInfo.right],
          [0, 0],
        ]);
        const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]) as tf.Tensor4D;
        return tf.conv2d(padded, turned, 1, 'valid');
      });
    },
  });
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs }) => {
      const { x, dy } = inputs as { x: tf.Tensor4D; dy: tf.Tensor4D };
      const { strides, pad, dimRoundingMode, dataFormat, filterShape } = attrs as unknown as ConvolutionAttributes & {
        filterShape: Shape4D;
      };
      if (dataFormat !== 'NHWC') throw new Error(`Conv2DBackpropFilter wants NHWC, not ${dataFormat}`);
      const { strideHeight, strideWidth, padInfo } = infoOf(x.shape, filterShape, strides, pad, dimRoundingMode);
      return tf.tidy(() => {
        const [height, width, inChannels, outChannels] = filterShape;
        const channelsFirst = tf.transpose(x, [3, 1, 2, 0]);
        const padded = tf.pad(channelsFirst, [
          [0, 0],
          [padInfo.top, padInfo.bottom],
          [padInfo.left, padInfo.right],
          [0, 0],
        ]) as tf.Tensor4D;
        const changes = tf.transpose(dy, [1, 2, 0, 3]) as tf.Tensor4D;
        const gradient = tf.conv2d(padded, changes, 1, 'valid', 'NHWC', [strideHeight, strideWidth]);
        // Rows and columns that the stride never reached come out as more filter than there is.
        const cut = tf.slice(gradient, [0, 0, 0, 0], [inChannels, height, width, outChannels]);
        return tf.transpose(cut, [1, 2, 0, 3]);
      });
    },
  });
}

let registered = false;

type Shape4D = [number, number, number, number];

interface ConvolutionAttributes {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number;
  dataFormat: 'NHWC' | 'NCHW';
  dimRoundingMode: 'floor' | 'round' | 'ceil' | undefined;
}

const infoOf = (
  inputShape: Shape4D,
  filterShape: Shape4D,
  strides: ConvolutionAttributes['strides'],
  pad: ConvolutionAttributes['pad'],
  rounding: ConvolutionAttributes['dimRoundingMode'],
) => tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, rounding, false, 'channelsLast');
