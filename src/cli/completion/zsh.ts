/** The completion script for zsh, as its own function `_arguments` wants it. Pure. */
import {
  ASKED,
  type CommandShape,
  NO_COMMAND,
  type OptionShape,
  valuedWords,
  type Values,
  wordsOf,
} from "./shape.ts";

/** The script. @param names those of the program */
export function zshScript(commands: readonly CommandShape[], names: readonly string[]): string {
  return `#compdef ${names.join(" ")}
# zsh completion of session-manager-plugin. To use it, put this into ~/.zshrc, behind compinit:
#   source <(session-manager-plugin completion zsh)

_session_manager_plugin() {
  local program=\${(Q)words[1]} curcontext=$curcontext
  local -A opt_args
  local -a subcommands
  subcommands=(
${commands.map(({ name, description }) => `    ${quoted(`${name}:${description.replaceAll(":", "\\:")}`)}`).join("\n")}
    'help:Show the help'
  )
  # Options of all commands may stand before the command: they count as if they stood behind it.
  local -i at=2
  while (( at < CURRENT )) && [[ $words[at] == -* ]]; do
    case $words[at] in
      (${valuedWords(NO_COMMAND).join("|")}) (( at++ )) ;;
    esac
    (( at++ ))
  done
  if (( at >= CURRENT )); then
    local state
${argumentsOf(NO_COMMAND, ["1:command:->command"])}
    [[ $state != command ]] || _describe -t commands command subcommands
    return
  fi
  words=("$words[1]" "$words[at]" "\${(@)words[2,at-1]}" "\${(@)words[at+1,-1]}")
  shift words
  (( CURRENT-- ))
  # Behind -- stands a command of its own.
  local -i dashes=\${words[(i)--]}
  case $words[1] in
    (${
      commands
        .filter(({ takesCommand }) => takesCommand)
        .map(({ name }) => name)
        .join("|") || "--"
    })
      if (( dashes < CURRENT )); then
        shift $dashes words
        (( CURRENT -= dashes ))
        _normal
        return
      fi ;;
  esac
  case $words[1] in
${commands.map(branch).join("\n")}
    (help) (( CURRENT != 2 )) || _describe -t commands command subcommands ;;
  esac
}

# What only the program knows: its answer is a word, a tab and a description in each line.
_session_manager_plugin_ask() {
  local -a account lines
  local option line
  for option in --profile --region --endpoint-url; do
    [[ -z \${opt_args[$option]} ]] || account+=("$option=\${\${(Q)opt_args[$option]}//\\\\:/:}")
  done
  for line in "\${(@f)\$(\${~program} ${ASKED} $1 $account 2>/dev/null)}"; do
    [[ -z $line ]] || lines+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -t $1 $1 lines
}

# Found on fpath it is called at once, sourced it says what it is for.
if [[ $funcstack[1] == _session-manager-plugin ]]; then
  _session_manager_plugin "$@"
else
  compdef _session_manager_plugin ${names.join(" ")}
fi
`;
}

function branch(command: CommandShape): string {
  const { name, positionals } = command;
  const places = positionals.map(
    ({ name: word, values }, index) => `${index + 1}:${word}:${actionOf(values)}`,
  );
  return `    (${name})\n${argumentsOf(command, places)} ;;`;
}

/** The call that completes a command's options and other words. */
function argumentsOf({ options }: CommandShape, places: readonly string[]): string {
  const specs = [...options.flatMap(optionSpecs), ...places];
  return ["      _arguments -s -S : \\", specs.map((spec) => `        ${quoted(spec)}`).join(" \\\n")].join(
    "\n",
  );
}

/** `(-t --tty)--tty[description]`, once for each word. */
function optionSpecs(option: OptionShape): string[] {
  const words = wordsOf(option);
  const before = option.repeatable ? "*" : words.length > 1 ? `(${words.join(" ")})` : "";
  const text = option.description.replace(/[\\\]:]/g, "\\$&").replaceAll("[", "\\[");
  return words.map((word) => {
    if (option.value === undefined) return `${before}${word}[${text}]`;
    const { name, values } = option.value;
    const seam = word.startsWith("--") ? "=" : "+";
    return `${before}${word}${seam}[${text}]:${name.replaceAll(":", "\\:")}:${actionOf(values)}`;
  });
}

function actionOf(values: Values): string {
  if (values === "nothing") return " ";
  if (values === "files") return "_files";
  if (values === "targets" || values === "profiles") {
    // With a space before it, it is called without options of theirs.
    return ` _session_manager_plugin_ask ${values}`;
  }
  return `(${values.join(" ")})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
