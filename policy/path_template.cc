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
  for (const Template::Piece& piece : path.pieces()) {
    std::size_t slash = piece.literal.find('/');
    if (slash != piece.literal.npos) {
      std::string component(last_component(out));
      component.append(piece.literal, 0, slash);
      if (auto good = check_component(component); !good)
        return std::unexpected(good.error());
      dots_forbidden = false;
    }
    out += piece.literal;
    if (!piece.expansion) continue;
    std::string value;
    if (auto done = piece.expansion->expand(evaluation, value); !done)
      return std::unexpected(done.error());
    if (value.find('\0') != value.npos) return unsafe(value, "holds a NUL byte");
    if (is_remote(*piece.expansion)) {
      if (value.empty()) return unsafe(value, "is empty");
      if (is_dots(value)) return unsafe(value, "would name another directory");
      if (value.find('/') != value.npos) return unsafe(value, "holds a '/'");
      dots_forbidden = true;
    } else if (value.find('/') != value.npos) {
      std::string component(last_component(out));
      component.append(value, 0, value.find('/'));
      if (auto good = check_component(component); !good)
        return std::unexpected(good.error());
      dots_forbidden = false;
    }
    out += value;
  }
  if (auto good = check_component(last_component(out)); !good)
    return std::unexpected(good.error());
  return out;
}

}  // namespace policy
