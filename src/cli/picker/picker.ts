/**
 * Lets a person at the terminal pick a target. The picture is on standard error, on the terminal's other screen, so that
 * neither a resize nor the end leaves anything of it behind; keys come in raw mode. A terminal that understands nothing
 * but text gets a list and a question. The terminal is put back before the answer is given. No colours at all.
 */
import type { Environment } from "../../host/index.ts";
import {
  enterRawMode,
  isTerminal,
  screenUse,
  SIZE_WITHOUT_TERMINAL,
  standardError,
  StandardInput,
  watchSignals,
  watchWindowSize,
  windowSize,
} from "../../terminal/index.ts";
import { cellsOf, type Column } from "../columns.ts";
import { InterruptedError, TargetError } from "../errors.ts";
import { nodeColumns, type NodeKey, nodeRow } from "../node-row.ts";
import type { Node } from "../target.ts";
import { LineModel } from "./line-model.ts";
import { type Choice, PickerModel } from "./model.ts";

/** The other screen, and back to what was there before. */
const ENTER = "\x1b[?1049h";
const LEAVE = "\x1b[?1049l";

/** Asks for one of the nodes. @throws InterruptedError when nothing was picked; TargetError when there is none */
export async function pickNode(
  nodes: readonly Node[],
  region: string,
  environment: Environment,
): Promise<Node> {
  if (nodes.length === 0) {
    throw new TargetError(`there are no targets in ${region}; is it the right --region and --profile?`);
  }
  const columns = nodeColumns(Date.now()).filter(({ key }) => key !== "agent" && key !== "lastPing");
  const choices = choicesOf(nodes, columns);
  const id = await (screenUse(isTerminal(2), environment).escapes
    ? pick(choices, columns)
    : ask(choices, columns));
  const picked = nodes.find(({ InstanceId }) => InstanceId === id);
  if (picked === undefined) throw new TargetError("nothing was picked");
  return picked;
}

/** Those that are online first, each group by name. */
function choicesOf(nodes: readonly Node[], columns: readonly Column<NodeKey>[]): readonly Choice[] {
  const rows = nodes.map(nodeRow);
  const isOnline = ({ state }: (typeof rows)[number]): number => Number(state === "Online");
  rows.sort((a, b) => isOnline(b) - isOnline(a) || a.name.localeCompare(b.name));
  return rows.map((row) => ({ id: row.id, cells: cellsOf(row, columns) }));
}

/** What a question is asked with. */
interface Asking {
  readonly input: StandardInput;
  readonly picked: (id: string) => void;
  /** As Ctrl-C does. */
  readonly cancel: () => void;
}

/** What both ways of asking have in common. @param start begins to ask; what it returns ends that, on every way out */
function question(start: (asking: Asking) => () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const input = new StandardInput();
    const finish = (settle: () => void): void => {
      stopSignals();
      input.stop();
      stop();
      settle();
    };
    const cancel = (): void => finish(() => reject(new InterruptedError("SIGINT")));
    const stopSignals = watchSignals((signal) => finish(() => reject(new InterruptedError(signal))));
    const stop = start({ picked: (id) => finish(() => resolve(id)), cancel, input });
  });
}

function write(text: string): void {
  standardError().write(Buffer.from(text));
}

function pick(choices: readonly Choice[], columns: readonly Column<NodeKey>[]): Promise<string> {
  const model = new PickerModel(choices, columns);
  return question(({ picked, cancel, input }) => {
    const rawMode = enterRawMode();
    const draw = (): void => {
      const { cols, rows } = windowSize() ?? SIZE_WITHOUT_TERMINAL;
      // A character in the last column of the last line may scroll the screen.
      const { lines, cursorColumn } = model.picture(Math.max(1, cols - 1), Math.max(1, rows));
      write(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J\x1b[1;${cursorColumn + 1}H`);
    };
    const leave = (): void => write(LEAVE);
    // Also where a defect of this program ends it.
    process.once("exit", leave);
    write(ENTER);
    const stopResize = watchWindowSize(draw);
    input.start({
      data(bytes) {
        const outcome = model.type(new TextDecoder().decode(bytes));
        if (outcome.kind === "open") draw();
        else if (outcome.kind === "cancelled") cancel();
        else picked(outcome.id);
      },
      ended: cancel,
    });
    draw();
    return () => {
      stopResize();
      process.off("exit", leave);
      leave();
      rawMode.restore();
    };
  });
}

/** Line by line, as the terminal's own line editing gives them. */
function ask(choices: readonly Choice[], columns: readonly Column<NodeKey>[]): Promise<string> {
  const model = new LineModel(choices, columns);
  return question(({ picked, cancel, input }) => {
    let typed = "";
    input.start({
      data(bytes) {
        typed += new TextDecoder().decode(bytes);
        for (let end = typed.indexOf("\n"); end >= 0; end = typed.indexOf("\n")) {
          const line = typed.slice(0, end);
          typed = typed.slice(end + 1);
          const { cols, rows } = windowSize() ?? SIZE_WITHOUT_TERMINAL;
          const outcome = model.answer(line, cols, rows);
          if (outcome.kind === "picked") return picked(outcome.id);
          write(outcome.text);
        }
      },
      ended() {
        write("\n");
        cancel();
      },
    });
    const { cols, rows } = windowSize() ?? SIZE_WITHOUT_TERMINAL;
    write(model.question(cols, rows));
    return () => {};
  });
}
