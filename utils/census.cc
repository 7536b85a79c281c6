// SPDX-License-Identifier: Apache-2.0
#include "utils/census.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>

#include "base/handle.h"

namespace utils {

namespace {

namespace fs = std::filesystem;
using base::Result;

using Names = std::vector<std::string>;

Result<Names> names_in(const fs::path& directory) {
  base::Handle<DIR, ::closedir> handle(::opendir(directory.c_str()));
  if (!handle) return base::system_failure(directory.string(), errno);
  Names names;
  for (;;) {
    errno = 0;
    const dirent* item = ::readdir(handle.get());
    if (item == nullptr) break;
    std::string_view name = item->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return base::system_failure(directory.string(), errno);
  std::sort(names.begin(), names.end());
  return names;
}

bool is_real_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(fs::symlink_status(path, ignored));
}

class Taker {
 public:
  Taker(const spoolfmt::Spool& spool,
        const std::function<void(const base::Error&)>& trouble)
      : spool_(spool), trouble_(trouble) {}

  Result<Census> take() && {
    Names top = TRY(names_in(spool_.input()));
    for (const std::string& name : top) input_name(name, 0);
    visit_subdirectories([&](char c) { return spool_.input(c); },
                         [&](const std::string& name, char c) { input_name(name, c); });

    // A spool without message logs is a sound one.
    if (auto logs = names_in(spool_.msglog()))
      for (const std::string& name : *logs) log_name(name, 0);
    else if (logs.error().code != base::Code::not_found)
      trouble_(logs.error());
    visit_subdirectories([&](char c) { return spool_.msglog(c); },
                         [&](const std::string& name, char c) { log_name(name, c); });
    return std::move(census_);
  }

 private:
  template <class Path, class Visit>
  void visit_subdirectories(const Path& path, const Visit& visit) {
    for (char subdirectory : std::exchange(subdirectories_, {})) {
      auto names = names_in(path(subdirectory));
      // Exim removes empty subdirectories.
      if (!names && names.error().code != base::Code::not_found)
        trouble_(names.error());
      if (!names) continue;
      for (const std::string& name : *names) visit(name, subdirectory);
    }
  }

  void input_name(const std::string& text, char subdirectory) {
    Name name = read_name(text);
    fs::path path = spool_.input(subdirectory) / text;
    switch (name.kind) {
      case NameKind::h:
        census_.messages[name.id].h += subdirectory;
        return;
      case NameKind::d:
        census_.messages[name.id].d += subdirectory;
        return;
      case NameKind::j:
        census_.messages[name.id].j += subdirectory;
        return;
      case NameKind::directory:
        if (subdirectory == 0 && is_real_directory(path)) {
          subdirectories_ += text;
          return;
        }
        name.kind = NameKind::other;
        break;
      default:
        break;
    }
    census_.strays.push_back({std::move(path), name});
  }

  void log_name(const std::string& text, char subdirectory) {
    LogName name = read_log_name(text);
    fs::path path = spool_.msglog(subdirectory) / text;
    if (name.kind == LogKind::directory && subdirectory == 0 &&
        is_real_directory(path)) {
      subdirectories_ += text;
      return;
    }
    if (name.kind == LogKind::log && census_.messages.contains(name.id)) return;
    census_.logs.push_back({std::move(path), name});
  }

  const spoolfmt::Spool& spool_;
  const std::function<void(const base::Error&)>& trouble_;
  Census census_;
  std::string subdirectories_;  // found on the top level, still to visit
};

}  // namespace

Result<Census> take_census(const spoolfmt::Spool& spool,
                           const std::function<void(const base::Error&)>& trouble) {
  return Taker(spool, trouble).take();
}

}  // namespace utils
