// SPDX-License-Identifier: Apache-2.0
//
// A loop, a listener on a free port, and a peer that follows a script: it says and
// expects lines, as the programs of RFC examples do.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "net/line_reader.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/task_group.h"

namespace net {

using namespace std::chrono_literals;

inline constexpr Span kPatience = 20s;  // far more than any test takes

class NetTest : public testing::Test {
 protected:
  // Runs until all tasks ended; a watchdog fails the test rather than hang it.
  void run() {
    loop.run();
    EXPECT_EQ(tasks.size(), 0u);
  }

  Loop loop;
  TaskGroup tasks{loop};
  Listener listener = std::move(*Listener::open(loop, {"127.0.0.1", 0}));
};

// "S: ..." is said (\r\n added), "C: ..." expected; "raw: ..." is said as it is;
// "close" hangs up.
using Script = std::vector<std::string>;

inline asio::awaitable<void> follow(Stream stream, Script script,
                                    std::vector<std::string>& surprises) {
  LineReader lines(stream, 100000);
  for (const std::string& step : script) {
    if (step == "close") co_return;
    if (step.starts_with("raw: ")) {
      co_await stream.write(std::string_view(step).substr(5), kPatience);
    } else if (step.starts_with("S: ")) {
      std::string line = step.substr(3) + "\r\n";
      co_await stream.write(line, kPatience);
    } else {
      LineReader::Line line = co_await lines.next(kPatience);
      if (line.text != step.substr(3))
        surprises.push_back("wanted " + step + ", got " + std::string(line.text));
    }
  }
}

inline asio::awaitable<void> serve_script(Listener& listener, Script script,
                                          std::vector<std::string>& surprises) {
  Stream stream = co_await listener.accept();
  co_await follow(std::move(stream), std::move(script), surprises);
}

}  // namespace net
