export type { Draw } from '@florilegium/random';
export { DrawOf, drawIds, seededDraw } from '@florilegium/random';
export type {
  CandidateRule,
  CompiledRule,
  Explanation,
  PrefixPattern,
  RowVerdict,
  RuleOutcome,
  RuleRow,
} from './candidate-rule.ts';
export { compileRule } from './candidate-rule.ts';
export { candidateRule, candidateRules } from './candidate-rules.ts';
export type { CreatorFileOptions, CreatorFileRow } from './creator-file.ts';
export { readCreatorFile } from './creator-file.ts';
export type { Extraction, ExtractOptions } from './extract-candidates.ts';
export { extractCandidates } from './extract-candidates.ts';
export type { ByteSource } from './gunzip.ts';
export { inflateIfGzip } from './gunzip.ts';
export type { ImageAddressing, ImagePage, ImageSize } from './image-addresses.ts';
export {
  bucketImagePath,
  imageSizes,
  imageUrl,
  imageWidthPx,
  internetArchiveImagePath,
  isImageSize,
  isPlaceholderUrl,
  pageImagePath,
} from './image-addresses.ts';
export type { ImageCheck, ImageFormat, ImageLimits } from './image-checks.ts';
export { checkImage, defaultImageLimits, imageFormatOf, imageFormats, imageMediaTypes } from './image-checks.ts';
export type {
  FetchedImage,
  FetchImageOptions,
  ImageClient,
  ImageClientOptions,
  ImageFetchKind,
  ImageFetchOutcome,
  RequestReport,
  RequestResult,
} from './image-fetch.ts';
export { fetchImage, imageFetchKinds, openImageClient } from './image-fetch.ts';
export type { GrantedShare, GrantedSlots, HostGate, HostLimits, Passage, SlotLedger } from './image-gate.ts';
export { createHostGate, createMemoryLedger, slotsToTake } from './image-gate.ts';
export type { PageMove, RetryLimits } from './image-retry.ts';
export { defaultRetryLimits, movePage } from './image-retry.ts';
export type { ImageSource } from './image-sources.ts';
export { defaultImageSources, hostLimitsOf, parseImageSources } from './image-sources.ts';
export type { ItemFileOptions, ItemFileRow } from './item-file.ts';
export { readItemFile } from './item-file.ts';
export type { FileLabel, LabelFileEntry, LabelFileFault, LabelNumbering } from './label-file.ts';
export { labelNumberOf, readLabelFile } from './label-file.ts';
export type { PageFileOptions, PageFileRow, PageRow } from './page-file.ts';
export { readPageFile } from './page-file.ts';
export { PageIdSet } from './page-id-set.ts';
export { parseIdList, readIdList, sortIdsAsText } from './page-ids.ts';
export type { PageNameFileOptions } from './page-name-file.ts';
export { readPageNameFile } from './page-name-file.ts';
export { parseCandidateRules } from './parse-candidate-rules.ts';
export type { PartFileRow } from './part-file.ts';
export { readPartFile, readPartPageFile } from './part-file.ts';
export type { BadLine, BadLineReason, ReadProgress } from './tab-file.ts';
export type { TitleFileOptions, TitleFileRow } from './title-file.ts';
export { readTitleFile } from './title-file.ts';
export type { RandomAccess, ZipEntry } from './zip-file.ts';
export { listZipEntries, readZipEntry } from './zip-file.ts';
