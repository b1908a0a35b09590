/** Entry point of the CLI. */
export { runCommandLine } from "./command-line.ts";
export { isCommandWord } from "./commands.ts";
