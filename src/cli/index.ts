/** Door of the people's face. */
export { runCommandLine } from "./command-line.ts";
