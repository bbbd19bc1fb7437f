import sharp from 'sharp';

export interface CollageOptions {
  columns: number;
  rows: number;
  /** Height of a row; a picture keeps its proportions and is never cut. */
  rowHeightPx?: number;
  gapPx?: number;
}

const background = { r: 28, g: 27, b: 25 };

/**
 * A collage of page images, filled row by row; each row is spread so that left and right edges meet.
 * @param images encoded images (WebP, JPEG, PNG), at most columns × rows are used
 * @returns WebP bytes
 */
export async function makeCollage(
  images: readonly Buffer[],
  { columns, rows, rowHeightPx = 260, gapPx = 8 }: CollageOptions,
): Promise<Buffer> {
  const pictures = await Promise.all(
    images.slice(0, columns * rows).map(async (image) => {
      const { data, info } = await sharp(image)
        .resize({ height: rowHeightPx, withoutEnlargement: false })
        .png()
        .toBuffer({ resolveWithObject: true });
      return { data, width: info.width };
    }),
  );
  const lines = Array.from({ length: Math.ceil(pictures.length / columns) }, (_, row) =>
    pictures.slice(row * columns, (row + 1) * columns),
  );
  const widthOf = (line: typeof pictures) =>
    line.reduce((sum, { width }) => sum + width, 0) + gapPx * (line.length + 1);
  const width = Math.max(...lines.map(widthOf));
  const layers = lines.flatMap((line, row) => {
    const spread = line.length === columns ? (width - widthOf(line)) / Math.max(1, line.length - 1) : 0;
    let left = gapPx;
    return line.map(({ data, width: pictureWidth }) => {
      const layer = { input: data, left: Math.round(left), top: gapPx + row * (rowHeightPx + gapPx) };
      left += pictureWidth + gapPx + spread;
      return layer;
    });
  });
  return await sharp({
    create: { width, height: lines.length * (rowHeightPx + gapPx) + gapPx, channels: 3, background },
  })
    .composite(layers)
    .webp({ quality: 80 })
    .toBuffer();
}
