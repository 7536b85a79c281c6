// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

#include "base/failures.h"
#include "net/tls_context.h"

namespace net {

namespace {

// Names that clients ask for may lead to settings of their own; this bounds how many.
constexpr std::size_t kMostContexts = 1000;

}  // namespace

base::Result<std::shared_ptr<const TlsContext>> TlsKeys::State::find(
    const TlsSetting& setting, std::optional<base::Error>* trouble) {
  // Before the files are read: what changes meanwhile is noticed the next time.
  std::string stamp = stamp_of(setting);
  std::lock_guard lock(mutex_);
  auto known = entries_.find(setting);
  if (known == entries_.end() || known->second.stamp != stamp) {
    auto loaded = TlsContext::load(setting);
    if (known == entries_.end()) {
      if (!loaded) return std::unexpected(std::move(loaded).error());
      if (entries_.size() >= kMostContexts) entries_.clear();
      known = entries_.emplace(setting, Entry()).first;
    }
    Entry& entry = known->second;
    entry.stamp = std::move(stamp);
    entry.trouble.reset();
    if (loaded) {
      entry.context = std::move(*loaded);
    } else {
      entry.trouble = std::move(loaded).error();
      base::complain(entry.trouble->text + "; the former certificates stay in use");
    }
  }
  if (trouble) *trouble = known->second.trouble;
  return known->second.context;
}

TlsKeys::TlsKeys(const base::Clock& clock) : state_(std::make_unique<State>(clock)) {}
TlsKeys::~TlsKeys() = default;

base::Result<void> TlsKeys::check(const TlsSetting& setting) {
  std::optional<base::Error> trouble;
  auto found = state_->find(setting, &trouble);
  if (!found) trouble = std::move(found).error();
  if (trouble) return base::fail(base::Code::config, std::move(trouble->text));
  return {};
}

}  // namespace net
