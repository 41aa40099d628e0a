#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace rebalance {
namespace {

// What bash's compgen is asked for the value of an option; nothing: bash completes nothing.
std::string compgen_of(const OptionShape& option) {
  switch (option.takes) {
    case Takes::kFile: return "-f";
    case Takes::kFolder: return "-d";
    case Takes::kChoice: return fmt::format("-W '{}'", fmt::join(option.choices, " "));
    case Takes::kNothing:
    case Takes::kText: break;
  }
  return "";
}

std::string bash_values(const CommandShape& command) {
  std::string out;
  for (const auto& option : command.options) {
    if (option.takes == Takes::kNothing) continue;
    std::vector<std::string> patterns;
    for (const auto& name : option.names) patterns.push_back(command.name + ":" + name);
    const auto asked = compgen_of(option);
    out += fmt::format("    {}) {}return ;;\n", fmt::join(patterns, "|"),
                       asked.empty() ? "" : fmt::format("COMPREPLY=($(compgen {} -- \"$word\")); ", asked));
  }
  return out;
}

std::string bash_words(const CommandShape& command) {
  std::vector<std::string> words = command.words;
  for (const auto& option : command.options)
    words.insert(words.end(), option.names.begin(), option.names.end());
  return fmt::format("    {}) words='{}' ;;\n", command.name, fmt::join(words, " "));
}

// Inside '[...]' of a zsh spec that stands in single quotes.
std::string zsh_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':') out += '\\';
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out;
}

std::string zsh_spec(const OptionShape& option) {
  std::string value;
  switch (option.takes) {
    case Takes::kNothing: break;
    case Takes::kFile: value = ":file:_files"; break;
    case Takes::kFolder: value = ":folder:_files -/"; break;
    case Takes::kChoice: value = fmt::format(":choice:({})", fmt::join(option.choices, " ")); break;
    case Takes::kText: value = ":value:"; break;
  }
  const auto tail = fmt::format("[{}]{}", zsh_escaped(option.description), value);
  if (option.names.size() == 1)
    return fmt::format("'{}{}{}'", option.repeatable ? "*" : "", option.names[0], tail);
  const auto rivals =
      option.repeatable ? std::string("*") : fmt::format("({})", fmt::join(option.names, " "));
  return fmt::format("'{}'{{{}}}'{}'", rivals, fmt::join(option.names, ","), tail);
}

}  // namespace

std::string bash_completion(const std::string& program, const std::vector<CommandShape>& commands) {
  std::vector<std::string> names;
  std::string values, words;
  for (const auto& command : commands) {
    names.push_back(command.name);
    values += bash_values(command);
    words += bash_words(command);
  }
  return fmt::format(R"(# bash completion for {0}: source it, or put it into bash-completion's folder.
_redis_rebalance() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= words= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in {1}) command=${{COMP_WORDS[i]}}; break ;; esac
  done
  case $command:$before in
{2}  esac
  case $command in
    '') words='{3} --help --verbose' ;;
{4}  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}}
complete -o filenames -F _redis_rebalance {0}
)",
                     program, fmt::join(names, "|"), values, fmt::join(names, " "), words);
}

std::string zsh_completion(const std::string& program, const std::vector<CommandShape>& commands) {
  std::string list, cases;
  for (const auto& command : commands) {
    list += fmt::format("    '{}:{}'\n", command.name, zsh_escaped(command.description));
    std::string specs;
    for (const auto& option : command.options) specs += " \\\n        " + zsh_spec(option);
    if (!command.words.empty())
      specs += fmt::format(" \\\n        '1:choice:({})'", fmt::join(command.words, " "));
    cases += fmt::format("      {}) _arguments -s{} ;;\n", command.name, specs);
  }
  return fmt::format(R"(#compdef {0}
# zsh completion for {0}: put it into a folder of $fpath as _{0}.
_redis_rebalance() {{
  local -a commands
  commands=(
{1}  )
  local curcontext=$curcontext state line
  _arguments -C '(-v --verbose)'{{-v,--verbose}}'[say more]' '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $line[1] in
{2}      esac ;;
  esac
}}
compdef _redis_rebalance {0}
)",
                     program, list, cases);
}

}  // namespace rebalance
