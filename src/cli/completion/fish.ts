/** The completion script for fish, 3.1 and later. Pure. */
import {
  ASKED,
  type CommandShape,
  NO_COMMAND,
  type OptionShape,
  type PositionalShape,
  valuedWords,
  type Values,
} from "./shape.ts";

/** The script. @param names those of the program */
export function fishScript(commands: readonly CommandShape[], names: readonly string[]): string {
  return `# fish completion of session-manager-plugin. To use it:
#   session-manager-plugin completion fish > ~/.config/fish/completions/session-manager-plugin.fish

# The options that take a value, of a command.
function __session_manager_plugin_valued
    switch $argv[1]
${[NO_COMMAND, ...commands].map(valuedCase).join("\n")}
    end
end

# The words before the one that is typed, the command second, empty where there is none yet. Options of all commands
# may stand before it: they count as if they stood behind it.
function __session_manager_plugin_words
    set -l words (commandline -opc)
    set -l at 2
    while test $at -le (count $words); and string match -q -- '-*' $words[$at]
        if contains -- $words[$at] ${valuedWords(NO_COMMAND).join(" ")}
            set at (math $at + 1)
        end
        set at (math $at + 1)
    end
    set -l command ''
    set -l others $words
    if test $at -le (count $words)
        set command $words[$at]
        set -e others[$at]
    end
    set -e others[1]
    printf '%s\\n' $words[1] "$command" $others
end

# How many words that are no options stand behind the command; fails behind --, and where a value is typed.
function __session_manager_plugin_count
    set -l words (__session_manager_plugin_words)
    set -l valued (__session_manager_plugin_valued "$words[2]")
    set -l count 0
    set -l waiting 0
    for word in $words[3..-1]
        if test $waiting = 1
            set waiting 0
        else if test "$word" = --
            return 1
        else if contains -- $word $valued
            set waiting 1
        else if not string match -q -- '-*' $word
            set count (math $count + 1)
        end
    end
    test $waiting = 0; and echo $count
end

# Whether the command is that one, and its options may stand here.
function __session_manager_plugin_in
    set -l words (__session_manager_plugin_words)
    test "$words[2]" = "$argv[1]"; and not contains -- -- $words
end

# Whether that many words stand behind that command.
function __session_manager_plugin_at
    __session_manager_plugin_in "$argv[1]"; and test (__session_manager_plugin_count; or echo none) = $argv[2]
end

# Whether a command of its own is typed behind --.
function __session_manager_plugin_behind
    set -l words (__session_manager_plugin_words)
    test (count $words) -ge 3; and contains -- "$words[2]" $argv; and contains -- -- $words[3..-1]
end

function __session_manager_plugin_command
    set -l words (__session_manager_plugin_words)
    set -l from (math (contains -i -- -- $words) + 1)
    set -l line
    if test $from -le (count $words)
        set line (string escape -- $words[$from..-1])
    end
    complete -C (string join ' ' -- $line (commandline -ct))
end

# What only the program knows: its answer is a word, a tab and a description in each line.
function __session_manager_plugin_ask
    set -l words (__session_manager_plugin_words)
    set -l account
    set -l waiting
    for word in $words[3..-1]
        if test -n "$waiting"
            set -a account $waiting=$word
            set waiting
        else if contains -- $word --profile --region --endpoint-url
            set waiting $word
        else if string match -q -r -- '^--(profile|region|endpoint-url)=' $word
            set -a account $word
        end
    end
    set -l program (string replace -r '^~' $HOME -- $words[1])
    $program ${ASKED} $argv[1] $account 2>/dev/null
end

${names.map((name) => `complete -c ${name} -e`).join("\n")}
${names
  .slice(1)
  .map((name) => `complete -c ${name} -w session-manager-plugin\n`)
  .join("")}complete -c session-manager-plugin -f
${[NO_COMMAND, ...commands].flatMap((command) => commandLines(command)).join("\n")}
complete -c session-manager-plugin -n '__session_manager_plugin_at "" 0' -a help -d 'Show the help'
complete -c session-manager-plugin -n '__session_manager_plugin_at help 0' -a ${quoted(commands.map(({ name }) => name).join(" "))}
complete -c session-manager-plugin -n ${quoted(
    `__session_manager_plugin_behind ${commands
      .filter(({ takesCommand }) => takesCommand)
      .map(({ name }) => name)
      .join(" ")}`,
  )} -a '(__session_manager_plugin_command)'
`;
}

function valuedCase(command: CommandShape): string {
  return `        case "${command.name}"\n            printf '%s\\n' ${valuedWords(command).join(" ")}`;
}

function commandLines({ name, description, options, positionals }: CommandShape): string[] {
  return [
    "",
    ...(name === ""
      ? []
      : [line('__session_manager_plugin_at "" 0', [`-a ${name}`, `-d ${quoted(description)}`])]),
    ...options.map((option) => optionLine(name, option)),
    ...positionals.flatMap((positional, index) => positionalLine(name, index, positional)),
  ];
}

function optionLine(command: string, { long, short, description, value }: OptionShape): string {
  return line(`__session_manager_plugin_in "${command}"`, [
    `-l ${long}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(value === undefined ? [] : actionOf(value.values)),
    `-d ${quoted(description)}`,
  ]);
}

function positionalLine(command: string, index: number, { values }: PositionalShape): string[] {
  const action = actionOf(values).filter((word) => word !== "-x");
  return action.length === 0 ? [] : [line(`__session_manager_plugin_at ${command} ${index}`, action)];
}

/** Options of fish's `complete`: -x wants a value that is no file, -r -F one that may be. */
function actionOf(values: Values): string[] {
  if (values === "nothing") return ["-x"];
  if (values === "files") return ["-r", "-F"];
  if (values === "targets" || values === "profiles") {
    return ["-x", "-k", `-a '(__session_manager_plugin_ask ${values})'`];
  }
  return ["-x", `-a ${quoted(values.join(" "))}`];
}

function line(condition: string, words: readonly string[]): string {
  return `complete -c session-manager-plugin -n ${quoted(condition)} ${words.join(" ")}`;
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
