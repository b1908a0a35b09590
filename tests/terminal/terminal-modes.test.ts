/** What a stream of terminal output has left on, and how it is undone. */
import { describe, expect, test } from "bun:test";

import { TerminalModes } from "../../src/terminal/index.ts";
import { forSeeds } from "../support/seeded-random.ts";

const ESC = "\x1b";

function undoOf(...chunks: readonly string[]): string {
  const modes = new TerminalModes();
  for (const chunk of chunks) modes.observe(Buffer.from(chunk, "utf8"));
  return modes.undo();
}

/** What vim, tmux and friends write when they begin and when they end. */
const VIM_BEGINS = `${ESC}[?1049h${ESC}[22;0;0t${ESC}[>4;2m${ESC}[?1h${ESC}=${ESC}[?2004h${ESC}[?1004h${ESC}[1;24r${ESC}[?12h${ESC}[?12l${ESC}[27m${ESC}[23m${ESC}[29m${ESC}[m${ESC}[H${ESC}[2J${ESC}[?25l`;
const VIM_ENDS = `${ESC}[?25h${ESC}[?1004l${ESC}[?2004l${ESC}[?1l${ESC}>${ESC}[r${ESC}[>4;m${ESC}[23;0;0t${ESC}[?1049l`;
const TMUX_BEGINS = `${ESC}[?1049h${ESC}[22;0;0t${ESC}[?1h${ESC}=${ESC}[H${ESC}[2J${ESC}[?12l${ESC}[?25h${ESC}[?1000l${ESC}[?1002h${ESC}[?1003l${ESC}[?1006h${ESC}[?1005l${ESC}[c${ESC}[>c${ESC}[>q${ESC}(B${ESC}[m`;
const TMUX_ENDS = `${ESC}[?1006l${ESC}[?1002l${ESC}[1;24r${ESC}[r${ESC}(B${ESC}[m${ESC}[?1l${ESC}>${ESC}[H${ESC}[2J${ESC}[?12l${ESC}[?25h${ESC}[23;0;0t${ESC}[?1049l`;

// output that passed → what undoes it
const CASES: readonly (readonly [name: string, output: string, undo: string])[] = [
  ["plain text", "hello\r\n", ""],
  ["a coloured prompt", `${ESC}]0;title\x07${ESC}[01;32mme@host${ESC}[00m:${ESC}[38;5;12m~${ESC}[39m$ `, ""],
  ["vim that ended", VIM_BEGINS + VIM_ENDS, ""],
  ["tmux that ended", TMUX_BEGINS + TMUX_ENDS, ""],
  [
    "vim that was cut off",
    VIM_BEGINS,
    `${ESC}[?1l${ESC}[?1004l${ESC}[?2004l${ESC}>${ESC}[>4m${ESC}[?1049l${ESC}7${ESC}[r${ESC}8${ESC}[?25h`,
  ],
  ["tmux that was cut off", TMUX_BEGINS, `${ESC}[?1l${ESC}[?1002l${ESC}[?1006l${ESC}>${ESC}[?1049l`],
  ["bracketed paste alone", `${ESC}[?2004h$ `, `${ESC}[?2004l`],
  ["several modes at once", `${ESC}[?1000;1006;1015h`, `${ESC}[?1000l${ESC}[?1006l${ESC}[?1015l`],
  ["old alternate screens", `${ESC}[?47h`, `${ESC}[?47l`],
  ["an alternate screen left by another name", `${ESC}[?1049h${ESC}[?47l`, ""],
  ["a hidden cursor and no wrapping", `${ESC}[?25l${ESC}[?7l`, `${ESC}[?7h${ESC}[?25h`],
  ["modes that are on at rest, switched on", `${ESC}[?25h${ESC}[?7h`, ""],
  ["modes nobody tracks", `${ESC}[?12h${ESC}[4h${ESC}[?99999h`, ""],
  ["a colour", `${ESC}[1;31mred`, `${ESC}[m`],
  ["attributes switched off one by one", `${ESC}[1;4;31;48;2;0;1;7mx${ESC}[22;24;39;49m`, ""],
  ["parts of a colour that look like attributes", `${ESC}[38;5;0m`, `${ESC}[m`],
  ["a colour with colons", `${ESC}[38:2::255:0:0mx${ESC}[39m`, ""],
  ["line drawing", `${ESC}(0lqk`, `${ESC}(B`],
  ["a cursor shape", `${ESC}[5 q`, `${ESC}[0 q`],
  ["a cursor shape put back", `${ESC}[5 q${ESC}[0 q`, ""],
  ["the keyboard protocol", `${ESC}[>1u${ESC}[>5u${ESC}[<u`, `${ESC}[<1u`],
  [
    "the keyboard protocol of both screens",
    `${ESC}[>1u${ESC}[?1049h${ESC}[>3u${ESC}[>3u`,
    `${ESC}[<2u${ESC}[?1049l${ESC}[<1u`,
  ],
  ["a full reset", VIM_BEGINS + `${ESC}c`, ""],
  ["a soft reset", `${ESC}[?1h${ESC}=${ESC}[?25l${ESC}[31m${ESC}[!p`, ""],
  ["a title cut in the middle", `${ESC}]0;half a ti`, `${ESC}\\`],
  ["sequences inside a title are text", `${ESC}]0;[?1049h\x07${ESC}P?1049h${ESC}\\`, ""],
  ["a sequence that was called off", `${ESC}[?1049\x18h`, ""],
  ["a sequence begun anew", `${ESC}[?99${ESC}[?1049h`, `${ESC}[?1049l`],
  ["a control character inside a sequence", `${ESC}[?10\r49h`, `${ESC}[?1049l`],
  ["a sequence too long to be one", `${ESC}[?${"1;".repeat(100)}1049h`, ""],
];

describe("terminal modes", () => {
  test.each(CASES)("%s", (_name, output, undo) => {
    expect(undoOf(output)).toBe(undo);
  });

  test("output may be cut anywhere", () => {
    for (const [, output, undo] of CASES) {
      for (let cut = 0; cut <= output.length; cut++) {
        expect(undoOf(output.slice(0, cut), output.slice(cut))).toBe(undo);
      }
      expect(undoOf(...output)).toBe(undo);
    }
  });

  test("the undo of anything leaves nothing to undo", () => {
    forSeeds(300, (random) => {
      const pieces = [..."[]?();>=<01:24 579hlmrqupc(P\\\x07\x1b\x1b\x18x"];
      const known = CASES.map(([, output]) => output);
      const modes = new TerminalModes();
      for (let count = random.between(1, 40); count > 0; count--) {
        modes.observe(Buffer.from(random.chance(0.7) ? random.pick(pieces) : random.pick(known)));
      }
      modes.observe(Buffer.from(modes.undo()));
      expect(modes.undo()).toBe("");
    });
  });

  test("forgets everything at a reset", () => {
    const modes = new TerminalModes();
    modes.observe(Buffer.from(`${VIM_BEGINS}${ESC}]0;ti`));
    modes.reset();
    expect(modes.undo()).toBe("");
  });

  test("bulk output costs next to nothing", () => {
    const bulk = new Uint8Array(32 * 1024 * 1024).fill(0x61);
    const best = (action: () => void): number =>
      Math.min(
        ...[1, 2, 3, 4, 5].map(() => {
          const start = performance.now();
          action();
          return performance.now() - start;
        }),
      );
    const modes = new TerminalModes();
    const search = best(() => void bulk.indexOf(0x1b));
    // A look at every byte in JavaScript takes more than ten times as long as the search.
    expect(best(() => modes.observe(bulk))).toBeLessThan(search * 4 + 1);
  });
});

describe("the line of the cursor", () => {
  test.each([
    ["nothing", "", false],
    ["whole lines", "one\r\ntwo\r\n", false],
    ["a prompt", `${ESC}[?2004h$ `, true],
    ["a prompt that is a title and colours", `a\r\n${ESC}]0;title\x07${ESC}[1m$ ${ESC}[m`, true],
    ["a line, then a title and colours", `a\r\n${ESC}]0;title\x07${ESC}[?2004l${ESC}[m`, false],
    ["a line feed alone", "abc\n", false],
    ["a bell behind a line", "abc\r\n\x07", false],
    ["a bell behind text", "abc\x07", true],
    ["wide characters", "日本", true],
    ["a progress bar at its beginning", "10 %\r", true],
    ["an erased progress bar", `10 %\r${ESC}[K`, false],
    ["an erased rest of a line", `10 %${ESC}[K`, true],
    ["a moved cursor", `a\r\n${ESC}[5;1H`, true],
    ["a terminal that was reset", `abc${ESC}c`, false],
    ["an editor that runs", `$ vi\r\n${VIM_BEGINS}text`, false],
    ["an editor that has ended", `$ vi\r\n${VIM_BEGINS}text${VIM_ENDS}`, false],
    ["an editor that was begun from a line", `$ ${VIM_BEGINS}text\r\n${VIM_ENDS}`, true],
  ])("%s", (_name, output, expected) => {
    const modes = new TerminalModes();
    modes.observe(Buffer.from(output));
    expect(modes.inLine).toBe(expected);
    const bytewise = new TerminalModes();
    for (const byte of Buffer.from(output)) bytewise.observe(Uint8Array.of(byte));
    expect(bytewise.inLine).toBe(expected);
  });

  test("is the main screen's once a full-screen program has been undone", () => {
    const modes = new TerminalModes();
    modes.observe(Buffer.from(`$ vi${VIM_BEGINS}text\r\n`));
    modes.reset();
    expect(modes.inLine).toBe(true);
  });
});
