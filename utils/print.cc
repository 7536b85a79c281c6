// SPDX-License-Identifier: Apache-2.0
#include "utils/print.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/fd.h"
#include "base/text.h"

namespace utils {

namespace {

using spoolfmt::Damage;
using spoolfmt::Queued;

std::int64_t age_seconds(const Queued& queued, base::Time now) {
  return std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count() -
         queued.h.file.received;
}

std::string listing_size(const Queued& queued) {
  auto size = queued.message_size();
  return size ? spoolfmt::format_listing_size(*size) : std::string(5, ' ');
}

// What the system or the reader said, without the place, which Exim does not print.
std::string_view reason(const base::Error& error) {
  std::string_view text = error.text;
  auto colon = text.find(": ");
  return colon == std::string_view::npos ? text : text.substr(colon + 2);
}

// The names delivered to that are no recipients, as Exim finds them: the tree from left
// to right, the journal's names inserted.  A recipient that stands where a search does
// not come by is a stranger, too.
std::vector<std::string> generated_names(const Queued& queued) {
  spoolfmt::NonRecipients tree;
  for (const auto& node : queued.h.file.delivered.nodes)
    tree.nodes.push_back({std::string(node.name), node.has_left, node.right});
  tree.insert(std::vector<std::string>(queued.journal.begin(), queued.journal.end()));

  std::set<std::string_view> recipients;
  for (const auto& recipient : queued.h.file.recipients)
    if (tree.found_by_exim(recipient.address)) recipients.insert(recipient.address);

  std::vector<std::string> names;
  std::vector<std::size_t> path;  // nodes whose left subtree we are in
  std::size_t at = 0;
  bool down = !tree.nodes.empty();
  while (down || !path.empty()) {
    if (down) {
      path.push_back(at);
      down = tree.nodes[at].has_left;
      at += 1;
      continue;
    }
    const auto& node = tree.nodes[path.back()];
    path.pop_back();
    if (!recipients.contains(node.name)) names.push_back(node.name);
    down = node.right != 0;
    at = node.right;
  }
  return names;
}

void append_padded(std::string& out, std::string_view text, std::size_t width) {
  out += text;
  if (text.size() < width) out.append(width - text.size(), ' ');
}

void append_right(std::string& out, std::string_view text, std::size_t width) {
  if (text.size() < width) out.append(width - text.size(), ' ');
  out += text;
}

// Cuts what the screen is too narrow for.
void fit(std::string& row, const Screen& screen) {
  if (screen.width <= 3 || row.size() <= screen.width) return;
  std::size_t end = screen.width - 3;
  while (end > 0 && (row[end] & 0xc0) == 0x80) --end;  // not inside a character
  row.resize(end);
  row += "...";
}

std::string_view state(const Queued& queued, std::size_t left) {
  if (queued.h.damage != Damage::none) return "damaged";
  if (!queued.d_size) return "no body";
  if (queued.h.file.frozen()) return "frozen";
  if (left == 0) return "done";
  return queued.h.file.has("deliver_firsttime") ? "new" : "waiting";
}

}  // namespace

Screen standard_output() {
  Screen screen;
  screen.terminal = ::isatty(STDOUT_FILENO) == 1;
  winsize size{};
  if (screen.terminal && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
    screen.width = size.ws_col;
  return screen;
}

std::string shown(std::string_view mail, const Screen& screen) {
  return screen.terminal ? base::printable(mail) : std::string(mail);
}

base::Result<void> put(std::string_view bytes) {
  auto written = base::write_all(STDOUT_FILENO, bytes, "standard output");
  if (!written && errno == EPIPE) return base::fail(base::Code::disk, "");
  return written;
}

std::vector<std::string_view> undelivered(const Queued& queued) {
  std::vector<std::string_view> addresses;
  for (const auto& recipient : queued.h.file.recipients)
    if (!queued.delivered(recipient.address)) addresses.push_back(recipient.address);
  return addresses;
}

void append_exim(std::string& out, const Queued& queued, const base::Error* trouble,
                 base::Time now, Names names, const Screen& screen) {
  const auto& file = queued.h.file;
  bool known = queued.h.damage != Damage::envelope;
  if (known) {
    append_right(out, spoolfmt::format_listing_age(age_seconds(queued, now)), 3);
    out += ' ';
    out += listing_size(queued);
  } else {
    out += "     ";
  }
  out += ' ';
  out += shown(queued.entry.stem(), screen);
  if (known) {
    out += " <";
    out += shown(file.sender, screen);
    out += '>';
    if (file.has("sender_set_untrusted")) out += " (" + shown(file.login, screen) + ")";
  }
  if (trouble) {
    out += "\n    *** spool ";
    if (trouble->code == base::Code::syntax)
      out += "format error: size=" + std::to_string(queued.h_text.size());
    else
      out += "read error: " + shown(reason(*trouble), screen);
    out += " ***";
  }
  if (known && file.frozen()) out += " *** frozen ***";
  out += '\n';
  if (known) {
    bool any_done = !file.delivered.empty() || !queued.journal.empty();
    for (const auto& recipient : file.recipients) {
      bool done = any_done && queued.listed_as_delivered(recipient.address);
      if (done && names == Names::undelivered) continue;
      out += done ? "        D " : "          ";
      out += shown(recipient.address, screen);
      out += '\n';
    }
    if (any_done && names == Names::generated)
      for (const auto& name : generated_names(queued))
        out += "       +D " + shown(name, screen) + "\n";
  }
  out += '\n';
}

void append_heading(std::string& out, std::size_t id_width, const Screen& screen) {
  std::string row = " AGE  SIZE ";
  append_padded(row, "ID", id_width);
  row += " STATE      LEFT SENDER                         RECIPIENT";
  fit(row, screen);
  out += row + "\n";
}

void append_row(std::string& out, const Queued& queued, const base::Error* trouble,
                base::Time now, std::size_t id_width, const Screen& screen) {
  const auto& file = queued.h.file;
  std::string row;
  bool known = queued.h.damage != Damage::envelope;
  auto left = undelivered(queued);
  append_right(row,
               known ? spoolfmt::format_listing_age(age_seconds(queued, now)) : "?", 4);
  row += ' ';
  row += known ? listing_size(queued) : "    ?";
  row += ' ';
  append_padded(row, base::printable(queued.entry.stem()), id_width);
  row += ' ';
  if (!known) {
    row += "damaged  " + base::printable(reason(*trouble));
  } else {
    append_padded(row, state(queued, left.size()), 7);
    row += ' ';
    append_right(
        row, std::to_string(left.size()) + "/" + std::to_string(file.recipients.size()),
        7);
    row += ' ';
    append_padded(row, "<" + shown(file.sender, screen) + ">", 30);
    if (!left.empty()) row += ' ' + shown(left.front(), screen);
    if (left.size() > 1) row += " +" + std::to_string(left.size() - 1);
    while (row.ends_with(' ')) row.pop_back();
  }
  fit(row, screen);
  out += row + "\n";
}

void append_trouble(base::Json& json, const Queued& queued,
                    const base::Error& trouble) {
  bool read = trouble.code == base::Code::syntax;
  json.member("error", read ? queued.h.what : std::string(reason(trouble)));
  json.member("damage", !read                                 ? "unreadable"
                        : queued.h.damage == Damage::envelope ? "envelope"
                                                              : "headers");
  if (read) json.member("line", queued.h.line);
}

void append_frozen(base::Json& json, const spoolfmt::HFileView& file) {
  auto since = file.frozen();
  json.member("frozen", since.has_value());
  json.key("frozen_since");
  if (since)
    json.value(base::format_rfc3339(base::Time(std::chrono::seconds(*since))));
  else
    json.null();
}

void append_json(std::string& out, const Queued& queued, const base::Error* trouble,
                 base::Time now) {
  const auto& file = queued.h.file;
  base::Json json(out);
  json.begin_object().member("id", queued.entry.stem());
  if (queued.h.damage != Damage::envelope) {
    json.member("received", base::format_rfc3339(file.received_time()));
    json.member("age_seconds", age_seconds(queued, now));
    json.key("message_size");
    if (auto size = queued.message_size())
      json.value(*size);
    else
      json.null();
    json.member("sender", file.sender);
    append_frozen(json, file);
    json.member("warnings", file.warnings);
    json.key("recipients").begin_array();
    for (const auto& recipient : file.recipients)
      json.begin_object()
          .member("address", recipient.address)
          .member("delivered", queued.delivered(recipient.address))
          .end_object();
    json.end_array().key("undelivered").begin_array();
    for (auto address : undelivered(queued)) json.value(address);
    json.end_array();
  }
  if (trouble) append_trouble(json, queued, *trouble);
  json.end_object();
  out += '\n';
}

}  // namespace utils
