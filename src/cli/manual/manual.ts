/** `man`: prints the manual page, for `man -l -` or a place where man(1) looks. */
import { standardOutput } from "../../terminal/index.ts";
import type { Command, CommandContext } from "../command.ts";
import { COMMANDS } from "../commands.ts";
import { manualPage } from "./page.ts";

/** See the file's comment. */
export const man: Command = {
  meta: { name: "man", description: "Print the manual page, for man(1)." },
  arguments: {},
  examples: ["man    # to read it: session-manager-plugin man | man -l -"],
  run,
};

async function run({ environment, version }: CommandContext): Promise<number> {
  const commands = await Promise.all(Array.from(COMMANDS.values(), (load) => load()));
  const page = manualPage({ commands, version, date: dateOf(environment["SOURCE_DATE_EPOCH"]) });
  standardOutput().write(Buffer.from(page));
  return 0;
}

/** Today, or the day that packagers name so that the same sources give the same page. */
function dateOf(epoch: string | undefined): string {
  const date = /^\d{1,11}$/.test(epoch ?? "") ? new Date(Number(epoch) * 1000) : new Date();
  return date.toISOString().slice(0, 10);
}
