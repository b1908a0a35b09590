/**
 * As much of S3 as file transfers through a bucket need: PUT, GET, HEAD and DELETE of one object, and the bucket's
 * location. Every bucket exists, objects are kept in memory, signatures are not looked at.
 */
import { afterAll, beforeAll } from "bun:test";

/** A store that runs while the tests of a file do. */
export interface ObjectStore {
  readonly url: string;
  /** Keys of the objects that are there now. */
  keys(): readonly string[];
}

/** Starts a store for the tests of this file. */
export function useObjectStore(): ObjectStore {
  const objects = new Map<string, Uint8Array>();
  let server: Bun.Server<undefined> | undefined;
  beforeAll(() => {
    server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        const { pathname, searchParams } = new URL(request.url);
        if (searchParams.has("location")) return bucketLocation();
        if (request.method === "PUT") {
          const bytes = await request.bytes();
          objects.set(pathname, bytes);
          return new Response(null, { headers: headersOf(bytes) });
        }
        if (request.method === "DELETE") {
          objects.delete(pathname);
          return new Response(null, { status: 204 });
        }
        const bytes = objects.get(pathname);
        if (bytes === undefined) return noSuchKey();
        return new Response(request.method === "HEAD" ? null : bytes, { headers: headersOf(bytes) });
      },
    });
  });
  afterAll(() => server?.stop(true));
  return {
    get url() {
      if (server === undefined) throw new Error("the object store runs only while tests run");
      return server.url.origin;
    },
    keys: () => [...objects.keys()],
  };
}

/** Empty is how the service names us-east-1. */
function bucketLocation(): Response {
  const xml = `<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`;
  return new Response(xml, { headers: { "content-type": "application/xml" } });
}

function noSuchKey(): Response {
  const xml = "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>";
  return new Response(xml, { status: 404, headers: { "content-type": "application/xml" } });
}

function headersOf(bytes: Uint8Array): Record<string, string> {
  return {
    etag: `"${new Bun.CryptoHasher("md5").update(bytes).digest("hex")}"`,
    "content-length": String(bytes.length),
  };
}
