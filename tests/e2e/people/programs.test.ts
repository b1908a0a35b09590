/** Real programs through tunnels: PostgreSQL, Redis and an HTTP server, two tunnels and more in one process. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { temporaryDirectory } from "../../support/environment.ts";
import { findProgram, needsThat } from "../../support/programs.ts";
import { SeededRandom } from "../../support/seeded-random.ts";
import { waitFor } from "../../support/wait-for.ts";
import { type Forward, startForward, usePeopleStandIn } from "./people.ts";
import { client, findPostgresProgram, startNginx, startPostgres, startRedis } from "./programs.ts";

// The agent of this stand-in refuses loopback as a remote host; the ports themselves are the target's own.
const standIn = usePeopleStandIn();

const missing = [
  ...["psql", "pgbench", "redis-server", "redis-cli", "nginx", "curl", "setpriv"].filter(
    (name) => findProgram(name) === undefined,
  ),
  ...["initdb", "postgres"].filter((name) => findPostgresProgram(name) === undefined),
];

needsThat(missing.length === 0 ? undefined : missing.join(", ")).describe("real programs", () => {
  const root = temporaryDirectory("http");
  const socketDirectory = temporaryDirectory("sockets");
  let tunnels: Forward;
  let databasePort = 0;
  let redisPort = 0;
  let httpPort = 0;

  beforeAll(async () => {
    await Bun.write(join(root, "large"), new SeededRandom(5).bytes(3_000_000));
    await Bun.write(join(root, "small.txt"), "small\n");
    mkdirSync(join(root, "empty"));
    const [postgres, redis, nginx] = await Promise.all([startPostgres(), startRedis(), startNginx(root)]);
    tunnels = await startForward(standIn, [
      ...["-L", `0:${postgres.port}`, "-L", `0:localhost:${redis.port}`, "-L", `0:${nginx.port}`],
      // psql looks for a socket by this name in a directory.
      ...["-L", `${socketDirectory}/.s.PGSQL.5432:${postgres.port}`, "--sessions", "2"],
    ]);
    [databasePort = 0, redisPort = 0, httpPort = 0] = tunnels.ports;
  }, 30_000);

  afterAll(async () => {
    await tunnels.end();
  });

  /** What all tunnels together have sent. */
  const bytesToAgent = async (): Promise<number> =>
    (await standIn.simulator.call("openSessions")).reduce((sum, session) => sum + session.bytesToAgent, 0);

  const psql = (sql: string, host = "127.0.0.1", port = databasePort): ReturnType<typeof client> =>
    client([
      "psql",
      "-X",
      "-A",
      "-t",
      "-h",
      host,
      "-p",
      String(port),
      "-U",
      "test",
      "-d",
      "postgres",
      "-c",
      sql,
    ]);

  describe("PostgreSQL", () => {
    test("psql: an answer of 1 MB is whole", async () => {
      const { stdout } = await psql("select string_agg(md5(i::text), '') from generate_series(1, 32768) i");
      const expected = Array.from({ length: 32_768 }, (_, index) =>
        new Bun.CryptoHasher("md5").update(String(index + 1)).digest("hex"),
      ).join("");
      expect(stdout.trimEnd() === expected).toBe(true);
    });

    test("psql: over a Unix socket", async () => {
      expect((await psql("select 40 + 2", socketDirectory, 5432)).stdout).toBe("42\n");
    });

    test("pgbench: four clients at once, and the books balance", async () => {
      const common = ["-h", "127.0.0.1", "-p", String(databasePort), "-U", "test"];
      await client(["pgbench", ...common, "-i", "-q", "postgres"]);
      const before = await bytesToAgent();
      const bench = client(["pgbench", ...common, "-c", "4", "-t", "25", "-n", "postgres"]);
      // Every connection to the gateway is cut while it runs; no transaction may be lost or doubled.
      const ids = (await standIn.simulator.call("openSessions")).map(({ sessionId }) => sessionId);
      await waitFor(async () => (await bytesToAgent()) > before + 2_000, { what: "pgbench at work" });
      for (const sessionId of ids) await standIn.simulator.call("cut", sessionId);
      const { stdout } = await bench;
      expect(stdout).toContain("number of transactions actually processed: 100/100");
      const { stdout: sums } = await psql(
        "select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history), (select count(*) from pgbench_history)",
      );
      expect(sums).toBe("t|100\n");
      expect(tunnels.stdout.text().match(/"connection-restored"/g)?.length).toBeGreaterThanOrEqual(2);
    }, 60_000);
  });

  describe("Redis", () => {
    const redis = (words: readonly string[], input?: string): ReturnType<typeof client> =>
      client(
        ["redis-cli", "-h", "127.0.0.1", "-p", String(redisPort), ...words],
        input === undefined ? {} : { input },
      );

    test("a value of 200 kB there and back", async () => {
      const value = new SeededRandom(9).bytes(100_000).toHex();
      expect((await redis(["-x", "set", "key"], value)).stdout).toBe("OK\n");
      expect((await redis(["get", "key"])).stdout.trimEnd() === value).toBe(true);
    });

    test("2000 commands in a pipeline", async () => {
      const commands = Array.from({ length: 2_000 }, () => "INCR counter\r\n").join("");
      const { stdout } = await redis(["--pipe"], commands);
      expect(stdout).toContain("errors: 0, replies: 2000");
      expect((await redis(["get", "counter"])).stdout).toBe("2000\n");
    });
  });

  describe("HTTP", () => {
    const at = (path: string): string => `http://127.0.0.1:${httpPort}/${path}`;

    test("curl: files are the same, one connection for several, errors are errors", async () => {
      const { stdoutBytes } = await client(["curl", "-sS", "--fail", at("large")]);
      expect(Buffer.compare(stdoutBytes, readFileSync(join(root, "large")))).toBe(0);
      const { stdout } = await client(["curl", "-sS", ...Array.from({ length: 5 }, () => at("small.txt"))]);
      expect(stdout).toBe("small\n".repeat(5));
      const { stdout: status } = await client([
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        at("none"),
      ]);
      expect(status).toBe("404");
    });
  });

  test("all three at once, through one process", async () => {
    const [database, redis, http] = await Promise.all([
      psql("select count(*) from generate_series(1, 100000)"),
      client(["redis-cli", "-h", "127.0.0.1", "-p", String(redisPort), "ping"]),
      client(["curl", "-sS", `http://127.0.0.1:${httpPort}/small.txt`]),
    ]);
    expect([database.stdout, redis.stdout, http.stdout]).toEqual(["100000\n", "PONG\n", "small\n"]);
  });
});
