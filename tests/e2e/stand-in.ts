/**
 * The stand-in for AWS of one test file, in a process of its own, and what tests ask of it: sessions to start, and
 * whether they have ended at the other side.
 */
import { afterAll, beforeAll, expect } from "bun:test";

import { SSMClient, StartSessionCommand } from "@aws-sdk/client-ssm";

import type { SessionView, Simulator, SimulatorOptions } from "../../src/simulator/index.ts";
import { type SpawnedSimulator, spawnSimulator } from "../simulator/spawn.ts";
import { searchPath } from "../support/environment.ts";
import { waitFor } from "../support/wait-for.ts";

/** Which session to start; a plain shell on the target that is online unless told. */
export interface SessionRequest {
  readonly target?: string;
  readonly document?: string;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Starts a session by the API of a stand-in; the response as the AWS CLI passes it on. */
export async function startSession(
  { region, url, credentials, targets }: Pick<Simulator, "region" | "url" | "credentials" | "targets">,
  request: SessionRequest = {},
): Promise<string> {
  const client = new SSMClient({ region, endpoint: url, credentials });
  const parameters = Object.entries(request.parameters ?? {}).map(([name, text]) => [name, [text]]);
  const { SessionId, TokenValue, StreamUrl } = await client.send(
    new StartSessionCommand({
      Target: request.target ?? targets[0]?.id ?? "",
      ...(request.document === undefined ? {} : { DocumentName: request.document }),
      ...(parameters.length === 0 ? {} : { Parameters: Object.fromEntries(parameters) }),
    }),
  );
  client.destroy();
  return JSON.stringify({ SessionId, TokenValue, StreamUrl });
}

/** What shells of the stand-in show when they wait for a command. */
export const PROMPT = "ready> ";

/** See the file's comment. */
export class StandIn {
  #simulator: SpawnedSimulator | undefined;

  /** @throws Error before the file's tests have begun */
  get simulator(): SpawnedSimulator {
    if (this.#simulator === undefined) throw new Error("the stand-in runs only while tests run");
    return this.#simulator;
  }

  /** The target that is online. */
  get target(): string {
    return this.simulator.targets[0]?.id ?? "";
  }

  /** Variables that point the AWS CLI and the program at it. */
  get environment(): Readonly<Record<string, string | undefined>> {
    const { environment, unset } = this.simulator;
    return { ...environment, ...Object.fromEntries(unset.map((name) => [name, undefined])) };
  }

  /** Starts a session by the API; the response as the AWS CLI passes it on. */
  async startSession(request?: SessionRequest): Promise<string> {
    return await startSession(this.simulator, request);
  }

  /** One session as the gateway sees it. */
  async session(sessionId: string): Promise<SessionView> {
    const session = (await this.simulator.call("sessions")).find((view) => view.sessionId === sessionId);
    if (session === undefined) throw new Error(`the stand-in knows no session ${sessionId}`);
    return session;
  }

  /** Waits until a session has ended at the other side. */
  async sessionEnded(sessionId: string, timeoutMs = 3_000): Promise<void> {
    await waitFor(async () => (await this.session(sessionId)).status === "Terminated", {
      what: `the end of session ${sessionId} at the stand-in`,
      timeoutMs,
    });
  }

  async start(options: SimulatorOptions): Promise<void> {
    this.#simulator = await spawnSimulator({ simulator: options });
  }

  /** Every session must have ended by now, or tests leave shells behind. */
  async stop(): Promise<void> {
    try {
      await waitFor(async () => (await this.simulator.call("openSessions")).length === 0, {
        what: "the end of all sessions at the stand-in",
        timeoutMs: 3_000,
      });
      expect(this.simulator.errors()).toBe("");
    } finally {
      await this.simulator.stop();
    }
  }
}

/**
 * A stand-in for the tests of this file. Its agents do not pace their output, and shells speak at once, unless
 * `options` say otherwise.
 */
export function useStandIn(options: SimulatorOptions = {}): StandIn {
  const standIn = new StandIn();
  beforeAll(async () => {
    await standIn.start({
      ...options,
      agent: {
        pacing: false,
        shellStartDelayMs: 20,
        ...options.agent,
        environment: { PATH: searchPath(), HOME: "/", PS1: PROMPT, ...options.agent?.environment },
      },
    });
  });
  afterAll(() => standIn.stop());
  return standIn;
}
