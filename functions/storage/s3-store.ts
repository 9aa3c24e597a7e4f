// Object storage on AWS: the port of core/archive/port.ts over S3 or whatever speaks it, in Workers and in Node. Loaded only
// where S3 is chosen: the client is 120 KiB of the bundle, and nothing of it runs before.

import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { type ObjectStore, objectsPerCallMax } from '../../core/archive/port.ts';
import { assert } from '../../core/assert.ts';
import { type AwsAccess, awsFault, clientOptions } from '../cloud/aws-access.ts';

export interface S3Bucket extends AwsAccess {
  readonly bucket: string;
}

/**
 * An `ObjectStore` over a bucket of S3. A bucket by an endpoint of its own is addressed by path, so that it needs no DNS.
 *
 * `ifAbsent` asks first and then stores under `If-None-Match: *`. S3 itself decides a race; a store that does not know the
 * condition ignores it and lets the last of two writers at the same instant win. Keys that follow from their content make
 * that harmless, and the archive has no others.
 */
export function s3Store({ bucket, ...access }: S3Bucket): ObjectStore {
  const client = new S3Client({ ...clientOptions(access), forcePathStyle: access.endpoint !== undefined });
  const attempt = async <T>(what: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (cause) {
      throw awsFault(`object storage failed: S3 ${what}`, cause);
    }
  };

  async function has(key: string): Promise<boolean> {
    try {
      await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
      return true;
    } catch (cause) {
      if (statusOf(cause) === 404) return false;
      throw cause;
    }
  }

  return {
    async put(key, bytes, { contentType, ifAbsent = false }) {
      const object = { Bucket: bucket, Key: key, Body: bytes, ContentType: contentType };
      return await attempt('put', async () => {
        if (!ifAbsent) {
          await client.send(new PutObjectCommand(object));
          return 'stored';
        }
        if (await has(key)) return 'present';
        try {
          await client.send(new PutObjectCommand({ ...object, IfNoneMatch: '*' }));
          return 'stored';
        } catch (cause) {
          if (statusOf(cause) === 412) return 'present';
          throw cause;
        }
      });
    },
    async get(key) {
      return await attempt('get', async () => {
        try {
          const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
          assert(Body !== undefined, 'an object has a body');
          const bytes = await Body.transformToByteArray();
          if (ContentLength !== undefined && ContentLength !== bytes.length) throw new Error('the answer was cut off');
          return bytes;
        } catch (cause) {
          if (cause instanceof S3ServiceException && cause.name === 'NoSuchKey') return null;
          throw cause;
        }
      });
    },
    async list(prefix, cursor, limit) {
      assert(limit >= 1 && limit <= objectsPerCallMax, 'a listing has 1 to 1,000 keys');
      const after = cursor === null ? {} : { StartAfter: cursor };
      const { Contents = [], IsTruncated = false } = await attempt('list', () =>
        client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: limit, ...after })),
      );
      const objects = Contents.flatMap(({ Key, Size = 0 }) => (Key === undefined ? [] : [{ key: Key, bytes: Size }]));
      return { objects, cursor: IsTruncated ? (objects.at(-1)?.key ?? null) : null };
    },
    async delete(keys) {
      assert(keys.length <= objectsPerCallMax, 'at most 1,000 objects are deleted at once');
      if (keys.length === 0) return;
      await attempt('delete', async () => {
        const Objects = keys.map((Key) => ({ Key }));
        const { Errors = [] } = await client.send(
          new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
        );
        const [first] = Errors;
        if (first !== undefined) throw new Error(`${Errors.length} not deleted, the first: ${first.Code ?? 'unknown'}`);
      });
    },
  };
}

function statusOf(cause: unknown): number | undefined {
  return cause instanceof S3ServiceException ? cause.$metadata.httpStatusCode : undefined;
}
