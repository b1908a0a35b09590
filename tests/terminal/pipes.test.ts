/** Standard streams of the compiled program on pipes, files, sockets and closed descriptors: every byte, and no hang. */
import { beforeAll, describe, expect, test } from "bun:test";
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import { environment, temporaryDirectory } from "../support/environment.ts";
import { clearLater } from "../support/leftovers.ts";
import { run, start } from "../support/processes.ts";
import { needs } from "../support/programs.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import { waitFor, within } from "../support/wait-for.ts";
import { fixture } from "./executable.ts";

const FIVE_MB = 5_000_000;

const onUnix = describe.skipIf(process.platform === "win32");

let program = "";
let directory = "";
let file = "";
let hash = "";

beforeAll(async () => {
  program = await fixture();
  directory = temporaryDirectory("pipes");
  file = join(directory, "five");
  const bytes = new SeededRandom(1).bytes(FIVE_MB);
  hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  writeFileSync(file, bytes);
}, 30_000);

/** Runs a line of shell with the fixture as $F, the 5 MB file as $BYTES and nothing as standard input. */
function shell(line: string, extra: Record<string, string> = {}) {
  return run(["sh", "-c", line], { env: { F: program, BYTES: file, DIR: directory, ...extra } });
}

const hashOf = (text: string, word: string) => new RegExp(`${word}.*?([0-9a-f]{64})`).exec(text)?.[1];

onUnix("5 MB through the program", () => {
  test("from a file to a slow pipe, with little in memory", async () => {
    const { stderr } = await shell('"$F" cat <"$BYTES" | "$F" slowly 1');
    expect(hashOf(stderr, "got 5000000")).toBe(hash);
    // What was read is looked at only at the end: no later read may have changed it.
    expect(hashOf(stderr, "read=")).toBe(hash);
    expect(Number(/most=(\d+)/.exec(stderr)?.[1])).toBeLessThan(2_000_000);
  });

  test("from a pipe to a file, appended at the right place", async () => {
    await shell('printf head >"$DIR/out"; cat "$BYTES" | "$F" cat >>"$DIR/out"');
    const out = readFileSync(join(directory, "out"));
    expect(out.subarray(0, 4).toString()).toBe("head");
    expect(new Bun.CryptoHasher("sha256").update(out.subarray(4)).digest("hex")).toBe(hash);
  });

  test("from a socket", async () => {
    const child = start([program, "cat"]);
    await child.write(new Uint8Array(readFileSync(file)));
    child.endInput();
    await child.finish();
    expect(child.stdout.sha256()).toBe(hash);
  });

  needs("python3").test("with descriptors that the parent has made non-blocking", async () => {
    const outcome = await run([
      "python3",
      "-c",
      `
import os, subprocess, sys, threading, hashlib
out_r, out_w = os.pipe(); in_r, in_w = os.pipe()
for fd in (out_w, in_r): os.set_blocking(fd, False)
p = subprocess.Popen([sys.argv[1], "cat"], stdin=in_r, stdout=out_w)
os.close(in_r); os.close(out_w)
data = open(sys.argv[2], "rb").read()
def feed():
    with os.fdopen(in_w, "wb") as f: f.write(data)
threading.Thread(target=feed).start()
h = hashlib.sha256()
while True:
    b = os.read(out_r, 20000)
    if not b: break
    h.update(b)
print("hash", h.hexdigest(), p.wait())
`,
      program,
      file,
    ]);
    expect(outcome.stdout.trim()).toBe(`hash ${hash} 0`);
  });

  needs("python3").test("with one socket as standard input and output", async () => {
    const outcome = await run([
      "python3",
      "-c",
      `
import hashlib, socket, subprocess, sys, threading
ours, theirs = socket.socketpair()
p = subprocess.Popen([sys.argv[1], "cat"], stdin=theirs, stdout=theirs)
theirs.close()
data = open(sys.argv[2], "rb").read()
def feed():
    ours.sendall(data); ours.shutdown(socket.SHUT_WR)
threading.Thread(target=feed).start()
h = hashlib.sha256()
while True:
    b = ours.recv(20000)
    if not b: break
    h.update(b)
print("hash", h.hexdigest(), p.wait())
`,
      program,
      file,
    ]);
    expect(outcome.stdout.trim()).toBe(`hash ${hash} 0`);
  });

  test("written at once and followed by process.exit after the drain", async () => {
    const { stderr } = await shell(`{ "$F" emit ${FIVE_MB}; echo "code=$?" >&2; } | "$F" slowly 1`);
    expect(hashOf(stderr, "got 5000000")).toBe(hashOf(stderr, "queued 5000000"));
    expect(hashOf(stderr, "got 5000000")).toBeDefined();
    expect(stderr).toContain("code=7");
  });

  test("300 KB to a reader that is slower still", async () => {
    const { stderr } = await shell(`"$F" emit 300000 | "$F" slowly 40`);
    expect(hashOf(stderr, "got 300000")).toBe(hashOf(stderr, "queued 300000"));
    expect(hashOf(stderr, "got 300000")).toBeDefined();
  });
});

onUnix("a reader that is gone", () => {
  test("is an orderly end, without a dump", async () => {
    const { stderr } = await shell('{ "$F" chatter; echo "code=$?" >&2; } | head -n 2');
    expect(stderr).toBe("closed OutputClosedError\nexit closed=true\ncode=0\n");
  });

  test("in the middle of a large backlog", async () => {
    const { stderr } = await shell('{ "$F" cat <"$BYTES"; echo "code=$?" >&2; } | head -c 100000 >/dev/null');
    expect(stderr).toMatch(/^closed OutputClosedError .*\ncode=0\n$/);
  });

  test("a full disk is named", async () => {
    if (process.platform !== "linux") return;
    const { stderr } = await shell('"$F" chatter >/dev/full');
    expect(stderr).toBe("closed OutputFailedError\nexit closed=true\n");
  });
});

onUnix("standard input", () => {
  test.each([
    ["/dev/null", '"$F" cat </dev/null'],
    ["closed", '"$F" cat <&-'],
    ["a directory", '"$F" cat </'],
    ["an empty pipe", ': | "$F" cat'],
  ])("%s: ends at once", async (_name, line) => {
    const { stderr } = await shell(`${line}; echo "code=$?" >&2`);
    expect(stderr).toMatch(/^ended\nclosed orderly most=0 .*\ncode=0\n$/);
  });

  test("standard output or all three closed: no hang, no dump", async () => {
    const { stderr } = await shell(
      '"$F" both >&-; echo "code=$?" >&2; "$F" both 2>&- >/dev/null; echo "code=$?" >&2; ' +
        '"$F" cat <&- >&- 2>&-; echo "code=$?" >&2',
    );
    expect(stderr).toBe("err\ncode=0\ncode=0\ncode=0\n");
  });

  test("a pause is felt by the writer", async () => {
    const fifo = join(directory, "held");
    Bun.spawnSync(["mkfifo", fifo]);
    const reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    const writing = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
    const child = Bun.spawn([program, "hold", "700"], {
      stdin: reading,
      stdout: "ignore",
      stderr: "pipe",
      env: environment(),
    });
    clearLater(() => child.kill("SIGKILL"));
    closeSync(reading);
    const block = new Uint8Array(4096);
    let taken = 0;
    const fill = () => {
      for (;;) {
        try {
          taken += writeSync(writing, block);
        } catch {
          return;
        }
      }
    };
    fill();
    const text = new Response(child.stderr).text();
    const first = taken;
    await waitFor(
      () => {
        fill();
        return taken > first;
      },
      { what: "the first read" },
    );
    // Another pipe full at most goes in while it is held, however long we try.
    let last = 0;
    await waitFor(
      () => {
        fill();
        const same = taken === last;
        last = taken;
        return same;
      },
      { what: "a full pipe", intervalMs: 50 },
    );
    expect(taken).toBeLessThanOrEqual(3 * 65_536);
    await waitFor(
      () => {
        fill();
        return taken > 1_000_000;
      },
      { what: "the pipe to move again", intervalMs: 1 },
    );
    closeSync(writing);
    expect(await within(child.exited, { what: "the end" })).toBe(0);
    const [, held, total] = /resumed after (\d+)\nended (\d+)/.exec(await text) ?? [];
    expect(Number(held)).toBeLessThanOrEqual(262_144);
    expect(Number(total)).toBe(taken);
  });

  test("never touched, it does not keep the process alive", async () => {
    const child = start([program, "stop", "never"]);
    expect((await child.finish(3_000)).stderr).toBe("nothing read\n");
  });

  test("an open pipe does not keep the process alive after the stop", async () => {
    const child = start([program, "stop"]);
    await child.stderr.waitFor("READY");
    await child.write("x");
    expect((await child.finish(3_000)).stderr).toBe("READY\nread 1\nclosed\n");
  });
});

onUnix("output that nobody takes", () => {
  test("does not stop the event loop, nor an exit", async () => {
    const fifo = join(directory, "stuck");
    Bun.spawnSync(["mkfifo", fifo]);
    const child = start(["sh", "-c", `exec 3<>"${fifo}"; exec "${program}" stuck >&3`]);
    await child.stderr.waitFor("alive queued=true");
    child.kill("SIGTERM");
    expect((await child.finish(3_000)).exitCode).toBe(6);
  });

  needs("python3").test("on a terminal neither", async () => {
    const outcome = await run([
      "python3",
      "-c",
      `
import os, pty, signal, subprocess, sys
master, slave = pty.openpty()
p = subprocess.Popen([sys.argv[1], "stuck"], stdin=slave, stdout=slave, stderr=subprocess.PIPE)
print(p.stderr.readline().decode().strip())
p.send_signal(signal.SIGTERM)
print("code", p.wait(timeout=5))
`,
      program,
    ]);
    expect(outcome.stdout).toBe("alive queued=true\ncode 6\n");
  });
});
