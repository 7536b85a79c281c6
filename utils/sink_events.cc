// SPDX-License-Identifier: Apache-2.0
#include "utils/sink_events.h"

#include <chrono>

#include "base/failures.h"

namespace utils {

base::Result<SinkEvents> SinkEvents::create(const std::filesystem::path& file) {
  SinkEvents events;
  if (file.empty()) return events;
  events.file_ =
      TRY(base::open_file(file, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644));
  events.name_ = file.string();
  return events;
}

void SinkEvents::add(std::uint64_t connection, std::string_view event,
                     const std::function<void(base::Json&)>& details) {
  if (!file_) return;
  using std::chrono::microseconds;
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  base::Json json(pending_);
  json.begin_object();
  json.member("time", std::chrono::duration_cast<microseconds>(now).count());
  json.member("connection", connection);
  json.member("event", event);
  details(json);
  json.end_object();
  pending_ += '\n';
}

void SinkEvents::flush() {
  if (!file_ || pending_.empty()) return;
  auto written = base::write_all(file_.get(), pending_, name_);
  pending_.clear();
  if (written) return;
  base::complain(written.error().text);
  file_.reset();
}

}  // namespace utils
