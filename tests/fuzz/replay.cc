// SPDX-License-Identifier: Apache-2.0
//
// replay [SUFFIX=]PATH...: the files, or those below the directories that end in
// SUFFIX, through one fuzz target.
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

std::size_t files = 0;

bool replay(const fs::path& path) {
  auto text = base::read_file(path);
  if (!text) {
    std::cerr << "replay: " << text.error().text << '\n';
    return false;
  }
  // A block of exactly that size: a byte too far is seen.
  auto block = std::make_unique<std::uint8_t[]>(text->size());
  std::copy(text->begin(), text->end(), block.get());
  std::cerr << path.string() << '\n';  // the last one named is the one that failed
  LLVMFuzzerTestOneInput(block.get(), text->size());
  ++files;
  return true;
}

bool replay_all(std::string_view argument) {
  std::size_t equals = argument.find('=');
  std::string_view suffix;
  if (equals != std::string_view::npos) suffix = argument.substr(0, equals);
  fs::path root = argument.substr(equals == std::string_view::npos ? 0 : equals + 1);
  if (!fs::is_directory(root)) return replay(root);
  bool all = true;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file() && entry.path().string().ends_with(suffix))
      all = replay(entry.path()) && all;
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  bool all = argc > 1;
  for (int i = 1; i < argc; ++i) all = replay_all(argv[i]) && all;
  std::cout << "replayed " << files << " files\n";
  return all && files > 0 ? 0 : 1;
}
