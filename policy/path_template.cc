// SPDX-License-Identifier: Apache-2.0
#include "policy/path_template.h"

#include "policy/source.h"

namespace policy {
namespace {

bool is_dots(std::string_view component) {
  return component == "." || component == "..";
}

std::string_view last_component(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

// Whatever may come from outside counts, also where the whole policy would show that
// an ACL variable never does: a path has to be safe at a glance.
bool is_remote(const Expansion& expansion) {
  static const Provenance careful{[](std::string_view) { return true; },
                                  [](std::size_t) { return true; }};
  return expansion.remote(careful);
}

std::unexpected<Failure> unsafe(std::string_view value, std::string_view why) {
  return cannot("the value " + quote(value) + " cannot be part of a file name: it " +
                std::string(why));
}

}  // namespace

Outcome<std::string> expand_path(const Template& path, Evaluation& evaluation) {
  std::string out;
  bool dots_forbidden = false;  // a stranger had a part in the last component
  auto check_component = [&](std::string_view component) -> Outcome<void> {
    if (dots_forbidden && is_dots(component))
      return unsafe(component, "would name another directory");
    return {};
  };
  // Of the policy's own text, or as good as that.
  auto append = [&](const std::string& text) -> Outcome<void> {
    if (std::size_t slash = text.find('/'); slash != text.npos) {
      std::string component(last_component(out));
      TRY(check_component(component.append(text, 0, slash)));
      dots_forbidden = false;
    }
    out += text;
    return {};
  };
  for (const Template::Piece& piece : path.pieces()) {
    TRY(append(piece.literal));
    std::string value;
    TRY(piece.expansion->expand(evaluation, value));
    if (value.find('\0') != value.npos) return unsafe(value, "holds a NUL byte");
    if (is_remote(*piece.expansion)) {
      if (value.empty()) return unsafe(value, "is empty");
      if (is_dots(value)) return unsafe(value, "would name another directory");
      if (value.find('/') != value.npos) return unsafe(value, "holds a '/'");
      dots_forbidden = true;
      out += value;
    } else {
      TRY(append(value));
    }
  }
  TRY(append(path.tail()));
  TRY(check_component(last_component(out)));
  return out;
}

Outcome<std::string_view> expand_path_view(const Template& path, Evaluation& evaluation,
                                           std::string& buffer) {
  if (const std::string* literal = path.literal()) return *literal;
  buffer = TRY(expand_path(path, evaluation));
  return buffer;
}

}  // namespace policy
