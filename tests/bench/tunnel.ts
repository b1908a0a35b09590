/** A tunnel of the compiled executable to a port, through the stand-in in a process of its own. */
import { SSMClient, StartSessionCommand } from "@aws-sdk/client-ssm";

import { type SpawnedSimulator, spawnSimulator } from "../simulator/spawn.ts";
import { executablePath } from "../support/environment.ts";
import { type RunningProcess, start } from "../support/processes.ts";
import type { Address } from "./load.ts";

/** Starts the stand-in; its agents send as fast as they can. */
export function startStandIn(): Promise<SpawnedSimulator> {
  return spawnSimulator({ simulator: { agent: { pacing: false } } });
}

/** A running tunnel. */
export interface Tunnel {
  readonly pid: number;
  /** Where it listens. */
  readonly address: Address;
  readonly sessionId: string;
  /** Ends it. @throws Error when it does not end in order */
  stop(): Promise<void>;
}

/** Starts the executable as the AWS CLI does and waits until it listens. */
export async function startTunnel(
  simulator: SpawnedSimulator,
  destination: Address,
  env: Readonly<Record<string, string>> = {},
): Promise<Tunnel> {
  const { region, url, credentials, targets, environment } = simulator;
  const client = new SSMClient({ region, endpoint: url, credentials });
  const target = targets[0]?.id ?? "";
  const { SessionId, TokenValue, StreamUrl } = await client.send(
    new StartSessionCommand({
      Target: target,
      DocumentName: "AWS-StartPortForwardingSession",
      Parameters: { portNumber: [String(destination.port)] },
    }),
  );
  client.destroy();
  const variable = "AWS_SSM_START_SESSION_RESPONSE";
  const child = start(
    [executablePath, variable, region, "StartSession", "", JSON.stringify({ Target: target }), url],
    { env: { ...environment, [variable]: JSON.stringify({ SessionId, TokenValue, StreamUrl }), ...env } },
  );
  const opened = await child.stdout.waitFor(/Port \d+ opened/);
  const port = Number(/\d+/.exec(opened)?.[0]);
  await child.stdout.waitFor("Waiting for connections");
  return {
    pid: child.pid,
    address: { hostname: "127.0.0.1", port },
    sessionId: SessionId ?? "",
    stop: () => stop(child),
  };
}

async function stop(child: RunningProcess): Promise<void> {
  child.kill("SIGINT");
  const { exitCode, stderr, stdout } = await child.finish();
  if (exitCode !== 0 || stderr !== "") {
    throw new Error(`the tunnel ended with ${exitCode}: ${stdout.slice(-500)} ${stderr.slice(-500)}`);
  }
}
