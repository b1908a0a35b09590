/**
 * The script for sh under which `exec` runs a command. It says when the command begins and how it has ended, with a
 * marker that stands in the output, and keeps the session alive after that until this side has everything: an agent
 * whose command has ended waits 2 s for acknowledgements and leaves (PROTOCOL.md section 7). For dash, bash and busybox.
 * Pure.
 */

/** What begins a marker; printed text hardly ever holds it, so that nothing else is held back. */
const MARK = "\x1e";

/** Told by the script once the command is about to begin. */
export const START = "+";

/**
 * Stays after the command for a day, longer than any session, unless SIGQUIT comes. In steps: a shell that has become a
 * `sleep` would not, for a moment, and one that is killed leaves its last step behind.
 */
const STAY = [
  `n=0`,
  `while [ $n -lt 86400 ];do n=$((n+1));sleep 1 </dev/null >/dev/null 2>&1 3>&-&wait $!;done`,
];

/** A random word in two halves. The command line has them apart, so that `ps` prints no marker. */
export interface MarkerWord {
  readonly halves: readonly [string, string];
  /** What stands in the output, in front of {@link START} or of the exit code and a full stop. */
  readonly text: string;
}

/** A word from random bytes. */
export function markerWord(random: Uint8Array): MarkerWord {
  const hex = Buffer.from(random).toString("hex");
  const middle = hex.length / 2;
  const halves = [hex.slice(0, middle), hex.slice(middle)] as const;
  return { halves, text: MARK + hex };
}

/** What runs scripts on a target. */
const SHELL = "/bin/sh";

/** Prints a marker. Text of the script: `$a` and `$b` are the halves. */
const print = (what: string): string => `printf "\\036$a$b${what}"`;

/**
 * A command without a terminal. The agent signals this script alone (SIGINT, SIGQUIT), once; it passes the signal on.
 *
 * - An agent that collects all output and sends it at the end (without separate output) collects it in a file: with such
 *   an agent nothing may stay behind the command.
 * - The command runs in the background, because a shell handles no signal while it waits for a command in the foreground.
 *   There SIGINT and SIGQUIT are ignored, which dash cannot undo: `env` or `timeout` of GNU does, before the start is
 *   told. Where there is neither, the command gets SIGTERM instead.
 * - `wait` is interrupted by a signal, answers more than 128 then, and is called again. For a command whose end it has
 *   told already it answers 127, and bash sometimes -1.
 * - Each marker is written by one call. A command may have left its outputs non-blocking: then it is tried again.
 * - At the end SIGINT is ignored. SIGQUIT, by which this side ends the script, works from before the last marker on.
 * - What shells say of a command that a signal has ended is no output of the command.
 */
const script = (shell: string): string =>
  [
    `a=$1 b=$2 p= s= t=`,
    `shift 2`,
    `[ -f /dev/stdout ]&&exec "$@"`,
    `k(){ s=$1;[ "$p" ]&&kill -s "\${t:-$1}" "$p";}`,
    `trap "k INT" INT`,
    `trap "k QUIT" QUIT`,
    `exec 3>&2 2>/dev/null`,
    `for e in "env --default-signal=INT,QUIT" "timeout --foreground 0" "";do $e true&&break;done`,
    `[ "$e" ]||t=TERM`,
    `$e ${shell} -c "a=\\$1 b=\\$2;shift 2;${escaped(print(START))};${escaped(print(START))} >&2;exec \\"\\$@\\"" sh "$a" "$b" "$@" 2>&3 3>&-&`,
    `p=$!`,
    `[ "$s" ]&&k $s`,
    `c=127`,
    `while :;do s=;wait $p;r=$?;[ $r = 127 ]||[ $r -lt 0 ]||c=$r;[ "$s" ]&&[ $r -gt 128 ]||break;done`,
    `p=`,
    `trap "" INT`,
    `until ${print("$c.")};do sleep 1;done`,
    `trap exit QUIT`,
    `until ${print("$c.")} >&3;do sleep 1;done`,
    ...STAY,
  ].join("\n");

/**
 * A command on a terminal, which stays in the foreground: keys reach it, and this script, as signals of the terminal.
 * The terminal is told once more to make signals of keys, whatever the command has left.
 */
const TERMINAL_SCRIPT = [
  `a=$1 b=$2`,
  `shift 2`,
  `trap : INT QUIT`,
  `exec 3>&2 2>/dev/null`,
  `(exec 2>&3 3>&-;exec "$@")`,
  `c=$?`,
  `trap "" INT`,
  `stty isig`,
  `trap exit QUIT`,
  print("$c."),
  ...STAY,
].join("\n");

/** Text for a place between double quotes. */
function escaped(text: string): string {
  return text.replaceAll(/["$\\]/g, "\\$&");
}

/** How a command is run. */
export interface WrapperOptions {
  /** It has a terminal. */
  readonly tty: boolean;
  /** What runs the script; tests have several. */
  readonly shell?: string;
}

/** The words that run a command's words under the script. */
export function wrappedWords(
  words: readonly string[],
  { halves }: MarkerWord,
  { tty, shell = SHELL }: WrapperOptions,
): readonly string[] {
  return [shell, "-c", tty ? TERMINAL_SCRIPT : script(shell), "sh", ...halves, ...words];
}

/** Whether these are an agent's words for a script that it could not start: then nothing has run. */
export function isShellMissing(text: string): boolean {
  return text.startsWith(`fork/exec ${SHELL}: `) || text.startsWith(`exec: "${SHELL}": `);
}
