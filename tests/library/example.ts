/** The README's example of the library. The test beside it checks that the README shows exactly what follows this. */
import { forwardPort, Session } from "session-manager-plugin";

const [target = "i-0123456789abcdef0", port = "8123"] = process.argv.slice(2);

// A command: its output as a stream, then its exit code.
await using session = new Session({
  target,
  document: "AWS-StartNonInteractiveCommand",
  parameters: { command: "uname -sm", separateOutputStream: "true" },
});
session.on("status", ({ status }) => console.error(status));
await session.open();
console.log(await new Response(session.output).text());
console.log("exit code", (await session.ended).exitCode);

// A tunnel: a listener with a real address, and connections without any socket.
await using tunnel = await forwardPort({ target, port: Number(port) });
console.log(await (await fetch(`http://127.0.0.1:${tunnel.port}/`)).text());

const { readable, writable } = tunnel.connect();
const writer = writable.getWriter();
await writer.write(new TextEncoder().encode("GET / HTTP/1.0\r\n\r\n"));
console.log((await new Response(readable).text()).split("\r\n")[0]);
