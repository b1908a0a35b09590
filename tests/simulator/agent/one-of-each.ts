/**
 * Run as a program by nothing-left.test.ts: one session of each kind, from start to end, without any help in ending.
 * Prints a line when all are finished; what keeps the process alive after that was left behind by the agent.
 */
import type { AgentTask } from "../../../src/simulator/contract.ts";
import { waitFor } from "../../support/wait-for.ts";
import { NaiveClient } from "./naive-client.ts";
import { smux } from "./smux.ts";

const server = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { open: (socket) => void socket.write("hello"), data: () => undefined },
});
const portNumber = String(server.port);
const tasks: readonly AgentTask[] = [
  { sessionType: "Standard_Stream" },
  { sessionType: "InteractiveCommands", command: "echo x" },
  { sessionType: "NonInteractiveCommands", command: "echo x" },
  { sessionType: "NonInteractiveCommands", command: "sleep 300", separateOutput: true },
  { sessionType: "NonInteractiveCommands", command: "no-such-program", separateOutput: true },
  { sessionType: "Port", properties: { portNumber, type: "LocalPortForwarding" } },
  { sessionType: "Port", properties: { portNumber } },
];
const clients = tasks.map((task) => new NaiveClient(task));
await waitFor(() => clients.every((client) => client.messages.size > 0 || client.output !== undefined), {
  what: "a message from each",
});
const tunnels = clients.slice(-2);
await waitFor(() => tunnels.every((client) => client.payloadTypes().includes(7)), { what: "the handshakes" });
tunnels[0]?.input(smux(0, 3));
await waitFor(() => tunnels.every((client) => client.bytes().length > 0), { what: "the server's greeting" });
for (const client of clients) client.session.terminate();
await Promise.all(clients.map((client) => client.finish()));
server.stop(true);
process.stdout.write("all finished\n");
