// SPDX-License-Identifier: Apache-2.0
#include "qrunner/sent_headers.h"

#include <algorithm>

#include "base/text.h"
#include "policy/plain_list.h"
#include "policy/source.h"

namespace qrunner {

namespace {

std::vector<std::string> removed_names(const HeaderChanges& changes) {
  std::vector<std::string> names;
  for (const std::string& list : changes.remove)
    for (std::string& name : policy::split_list(list).elements)
      names.push_back(base::lower(name));
  return names;
}

bool is_removed(std::string_view header, const std::vector<std::string>& names) {
  std::string name = base::lower(policy::trimmed(header.substr(0, header.find(':'))));
  return std::ranges::any_of(names, [&](std::string_view removed) {
    if (removed.ends_with('*'))
      return name.starts_with(removed.substr(0, removed.size() - 1));
    return name == removed;
  });
}

}  // namespace

std::string sent_headers(const spoolfmt::HFile& file, const HeaderChanges& changes) {
  std::vector<std::string> removed = removed_names(changes);
  std::string out;
  for (const spoolfmt::Header& header : file.headers)
    if (header.type != '*' && (removed.empty() || !is_removed(header.text, removed)))
      out += header.text;
  for (const std::string& line : changes.add) {
    out += line;
    if (!line.ends_with('\n')) out += '\n';
  }
  return out + '\n';
}

}  // namespace qrunner
