#include "rig/git_server.h"

#include <sstream>
#include <stdexcept>

#include "rig/process.h"

namespace rig {
namespace {

namespace fs = std::filesystem;

// Nothing of the machine's or the user's set-up of git.
const std::map<std::string, std::string> kAlone = {
    {"GIT_CONFIG_GLOBAL", "/dev/null"}, {"GIT_CONFIG_NOSYSTEM", "1"},
    {"GIT_AUTHOR_NAME", "test"},        {"GIT_AUTHOR_EMAIL", "test@example.org"},
    {"GIT_COMMITTER_NAME", "test"},     {"GIT_COMMITTER_EMAIL", "test@example.org"},
};

std::string query_of(const FakeCall& call) {
  std::string text;
  for (const auto& [name, value] : call.query) text += (text.empty() ? "" : "&") + name + "=" + value;
  return text;
}

// What a CGI program prints: header lines, an empty one, the body.
FakeAnswer answer_of_cgi(const std::string& printed) {
  FakeAnswer answer{.content_type = "text/plain"};
  const auto end = printed.find("\r\n\r\n");
  if (end == std::string::npos) return {.status = 500, .body = printed};
  std::istringstream head(printed.substr(0, end));
  for (std::string line; std::getline(head, line);) {
    if (line.starts_with("Status: ")) answer.status = std::stoi(line.substr(8));
    if (line.starts_with("Content-Type: "))
      answer.content_type = line.substr(14, line.find_last_not_of('\r') - 13);
  }
  answer.body = printed.substr(end + 4);
  return answer;
}

}  // namespace

GitServer::GitServer()
    : authority_(folder_.path(), "git-ca"),
      listener_({.certificate = authority_.issue("git")},
                [this](TlsConnection& connection) { serve(connection); }) {}

std::string GitServer::url(const std::string& repository) const {
  return "https://127.0.0.1:" + std::to_string(listener_.port()) + "/" + repository + ".git";
}

std::string GitServer::git(const fs::path& folder, std::vector<std::string> words) const {
  words.insert(words.begin(), "git");
  const Finished done = run(words, {.environment = kAlone, .folder = folder});
  if (done.exit_code != 0) throw std::runtime_error(words.at(1) + ": " + done.err);
  return done.out.substr(0, done.out.find_last_not_of('\n') + 1);
}

void GitServer::create(const std::string& repository) const {
  const fs::path bare = folder_.path() / (repository + ".git");
  git(folder_.path(), {"init", "--quiet", "--bare", "--initial-branch=main", bare});
  git(folder_.path(), {"clone", "--quiet", bare, repository});
}

std::string GitServer::commit(const std::string& repository,
                              const std::map<std::string, std::string>& files) {
  const fs::path tree = folder_.path() / repository;
  if (!fs::exists(tree)) create(repository);
  for (const auto& entry : fs::directory_iterator(tree))
    if (entry.path().filename() != ".git") fs::remove_all(entry.path());
  for (const auto& [name, text] : files) {
    fs::create_directories((tree / name).parent_path());
    write_file(tree / name, text);
  }
  git(tree, {"add", "--all"});
  git(tree, {"commit", "--quiet", "--allow-empty", "--message=A change"});
  git(tree, {"push", "--quiet", "origin", "HEAD:main"});
  return git(tree, {"rev-parse", "HEAD"});
}

void GitServer::serve(TlsConnection& connection) const {
  std::string rest;
  while (const auto call = read_call(connection, rest))
    if (!connection.write(answer_text(answer(*call)))) return;
}

FakeAnswer GitServer::answer(const FakeCall& call) const {
  auto environment = kAlone;
  environment.insert({{"GIT_PROJECT_ROOT", folder_.path()},
                      {"GIT_HTTP_EXPORT_ALL", "1"},
                      {"PATH_INFO", call.path},
                      {"REQUEST_METHOD", call.method},
                      {"QUERY_STRING", query_of(call)},
                      {"CONTENT_TYPE", call.header_at("content-type")},
                      {"CONTENT_LENGTH", std::to_string(call.body.size())},
                      {"GIT_PROTOCOL", call.header_at("git-protocol")}});
  return answer_of_cgi(run({"git", "http-backend"}, {.input = call.body, .environment = environment}).out);
}

}  // namespace rig
