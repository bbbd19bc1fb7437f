export { assertKey, contentKey } from './keys.ts';
export type { GetOptions, HandedObject, ObjectBody, ObjectHead, ObjectStore, StoredObject } from './object-store.ts';
export { openObjectStore } from './open-object-store.ts';
