/**
 * The program that the tests of this directory run as a compiled executable, under a terminal or with pipes: one
 * behaviour of the terminal room for each first argument. It speaks on standard error where standard output is tested.
 */
import { readSync, writeSync } from "node:fs";

import {
  enterRawMode,
  EscapeDetector,
  guardTerminalAtExit,
  isTerminal,
  releaseStandardInput,
  standardError,
  standardOutput,
  StandardStreams,
  watchParent,
  watchSignals,
  watchWindowSize,
  windowSize,
} from "../../src/terminal/index.ts";

const [, , behaviour = "", argument = ""] = process.argv;

/** Says something where the test listens. Synchronous, so that it is out before whatever comes next. */
function say(text: string): void {
  writeSync(2, `${text}\n`);
}

const HOLD_BYTES = 256 * 1024;

const behaviours: Readonly<Record<string, () => void>> = {
  /** Standard input to standard output, flow-controlled. */
  cat() {
    const hasher = new Bun.CryptoHasher("sha256");
    const kept: Uint8Array[] = [];
    let most = 0;
    let paused = false;
    const streams = new StandardStreams({
      data(bytes) {
        kept.push(bytes);
        streams.write(bytes.slice());
        most = Math.max(most, streams.queuedBytes);
        if (streams.queuedBytes > HOLD_BYTES && !paused) {
          paused = true;
          streams.pause();
        }
      },
      ended() {
        say("ended");
        streams.close();
      },
      written() {
        if (paused && streams.queuedBytes < HOLD_BYTES / 2) {
          paused = false;
          streams.resume();
        }
      },
      closed(error) {
        // Hashed only now: what was read must still be what it was.
        for (const bytes of kept) hasher.update(bytes);
        say(`closed ${error?.name ?? "orderly"} most=${most} read=${hasher.digest("hex")}`);
      },
    });
    streams.startReading();
  },

  /** As many bytes as told to standard output at once, in writes of odd sizes, then `process.exit` after the drain. */
  emit() {
    const output = standardOutput();
    const total = Number(argument);
    const hasher = new Bun.CryptoHasher("sha256");
    for (let sent = 0, size = 1; sent < total; size = (size * 7) % 100_003) {
      const bytes = new Uint8Array(Math.min(size, total - sent)).fill(size);
      hasher.update(bytes);
      output.write(bytes);
      sent += bytes.length;
    }
    output.onClosed((error) => say(`closed ${error.name}`));
    say(`queued ${output.queuedBytes} ${hasher.digest("hex")}`);
    void output.drain().then(() => process.exit(7));
  },

  /** Reads standard input slowly to its end and says what came. */
  slowly() {
    const hasher = new Bun.CryptoHasher("sha256");
    const buffer = new Uint8Array(32 * 1024);
    let total = 0;
    for (;;) {
      const length = readSync(0, buffer);
      if (length === 0) break;
      hasher.update(buffer.subarray(0, length));
      total += length;
      Bun.sleepSync(Number(argument));
    }
    say(`got ${total} ${hasher.digest("hex")}`);
  },

  /** More output than anybody takes; says that it still runs, and ends when it is told to. */
  stuck() {
    enterRawMode();
    const output = standardOutput();
    output.writeText("\x1b[?1049h");
    output.write(new Uint8Array(1_000_000).fill(120));
    let ticks = 0;
    setInterval(() => {
      if (++ticks === 5) say(`alive queued=${output.queuedBytes > 0}`);
    }, 10);
    watchSignals(() => process.exit(6));
  },

  /** Writes one line at a time until the output is closed. */
  chatter() {
    const output = standardOutput();
    let closed = false;
    output.onClosed((error) => {
      closed = true;
      say(`closed ${error.name}`);
    });
    const next = () => {
      output.writeText("line\n", () => setTimeout(next, 5));
    };
    next();
    process.on("exit", () => say(`exit closed=${closed}`));
  },

  /** Both outputs in turn. */
  both() {
    standardOutput().writeText("out\n");
    standardError().writeText("err\n");
  },

  /** Raw mode; each key says what to do next. Otherwise the bytes are shown as hex. */
  raw() {
    guardTerminalAtExit();
    const raw = enterRawMode(argument === "basic" ? { library: () => undefined } : {});
    const escapes = new EscapeDetector();
    const streams = new StandardStreams({
      data(bytes) {
        const { forward, actions } = escapes.push(bytes);
        if (actions.includes("terminate")) return end(0);
        const text = Buffer.from(forward).toString("latin1");
        if (text === "q") return end(3);
        if (text === "x") process.exit(5);
        if (text === "s") return void process.kill(process.pid, "SIGSTOP");
        if (text === "t") throw new Error("uncaught in the program");
        if (text === "r") return void Promise.reject(new Error("unhandled in the program"));
        if (text === "v") return write("\x1b[?1049h\x1b[?1h\x1b=\x1b[?2004h\x1b[?1000;1006h\x1b[?25ldrawn");
        if (text === "V") return write("\x1b[?25h\x1b[?1000;1006l\x1b[?2004l\x1b>\x1b[?1l\x1b[?1049lclean");
        if (text === "n") return write("one\ntwo");
        write(`<${Buffer.from(forward).toString("hex")}>`);
      },
      ended: () => end(4),
      written: () => undefined,
      closed: () => undefined,
    });
    const write = (text: string) => streams.write(Buffer.from(text, "latin1"));
    const end = (code: number) => {
      process.exitCode = code;
      stopSignals();
      releaseStandardInput();
      void streams.drain().then(() => {
        raw.restore();
        streams.close();
      });
    };
    const stopSignals = watchSignals((signal) => {
      if (signal === "SIGINT") process.exit(8);
      end(signal === "SIGTERM" ? 143 : 129);
    });
    streams.startReading();
    write(`READY ${raw.kind}`);
  },

  /** Raw mode; takes as many bytes as told from the terminal, sends them back, and says what they were. */
  paste() {
    const raw = enterRawMode();
    const hasher = new Bun.CryptoHasher("sha256");
    let total = 0;
    const streams = new StandardStreams({
      data(bytes) {
        hasher.update(bytes);
        total += bytes.length;
        streams.write(bytes);
        if (total >= Number(argument)) streams.close();
      },
      ended: () => undefined,
      written: () => undefined,
      closed() {
        raw.restore();
        say(`got ${total} ${hasher.digest("hex")}`);
      },
    });
    streams.startReading();
    streams.write(Buffer.from("READY"));
  },

  /** Raw mode that the fixture itself never ends: for signals without a handler. */
  stubborn() {
    enterRawMode();
    standardOutput().writeText("READY");
    setInterval(() => undefined, 1000);
  },

  /** Reads until the first bytes, stops, and ends by itself. With `never`, does not read at all. */
  stop() {
    if (argument === "never") return say("nothing read");
    const streams = new StandardStreams({
      data(bytes) {
        say(`read ${bytes.length}`);
        streams.close();
        releaseStandardInput();
      },
      ended: () => say("ended"),
      written: () => undefined,
      closed: () => say("closed"),
    });
    streams.startReading();
    say("READY");
  },

  /** Reads, then holds back as long as told (ms), then reads on. */
  hold() {
    let total = 0;
    const streams = new StandardStreams({
      data(bytes) {
        if (total === 0) {
          streams.pause();
          say(`paused`);
          setTimeout(() => {
            say(`resumed after ${total}`);
            streams.resume();
          }, Number(argument));
        }
        total += bytes.length;
      },
      ended() {
        say(`ended ${total}`);
        streams.close();
      },
      written: () => undefined,
      closed: () => undefined,
    });
    streams.startReading();
  },

  /** Reports signals; SIGTERM ends it. */
  signals() {
    const stop = watchSignals((signal) => {
      say(`got ${signal}`);
      if (signal !== "SIGTERM") return;
      stop();
      clearInterval(timer);
    });
    const timer = setInterval(() => undefined, 1000);
    say(`READY ${process.pid}`);
  },

  /** Reports the parent's death and ends then. */
  parent() {
    watchParent({ force: argument === "force" }, () => {
      say("parent died");
      clearTimeout(timer);
    });
    // The watch does not keep the process alive, and an orphan that notices nothing must not stay for ever.
    const timer = setTimeout(() => say("nothing noticed"), 1500);
    say(`READY ${process.pid}`);
  },

  /** Says the window's size and each new one. */
  size() {
    const show = (size: { cols: number; rows: number } | undefined) =>
      size === undefined ? "size unknown\n" : `size ${size.cols}x${size.rows}\n`;
    const first = show(windowSize());
    const stop = watchWindowSize((size) => {
      report(show(size));
      stop();
      clearTimeout(timer);
    });
    const timer = setTimeout(() => undefined, argument === "watch" ? 10_000 : 0);
    // Under a terminal wherever one is left.
    const report = (text: string) =>
      void writeSync(isTerminal(1) ? 1 : isTerminal(2) ? 2 : argument === "watch" ? 2 : 1, text);
    report(first);
  },

  /** Does nothing until SIGTERM, then ends. */
  quiet() {
    if (argument !== "unguarded") guardTerminalAtExit();
    const stop = watchSignals(() => {
      stop();
      clearInterval(timer);
      process.exitCode = 9;
    });
    const timer = setInterval(() => undefined, 1000);
    say("READY");
  },
};

const run = behaviours[behaviour];
if (run === undefined) throw new Error(`no behaviour "${behaviour}"`);
run();
