/**
 * Lets a person at the terminal pick a target: keys from standard input in raw mode, the picture on standard error.
 * The terminal is put back before the answer is given. No colours at all.
 */
import { harmlessLine } from "../../host/index.ts";
import {
  enterRawMode,
  standardError,
  StandardInput,
  watchSignals,
  watchWindowSize,
  windowSize,
} from "../../terminal/index.ts";
import { InterruptedError, TargetError } from "../errors.ts";
import { nameOf, type Node } from "../target.ts";
import { type Choice, PickerModel } from "./model.ts";

/** Lines of the picture, at most. */
const MAX_ROWS = 12;

/** Asks for one of the nodes. @throws InterruptedError when nothing was picked; TargetError when there is none */
export async function pickNode(nodes: readonly Node[], region: string): Promise<Node> {
  if (nodes.length === 0) {
    throw new TargetError(`there are no targets in ${region}; is it the right --region and --profile?`);
  }
  const id = await pick(choicesOf(nodes));
  const picked = nodes.find(({ InstanceId }) => InstanceId === id);
  if (picked === undefined) throw new TargetError("nothing was picked");
  return picked;
}

/** Those that are online first, each group by name. */
function choicesOf(nodes: readonly Node[]): readonly Choice[] {
  const rows = nodes.map((node) => ({
    id: node.InstanceId ?? "",
    name: harmlessLine(nameOf(node)),
    online: node.PingStatus === "Online",
    rest: harmlessLine([node.PingStatus, node.PlatformName, node.IPAddress].filter(Boolean).join("  ")),
  }));
  rows.sort((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name));
  const width = (field: "id" | "name"): number => Math.max(...rows.map((row) => row[field].length));
  const [ids, names] = [width("id"), width("name")];
  return rows.map(({ id, name, rest }) => ({
    id,
    text: `${id.padEnd(ids)}  ${name.padEnd(names)}  ${rest}`,
  }));
}

function pick(choices: readonly Choice[]): Promise<string> {
  const model = new PickerModel(choices);
  const rawMode = enterRawMode();
  const input = new StandardInput();
  let drawn = 0;
  const write = (text: string): void => void standardError().write(Buffer.from(text));
  // The cursor waits at the end of the first line, where the typed text stands.
  const erase = (): string => (drawn === 0 ? "" : "\r\x1b[J");
  const draw = (): void => {
    const { cols, rows } = windowSize();
    const lines = model.lines(Math.max(10, cols - 1), Math.max(2, Math.min(MAX_ROWS, rows - 1)));
    const [first = "", ...others] = lines;
    const up = others.length === 0 ? "" : `\x1b[${others.length}A`;
    const below = others.map((line) => `\r\n${line}`).join("");
    write(`${erase()}${first}${below}${up}\r\x1b[${Math.max(1, [...first].length)}C`);
    drawn = lines.length;
  };
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      stopSignals();
      stopResize();
      input.stop();
      write(erase());
      rawMode.restore();
      settle();
    };
    const stopSignals = watchSignals((signal) => finish(() => reject(new InterruptedError(signal))));
    const stopResize = watchWindowSize(draw);
    const cancel = (): void => finish(() => reject(new InterruptedError("SIGINT")));
    input.start({
      data(bytes) {
        const outcome = model.type(new TextDecoder().decode(bytes));
        if (outcome.kind === "open") draw();
        else if (outcome.kind === "cancelled") cancel();
        else finish(() => resolve(outcome.id));
      },
      ended: cancel,
    });
    draw();
  });
}
