// Completion scripts for shells, from a description of the commands. Pure.
#pragma once

#include <string>
#include <vector>

namespace rebalance {

enum class Takes { kNothing, kFile, kFolder, kChoice, kText };

struct OptionShape {
  std::vector<std::string> names;  // "-f", "--file"
  std::string description;
  Takes takes = Takes::kNothing;
  std::vector<std::string> choices;
  bool repeatable = false;
};

struct CommandShape {
  std::string name, description;
  std::vector<OptionShape> options;
  std::vector<std::string> words;  // what may stand without an option
};

std::string bash_completion(const std::string& program, const std::vector<CommandShape>& commands);
std::string zsh_completion(const std::string& program, const std::vector<CommandShape>& commands);

}  // namespace rebalance
