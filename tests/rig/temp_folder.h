// A folder of its own that is gone at the end, and free ports: what every real server of a test stands on.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace rig {

class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes a file below the folder (mode 0600) and returns where it is.
  std::filesystem::path write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

// A random port that nobody listens on, below 55536, with port + 10000 (the cluster bus) free as well.
// Somebody may still take it before its user does: Server tries another one then.
int free_port();

std::string read_file(const std::filesystem::path& path);
std::string last_of(const std::filesystem::path& path);  // what of a log is worth printing
void write_file(const std::filesystem::path& path, const std::string& text);

}  // namespace rig
