// SPDX-License-Identifier: Apache-2.0
//
// How many messages a second a disk can take when they are made durable in batches:
// what the receiver is measured against, and how its way was chosen.
//
//   group_commit DIRECTORY BATCH SECONDS WAY [SIZE]
//
// Ways to make a batch durable: `each` syncs file by file, `ahead` the same after all
// were asked to write, `pool` with a hundred threads syncing, `waited` the same after
// all have written, `syncfs` the file system. Prints messages a second and microseconds
// of processor time a message.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr unsigned kThreads = 100;

void require(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

int make(int directory, const std::string& name, std::string_view bytes) {
  int fd =
      ::openat(directory, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  require(fd >= 0, name.c_str());
  require(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
          "write");
  return fd;
}

// Calls of fsync, many at a time.
class Pool {
 public:
  Pool() {
    for (unsigned i = 0; i < kThreads; ++i)
      threads_.emplace_back([this](std::stop_token stop) { work(stop); });
  }
  ~Pool() {
    for (auto& thread : threads_) thread.request_stop();
    more_.notify_all();
  }

  void sync(const std::vector<int>& files) {
    std::latch done(static_cast<std::ptrdiff_t>(files.size()));
    {
      std::lock_guard guard(mutex_);
      for (int fd : files) jobs_.push_back({fd, &done});
    }
    more_.notify_all();
    done.wait();
  }

 private:
  struct Job {
    int fd;
    std::latch* done;
  };

  void work(std::stop_token stop) {
    while (true) {
      std::unique_lock lock(mutex_);
      if (!more_.wait(lock, stop, [this] { return !jobs_.empty(); })) return;
      Job job = jobs_.back();
      jobs_.pop_back();
      lock.unlock();
      require(::fsync(job.fd) == 0, "fsync");
      job.done->count_down();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any more_;
  std::vector<Job> jobs_;
  std::vector<std::jthread> threads_;
};

void make_durable(std::string_view way, const std::vector<int>& files, int directory,
                  Pool& pool) {
  if (way == "ahead" || way == "pool" || way == "waited")
    for (int fd : files) ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
  if (way == "waited")
    for (int fd : files)
      require(::sync_file_range(fd, 0, 0,
                                SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                    SYNC_FILE_RANGE_WAIT_AFTER) == 0,
              "sync_file_range");
  if (way == "pool" || way == "waited") return pool.sync(files);
  if (way == "syncfs") return require(::syncfs(directory) == 0, "syncfs");
  for (int fd : files) require(::fsync(fd) == 0, "fsync");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) return 64;
  using Clock = std::chrono::steady_clock;
  int directory = ::open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  require(directory >= 0, argv[1]);
  int batch = std::atoi(argv[2]);
  auto end = Clock::now() + std::chrono::seconds(std::atoi(argv[3]));
  std::string way = argv[4];
  std::string body(argc > 5 ? static_cast<std::size_t>(std::atoi(argv[5])) : 4096, 'x');
  std::string header(600, 'h');
  std::string prefix = std::to_string(::getpid()) + "-";
  Pool pool;
  auto begin = Clock::now();
  long count = 0;
  while (Clock::now() < end) {
    std::vector<int> files;
    for (int i = 0; i < batch; ++i) {
      std::string name = prefix + std::to_string(count + i);
      files.push_back(make(directory, name + "-D", body));
      files.push_back(make(directory, "hdr." + name, header));
    }
    make_durable(way, files, directory, pool);
    for (int i = 0; i < batch; ++i) {
      std::string name = prefix + std::to_string(count + i);
      require(::renameat(directory, ("hdr." + name).c_str(), directory,
                         (name + "-H").c_str()) == 0,
              "rename");
    }
    require(::fsync(directory) == 0, "fsync of the directory");
    for (int fd : files) ::close(fd);
    count += batch;
  }
  std::chrono::duration<double> span = Clock::now() - begin;
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  double processor = seconds(used.ru_utime) + seconds(used.ru_stime);
  auto messages = static_cast<double>(count);
  std::printf("%.0f %.1f\n", messages / span.count(), 1e6 * processor / messages);
}
