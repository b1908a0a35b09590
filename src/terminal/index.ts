/**
 * The door of the terminal room: raw mode, window size, standard streams, signals, the parent process, escapes.
 * Everything that touches the process's own descriptors and signals is here; other rooms import from this file only.
 */
export { codeOf, OutputClosedError, OutputFailedError, RawModeError, TerminalError } from "./errors.ts";
export { detach } from "./detach.ts";
export { ESCAPE_HELP, EscapeDetector } from "./escapes.ts";
export type { EscapeAction, EscapeResult } from "./escapes.ts";
export { askHidden } from "./hidden-line.ts";
export type { HiddenLine } from "./hidden-line.ts";
export { isSameTerminal, isTerminal } from "./is-terminal.ts";
export { openLibc } from "./libc.ts";
export { OutputSink } from "./output-sink.ts";
export type { OutputSinkOptions, Taken } from "./output-sink.ts";
export { watchParent } from "./parent-watch.ts";
export type { ParentWatchOptions } from "./parent-watch.ts";
export { enterRawMode, guardTerminalAtExit } from "./raw-mode.ts";
export type { RawMode, RawModeKind, RawModeOptions } from "./raw-mode.ts";
export { cutEnd, cutMiddle, cutStart, displayWidth, padToWidth, paint, screenUse } from "./screen-text.ts";
export type { Color, ScreenUse } from "./screen-text.ts";
export { watchSignals } from "./signals.ts";
export type { ProcessSignal } from "./signals.ts";
export { releaseStandardInput, StandardInput } from "./standard-input.ts";
export type { InputEvents, InputSource } from "./standard-input.ts";
export {
  isOutputInLine,
  standardError,
  standardOutput,
  StandardStreams,
  writeErrorLine,
} from "./standard-streams.ts";
export type { StandardStreamsOptions } from "./standard-streams.ts";
export { TerminalModes } from "./terminal-modes.ts";
export { isUnreadFile, waitingInputBytes } from "./waiting-input.ts";
export { SIZE_WITHOUT_TERMINAL, watchWindowSize, windowSize } from "./window-size.ts";
export type { WindowSizeOptions } from "./window-size.ts";
