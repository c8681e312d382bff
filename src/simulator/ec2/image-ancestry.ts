import { iso, type Operation } from './call.ts';
import { checkImageId, visibleImage } from './image-access.ts';
import { imageNotFound } from './refusal.ts';
import type { SimImage } from './world.ts';
import type { Xml } from './xml.ts';

const LONGEST = 50;

/** From an image to its root; ancestors count also when they are gone or not the caller's. */
export const getImageAncestry: Operation = {
  parameters: ['ImageId', 'DryRun'],
  mutates: false,
  run(call) {
    const id = call.query.required('ImageId');
    checkImageId(id);
    const entries: Xml[] = [];
    let image: SimImage | undefined = visibleImage(call, id);
    if (!image) throw imageNotFound([id]);
    while (image && entries.length < LONGEST) {
      const { sourceImageId, sourceRegion: sourceImageRegion, createdAt }: SimImage = image;
      entries.push({ imageId: image.id, creationDate: iso(createdAt), sourceImageId, sourceImageRegion });
      image =
        sourceImageId !== undefined && sourceImageRegion !== undefined
          ? call.world.findImage(sourceImageId, sourceImageRegion)
          : undefined;
    }
    return { imageAncestryEntrySet: entries };
  },
};
