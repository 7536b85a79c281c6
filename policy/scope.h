// SPDX-License-Identifier: Apache-2.0
//
// What items change of an evaluation while they are at work, and put back at their end
// (spec/policy.md 4.4 and 4.5).
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "policy/evaluation.h"

namespace policy {

// $value or $item is another text while this lives.
class ScopedText {
 public:
  ScopedText(std::optional<std::string>& place, std::string text)
      : place_(place), saved_(std::exchange(place, std::move(text))) {}
  ~ScopedText() { place_ = std::move(saved_); }
  ScopedText(const ScopedText&) = delete;
  ScopedText& operator=(const ScopedText&) = delete;

 private:
  std::optional<std::string>& place_;
  std::optional<std::string> saved_;
};

// Whatever becomes of the captures, they come back.
class SavedCaptures {
 public:
  explicit SavedCaptures(Evaluation& evaluation)
      : evaluation_(evaluation), saved_(evaluation.captures) {}
  ~SavedCaptures() { evaluation_.captures = std::move(saved_); }
  SavedCaptures(const SavedCaptures&) = delete;
  SavedCaptures& operator=(const SavedCaptures&) = delete;

 private:
  Evaluation& evaluation_;
  Captures saved_;
};

// The same for $value, which a condition may set.
class SavedValue {
 public:
  explicit SavedValue(Evaluation& evaluation)
      : evaluation_(evaluation), saved_(evaluation.value) {}
  ~SavedValue() { evaluation_.value = std::move(saved_); }
  SavedValue(const SavedValue&) = delete;
  SavedValue& operator=(const SavedValue&) = delete;

 private:
  Evaluation& evaluation_;
  std::optional<std::string> saved_;
};

}  // namespace policy
