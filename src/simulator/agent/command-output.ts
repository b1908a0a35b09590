/**
 * The two ways in which the agent passes on what a non-interactive command prints: collected in a file and sent
 * after the end, or read from two pipes while it runs. Each knows when everything was sent.
 */
import { closeSync, openSync, readSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { PayloadType } from "../../protocol/index.ts";
import { OutputPump } from "./output-pump.ts";
import { PipeReader } from "./pipe-reader.ts";
import type { PluginContext } from "./plugin.ts";
import { Utf8Filter } from "./utf8-filter.ts";

/** Where a command's output goes, and how it gets to the client. */
export interface OutputWay {
  /** For `Bun.spawn`. */
  readonly stdout: "pipe" | number;
  readonly stderr: "pipe" | number;
  /**
   * Passes on what the command prints. Resolves when everything that will be sent was sent, with the exit
   * code that the client is to be told; undefined: none. Never rejects.
   */
  run(child: Bun.Subprocess): Promise<number | undefined>;
  /** Sends nothing more and gives everything back. */
  close(): Promise<void>;
}

/** Bytes read from the file at a time. */
const READ_BYTES = 64 * 1024;

/** Output that is sent after the command's end, standard output and error mixed; there is no exit code. */
export class FileOutput implements OutputWay {
  readonly stdout: number;
  readonly stderr: number;
  readonly #readDescriptor: number;
  readonly #pump: OutputPump;
  readonly #filter = new Utf8Filter();
  readonly #sent = Promise.withResolvers<undefined>();
  readonly #buffer = Buffer.allocUnsafe(READ_BYTES);
  #filled = 0;
  #used = 0;
  #atEnd = false;
  #closed = false;

  constructor(context: PluginContext) {
    const path = join(tmpdir(), `agent-output-${crypto.randomUUID()}`);
    // Appending: two descriptors would overwrite each other's text.
    this.stdout = openSync(path, "ax", 0o600);
    this.stderr = this.stdout;
    this.#readDescriptor = openSync(path, "r");
    unlinkSync(path);
    this.#pump = new OutputPump(context.outbox, context.options.pacing, {
      take: (maxBytes) => this.#take(maxBytes),
      sent: () => this.#sent.resolve(undefined),
      ended: () => this.#atEnd,
    });
  }

  async run(child: Bun.Subprocess): Promise<undefined> {
    await child.exited;
    if (!this.#closed) this.#pump.wake();
    return await this.#sent.promise;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#pump.stop();
    closeSync(this.stdout);
    closeSync(this.#readDescriptor);
    this.#sent.resolve(undefined);
  }

  #take(maxBytes: number): { payloadType: number; payload: Uint8Array } | undefined {
    if (this.#used === this.#filled) {
      this.#filled = readSync(this.#readDescriptor, this.#buffer, 0, READ_BYTES, null);
      this.#used = 0;
    }
    if (this.#filled === 0) {
      this.#atEnd = true;
      return undefined;
    }
    const end = Math.min(this.#used + maxBytes, this.#filled);
    const payload = this.#filter.push(this.#buffer.subarray(this.#used, end));
    this.#used = end;
    return { payloadType: PayloadType.output, payload };
  }
}

/** Standard output and error apart, while the command runs, and its exit code. */
export class SeparateOutput implements OutputWay {
  readonly stdout = "pipe";
  readonly stderr = "pipe";
  readonly #context: PluginContext;
  readonly #prefixes: { readonly stdOut: string; readonly stdErr: string };
  #readers: readonly PipeReader[] = [];

  constructor(context: PluginContext, prefixes: { readonly stdOut: string; readonly stdErr: string }) {
    this.#context = context;
    this.#prefixes = prefixes;
  }

  async run(child: Bun.Subprocess): Promise<number> {
    const { outbox, log } = this.#context;
    const gaveUp = (): void => log("reading-stopped-by-pause");
    const { stdOut, stdErr } = this.#prefixes;
    const { stdout, stderr } = child;
    if (!(stdout instanceof ReadableStream) || !(stderr instanceof ReadableStream)) {
      throw new TypeError("a command with separate output must be started with pipes");
    }
    this.#readers = [
      new PipeReader({ outbox, pipe: stdout, payloadType: PayloadType.output, prefix: stdOut, gaveUp }),
      new PipeReader({ outbox, pipe: stderr, payloadType: PayloadType.stdErr, prefix: stdErr, gaveUp }),
    ];
    const results = await Promise.all(this.#readers.map((reader) => reader.done));
    // The command waits for a reader that does not come back; only the API ends such a session.
    if (results.includes("stuck")) return await new Promise<never>(() => undefined);
    await child.exited;
    return child.signalCode === null ? (child.exitCode ?? 1) : -1;
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.cancel()));
  }
}
