/**
 * The completion script for bash: 3.2 and later, with or without the package bash-completion. Pure.
 * Bash breaks words at `=` and `:`, so the words are put together again from the line first.
 */
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
export function bashScript(commands: readonly CommandShape[], names: readonly string[]): string {
  return `# bash completion of session-manager-plugin. To use it, put this into ~/.bashrc:
#   source <(session-manager-plugin completion bash)

_session_manager_plugin() {
    COMPREPLY=()
    local rest=\${COMP_LINE:0:COMP_POINT} piece i last
    local -a words
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=\${COMP_WORDS[i]}
        if ((i == 0)) || [[ $rest == [[:blank:]]* ]]; then
            rest=\${rest#"\${rest%%[![:blank:]]*}"}
            ((i < COMP_CWORD)) || piece=$rest
            words+=("$piece")
        else
            ((i < COMP_CWORD)) || piece=$rest
            last=$((\${#words[@]} - 1))
            words[last]+=$piece
        fi
        rest=\${rest#"$piece"}
    done
    last=$((\${#words[@]} - 1))
    local current=\${words[last]} value=\${words[last]}

    # Options of all commands may stand before the command: they count as if they stood behind it, an empty word.
    local at=1
    while ((at < last)) && [[ \${words[at]} == -* ]]; do
        [[ ${quoted(` ${valuedWords(NO_COMMAND).join(" ")} `)} != *" \${words[at]} "* ]] || at=$((at + 1))
        at=$((at + 1))
    done
    if ((at < last)); then
        words=("\${words[0]}" "\${words[at]}" "\${words[@]:1:at-1}" "\${words[@]:at+1}")
    else
        words=("\${words[0]}" '' "\${words[@]:1}")
        last=$((last + 1))
    fi
    local command=\${words[1]}

    # What this command knows: its options, which of them take a value, whether a command may follow --.
    local options='' valued='' takes_command=''
    case $command in
${[NO_COMMAND, ...commands].map(facts).join("\n")}
        help)
            ((last != 2)) || _session_manager_plugin_words ${quoted(commands.map(({ name }) => name).join(" "))}
            return ;;
        *) return ;;
    esac

    # Which option waits for its value, how many other words there are, and what the account is.
    local waiting='' count=0 word
    local -a account
    account=()
    for ((i = 2; i < last; i++)); do
        word=\${words[i]}
        if [[ -n $waiting ]]; then
            [[ $waiting != --profile && $waiting != --region && $waiting != --endpoint-url ]] || account+=("$waiting=$word")
            waiting=''
        elif [[ $word == -- ]]; then
            [[ -z $takes_command ]] || _session_manager_plugin_command $((i + 1))
            return
        elif [[ $valued == *" $word "* ]]; then
            waiting=$word
        elif [[ $word == --profile=* || $word == --region=* || $word == --endpoint-url=* ]]; then
            account+=("$word")
        elif [[ $word != -* ]]; then
            count=$((count + 1))
        fi
    done
    if [[ -z $waiting && $current == --*=* ]]; then
        waiting=\${current%%=*}
        [[ $valued == *" $waiting "* ]] || return
    fi
    [[ $current != --*=* ]] || value=\${current#*=}

    if [[ -n $waiting ]]; then
        case "$command $waiting" in
${[NO_COMMAND, ...commands].flatMap(optionCases).join("\n")}
        esac
    elif [[ $current == -* ]]; then
        _session_manager_plugin_words "$options"
    else
        case "$command $count" in
            ' 0') _session_manager_plugin_words ${quoted([...commands.map(({ name }) => name), "help"].join(" "))} ;;
${commands.flatMap(positionalCases).join("\n")}
        esac
    fi
}

# Those of some words that begin with what is typed. Bash has kept what stands before the last = or : already.
_session_manager_plugin_words() {
    local kept='' word
    if [[ $COMP_WORDBREAKS == *:* && $value == *:* ]]; then kept=\${value%"\${value##*:}"}; fi
    while IFS= read -r word; do
        [[ -z $word ]] || COMPREPLY+=("\${word#"$kept"}")
    done < <(compgen -W "$1" -- "$value")
}

# What only the program knows: its answer is a word, a tab and a description in each line.
_session_manager_plugin_ask() {
    local known='' word about
    while IFS=$'\\t' read -r word about; do known+="$word "; done < <("\${words[0]/#\\~/$HOME}" ${ASKED} "$1" \${account[@]+"\${account[@]}"} 2>/dev/null)
    _session_manager_plugin_words "$known"
}

_session_manager_plugin_files() {
    local word
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$value")
}

# A command of this machine and its arguments, from that word on.
_session_manager_plugin_command() {
    local word
    if (($1 < last)); then
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
    else
        while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -c -- "$current")
    fi
}

complete -F _session_manager_plugin ${names.join(" ")}
`;
}

function facts(command: CommandShape): string {
  const { name, options, takesCommand } = command;
  return [
    `        ${quoted(name)})`,
    `            options=${quoted([...options.flatMap(wordsOf), ...(takesCommand ? ["--"] : [])].join(" "))}`,
    `            valued=${quoted(` ${valuedWords(command).join(" ")} `)}`,
    ...(takesCommand ? ["            takes_command=1"] : []),
    "            ;;",
  ].join("\n");
}

function optionCases({ name, options }: CommandShape): string[] {
  return options.flatMap((each: OptionShape) => {
    const action = each.value === undefined ? undefined : actionOf(each.value.values);
    if (action === undefined) return [];
    const patterns = wordsOf(each).map((word) => quoted(`${name} ${word}`));
    return [`            ${patterns.join(" | ")}) ${action} ;;`];
  });
}

function positionalCases({ name, positionals }: CommandShape): string[] {
  return positionals.flatMap(({ values }, index) => {
    const action = actionOf(values);
    return action === undefined ? [] : [`            ${quoted(`${name} ${index}`)}) ${action} ;;`];
  });
}

function actionOf(values: Values): string | undefined {
  if (values === "nothing") return undefined;
  if (values === "files") return "_session_manager_plugin_files";
  if (values === "targets" || values === "profiles") return `_session_manager_plugin_ask ${values}`;
  return `_session_manager_plugin_words ${quoted(values.join(" "))}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
