#include "rig/temp_folder.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace rig {
namespace fs = std::filesystem;

TempFolder::TempFolder() {
  std::string pattern = (fs::temp_directory_path() / "redis-rebalance-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path TempFolder::write(const std::string& name, const std::string& text) const {
  const fs::path file = path_ / name;
  write_file(file, text);
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  return file;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_file(const fs::path& path, const std::string& text) {
  const fs::path whole = path.string() + ".new";  // a process that reads it meanwhile sees all or nothing
  std::ofstream out(whole, std::ios::binary | std::ios::trunc);
  out << text;
  if (!out.flush()) throw std::runtime_error("could not write " + path.string());
  fs::rename(whole, path);
}

namespace {

bool can_listen(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool free =
      bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(fd, 1) == 0;
  close(fd);
  return free;
}

}  // namespace

int free_port() {
  thread_local std::mt19937 random{std::random_device{}()};
  // Below the kernel's range for outgoing connections, both it and its bus port: 10000..22767.
  std::uniform_int_distribution<int> port(10000, 22767);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const int candidate = port(random);
    if (can_listen(candidate) && can_listen(candidate + 10000)) return candidate;
  }
  throw std::runtime_error("no free port with a free bus port was found");
}

std::string last_of(const fs::path& path) {
  const std::string text = read_file(path);
  return text.substr(text.size() - std::min<std::size_t>(text.size(), 3000));
}

}  // namespace rig
