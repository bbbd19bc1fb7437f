// The learnt networks that can turn a page into an embedding. A file is known by its sha256, never by its name or place. More of them are
// described by manifest files (`backbone-manifests.ts`).

export interface BackboneManifest {
  name: string;
  sha256: string;
  bytes: number;
  licence: string;
  /** Where it can be downloaded; undefined for a file that is only ever given. */
  address: string | undefined;
  input: {
    name: string;
    /** Pixels a side, RASTER_SIDE at most. */
    side: number;
    layout: 'NHWC' | 'NCHW';
    /** `uint8` takes 0-255 as they are; for `float32` each channel is (value / 255 - mean) / deviation. */
    values: 'uint8' | { mean: readonly [number, number, number]; deviation: readonly [number, number, number] };
  };
  /** A declared output, or the result of the only node of one operator, declared by us before the file is run. */
  output: ({ name: string } | { operator: string }) & {
    /** Of a transformer that gives a row for each patch: the row that stands for the image, or the mean of all. */
    tokens?: 'first' | 'mean';
  };
  dimensions: number;
}

/** What ONNX Runtime multiplies with. */
export const executionProviders = ['cpu', 'cuda'] as const;
export type ExecutionProvider = (typeof executionProviders)[number];

export const builtInBackbones: readonly BackboneManifest[] = [
  {
    // MobileNetV2 1.0/224 of the ONNX model zoo, trained on ImageNet. Its 1,000 logits say less than the features they are made of.
    name: 'mobilenet-v2',
    sha256: 'c0c3f76d93fa3fd6580652a45618618a220fced18babf65774ed169de0432ad5',
    bytes: 13_964_571,
    licence: 'Apache-2.0',
    address:
      'https://github.com/onnx/models/raw/main/validated/vision/classification/mobilenet/model/mobilenetv2-12.onnx',
    input: {
      name: 'input',
      side: 224,
      layout: 'NCHW',
      values: { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
    },
    output: { operator: 'GlobalAveragePool' },
    dimensions: 1280,
  },
  {
    // The same architecture, converted from google-coral's quantised file and cut before the classifier.
    name: 'mobilenet-v2-uint8',
    sha256: '592eb658606ee72ceebdcb226015fc58c7e3802062c798dff214905f0f4e75b5',
    bytes: 8_839_713,
    licence: 'Apache-2.0',
    address: undefined,
    input: { name: 'pixels', side: 224, layout: 'NHWC', values: 'uint8' },
    output: { name: 'embedding' },
    dimensions: 1280,
  },
];
