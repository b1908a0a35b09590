/**
 * A child of certificates.test.ts, because the runtime reads most of the variables concerned when it starts: connects
 * to each URL of its arguments by fetch and by WebSocket with the certificates that its environment asks for, and
 * prints one line for each: the URL and "ok" or the code of the failure, twice.
 */

import { loadCertificates } from "../../src/transport/certificates.ts";

const tls = await loadCertificates({ environment: process.env });
const proxy = process.env["TEST_PROXY"];

async function byFetch(url: string): Promise<string> {
  try {
    const response = await fetch(url, { tls, keepalive: false, proxy: proxy ?? false });
    await response.text();
    return "ok";
  } catch (error) {
    return codeOf(error);
  }
}

async function byWebSocket(url: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = new WebSocket(url.replace("https:", "wss:"), {
    tls,
    ...(proxy === undefined ? {} : { proxy }),
  });
  socket.onopen = () => {
    socket.terminate();
    resolve("ok");
  };
  socket.onerror = (event) => resolve(codeOf("error" in event ? event.error : undefined));
  return await promise;
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

for (const url of process.argv.slice(2)) {
  process.stdout.write(`${await byFetch(url)} ${await byWebSocket(url)}\n`);
}
