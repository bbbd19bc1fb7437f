import { readdir } from 'node:fs/promises';

export interface ImageFile {
  pageId: number;
  file: string;
}

/** The images `<PageID>.<extension>` of a folder in ascending PageID; other files are none. */
export async function listImages(folder: string): Promise<ImageFile[]> {
  const images: ImageFile[] = [];
  for (const file of await readdir(folder)) {
    const pageId = /^(\d{1,10})\.(webp|jpeg|jpg|png|jp2|gif|tiff?)$/i.exec(file)?.[1];
    if (pageId !== undefined) images.push({ pageId: Number(pageId), file });
  }
  return images.sort((one, other) => one.pageId - other.pageId);
}
