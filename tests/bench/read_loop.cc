// SPDX-License-Identifier: Apache-2.0
//
// read_loop DIR THREADS [cold]: opens, reads and closes every -H file below DIR/input,
// and does nothing with it.
//
// What no lister can beat: the kernel's share of the work, with no library of ours in
// it.  Prints the number of files and bytes.  `cold` does what serves on a cold cache:
// in the order of names, one file a turn, so that all threads read next to each other;
// and it asks for the size of -D, which a listing shows and a cold disk is slow to
// tell.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

struct File {
  int directory;
  std::string name;
};

void find_files(int directory, std::vector<File>& files, bool top) {
  DIR* stream = fdopendir(dup(directory));
  while (const dirent* item = readdir(stream)) {
    std::string_view name = item->d_name;
    if (top && name.size() == 1 && name != ".")
      find_files(openat(directory, item->d_name, O_RDONLY | O_DIRECTORY), files, false);
    else if (name.size() == 18 && name.ends_with("-H"))
      files.push_back({directory, std::string(name)});
  }
  closedir(stream);
}

}  // namespace

int main(int argc, char** argv) {
  bool cold = argc == 4 && std::string_view(argv[3]) == "cold";
  if (argc != 3 && !cold) {
    std::fprintf(stderr, "usage: read_loop DIR THREADS [cold]\n");
    return 64;
  }
  int input = open((std::string(argv[1]) + "/input").c_str(), O_RDONLY | O_DIRECTORY);
  if (input < 0) {
    std::perror(argv[1]);
    return 66;
  }
  std::vector<File> files;
  find_files(input, files, true);
  if (cold) std::ranges::sort(files, {}, &File::name);

  std::atomic<std::size_t> next = 0, bytes = 0;
  auto work = [&] {
    char buffer[65536];
    const std::size_t chunk = cold ? 1 : 64;
    for (;;) {
      std::size_t first = next.fetch_add(chunk);
      if (first >= files.size()) return;
      for (std::size_t i = first; i < std::min(first + chunk, files.size()); ++i) {
        int fd = openat(files[i].directory, files[i].name.c_str(), O_RDONLY);
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got > 0) bytes += static_cast<std::size_t>(got);
        close(fd);
        if (!cold) continue;
        std::string d_name = files[i].name;
        d_name.back() = 'D';
        struct stat facts;
        fstatat(files[i].directory, d_name.c_str(), &facts, 0);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < std::atoi(argv[2]); ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  std::printf("%zu files, %zu bytes\n", files.size(), bytes.load());
  return 0;
}
