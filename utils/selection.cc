// SPDX-License-Identifier: Apache-2.0
#include "utils/selection.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "base/text.h"
#include "policy/main_options.h"
#include "utils/scan.h"
#include "utils/where.h"

namespace utils {

namespace {

using Bytes = std::array<unsigned char, 16>;

// The address as IPv6, IPv4 mapped; `v4` tells which it was.
std::optional<Bytes> parse_address(std::string_view text, bool& v4) {
  std::string zero_terminated(text);
  Bytes bytes{};
  v4 = ::inet_pton(AF_INET, zero_terminated.c_str(), bytes.data() + 12) == 1;
  if (v4) {
    bytes[10] = bytes[11] = 0xff;
    return bytes;
  }
  if (::inet_pton(AF_INET6, zero_terminated.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

// Do the first `bits` bits of both agree?
bool same_network(const Bytes& a, const Bytes& b, unsigned bits) {
  unsigned whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  if (bits % 8 == 0) return true;
  unsigned mask = (0xffU << (8 - bits % 8)) & 0xffU;
  return (a[whole] & mask) == (b[whole] & mask);
}

std::string_view domain_of(std::string_view address) {
  auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : address.substr(at + 1);
}

bool has_header(const spoolfmt::HFileView& file, const HeaderPattern& pattern) {
  for (const auto& header : file.headers) {
    if (header.type == '*') continue;
    auto colon = header.text.find(':');
    if (colon == std::string_view::npos) continue;
    auto name = header.text.substr(0, colon);
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    if (!base::equal_nocase(name, pattern.name)) continue;
    auto text = header.text.substr(colon + 1);
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (pattern.text.matches(text)) return true;
  }
  return false;
}

base::Result<std::string> read_standard_input() {
  std::string input;
  char buffer[65536];
  for (;;) {
    ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return base::system_failure("standard input", errno);
    if (got == 0) return input;
    input.append(buffer, static_cast<std::size_t>(got));
  }
}

base::Cli::Setter add_regex(std::vector<base::Regex>& target) {
  return [&target](std::string_view text) -> base::Result<void> {
    target.push_back(TRY(base::Regex::compile(text, base::Regex::Case::insensitive)));
    return {};
  };
}

base::Result<HeaderPattern> parse_header_pattern(std::string_view text) {
  auto colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos)
    return base::fail(base::Code::usage, "'" + std::string(text) +
                                             "' has no header name: write 'Subject: "
                                             "PATTERN'");
  auto pattern = text.substr(colon + 1);
  while (pattern.starts_with(' ')) pattern.remove_prefix(1);
  return HeaderPattern{
      std::string(text.substr(0, colon)),
      TRY(base::Regex::compile(pattern, base::Regex::Case::insensitive))};
}

}  // namespace

base::Result<HostRange> HostRange::parse(std::string_view text) {
  auto slash = text.find('/');
  bool v4 = false;
  auto address = parse_address(text.substr(0, slash), v4);
  HostRange range;
  unsigned most = v4 ? 32 : 128;
  std::uint64_t bits = most;
  bool sound = address.has_value();
  if (slash != std::string_view::npos) {
    auto number = base::to_number(text.substr(slash + 1));
    sound = sound && number && *number <= most;
    bits = number.value_or(0);
  }
  if (!sound)
    return base::fail(base::Code::usage,
                      "'" + std::string(text) +
                          "' is no address: write 192.0.2.1, 192.0.2.0/24 or "
                          "2001:db8::/32");
  range.network_ = *address;
  range.bits_ = static_cast<unsigned>(bits) + (v4 ? 96 : 0);
  return range;
}

bool HostRange::contains(std::string_view address) const {
  bool v4 = false;
  auto bytes = parse_address(address, v4);
  return bytes && same_network(*bytes, network_, bits_);
}

bool Selection::has_criteria() const {
  return older || younger || frozen || not_frozen || !senders.empty() ||
         !recipients.empty() || !domains.empty() || !hosts.empty() || larger ||
         smaller || !headers.empty() || !conditions.empty();
}

void describe_selection(base::Cli& cli, Selection& selection,
                        const base::CommonOptions& common, bool by_sender) {
  cli.operands("ID...", selection.operands,
               "message ids; - reads them from standard input");
  cli.group("Selection (all must hold)");
  cli.option("older", 0, "T", selection.older,
             "in the queue for T or more: 90m, 2h, 3d");
  cli.option("younger", 0, "T", selection.younger, "in the queue for less than T");
  cli.flag("frozen", 0, selection.frozen, "frozen");
  cli.flag("not-frozen", 0, selection.not_frozen, "not frozen");
  if (by_sender)
    cli.custom("sender", 0, "RE", "envelope sender matches",
               add_regex(selection.senders));
  cli.custom("recipient", 0, "RE", "a recipient not yet delivered to matches",
             add_regex(selection.recipients));
  cli.option("domain", 0, "D", selection.domains,
             "a recipient not yet delivered to is in this domain");
  cli.custom("host", 0, "IP|CIDR", "received from this host or network",
             [&selection](std::string_view text) -> base::Result<void> {
               selection.hosts.push_back(TRY(HostRange::parse(text)));
               return {};
             });
  cli.option("larger", 0, "N", selection.larger, "larger than N bytes: 500, 10k, 5M");
  cli.option("smaller", 0, "N", selection.smaller, "smaller than N bytes");
  cli.custom("header", 0, "'NAME: RE'", "a header line of that name matches",
             [&selection](std::string_view text) -> base::Result<void> {
               selection.headers.push_back(TRY(parse_header_pattern(text)));
               return {};
             });
  cli.option("where", 0, "CONDITION", selection.conditions,
             "a condition of the policy language, as inside ${if");
  cli.group("");
  cli.afterwards([&selection, &common]() -> base::Result<void> {
    if (!selection.conditions.empty())
      selection.where = TRY(Where::parse(selection.conditions, common));
    return {};
  });
}

namespace {

// All criteria but --where.
bool fits(const Selection& selection, const spoolfmt::Queued& queued, base::Time now) {
  const spoolfmt::HFileView& file = queued.h.file;

  if (selection.frozen && !file.frozen()) return false;
  if (selection.not_frozen && file.frozen()) return false;
  if (selection.older || selection.younger) {
    auto age = now - file.received_time();
    if (selection.older && age < *selection.older) return false;
    if (selection.younger && age >= *selection.younger) return false;
  }
  for (const auto& pattern : selection.senders)
    if (!pattern.matches(file.sender)) return false;
  for (const auto& range : selection.hosts) {
    const auto* host = file.find("host_address");
    if (!host || !range.contains(spoolfmt::parse_host(host->value).address))
      return false;
  }
  if (selection.larger || selection.smaller) {
    auto size = queued.message_size();
    if (!size) return false;
    auto bytes = static_cast<std::uint64_t>(std::max<std::int64_t>(0, *size));
    if (selection.larger && bytes <= selection.larger->bytes) return false;
    if (selection.smaller && bytes >= selection.smaller->bytes) return false;
  }
  auto waits_for = [&](auto fits) {
    for (const auto& recipient : file.recipients)
      if (fits(recipient.address) && !queued.delivered(recipient.address)) return true;
    return false;
  };
  for (const auto& pattern : selection.recipients)
    if (!waits_for([&](std::string_view address) { return pattern.matches(address); }))
      return false;
  for (const auto& domain : selection.domains)
    if (!waits_for([&](std::string_view address) {
          return base::equal_nocase(domain_of(address), domain);
        }))
      return false;
  for (const auto& pattern : selection.headers)
    if (!has_header(file, pattern)) return false;
  return true;
}

}  // namespace

base::Result<bool> matches(const Selection& selection, const spoolfmt::Spool& spool,
                           const spoolfmt::Queued& queued, base::Time now) {
  if (!selection.has_criteria()) return true;
  if (queued.h.damage == spoolfmt::Damage::envelope) return false;
  if (!fits(selection, queued, now)) return false;
  if (!selection.where) return true;
  return selection.where->holds(queued, spool.input(queued.entry.subdirectory), now);
}

base::Result<spoolfmt::Spool> open_spool(const base::CommonOptions& common) {
  auto options = TRY(policy::load_main_options(common));
  return spoolfmt::Spool::open(options.spool_directory, common.queue,
                               options.split_spool_directory);
}

base::Result<std::vector<spoolfmt::MessageId>> operand_ids(const Selection& selection,
                                                           bool verbose) {
  std::vector<spoolfmt::MessageId> ids;
  std::set<spoolfmt::MessageId> known;
  auto add = [&](const spoolfmt::MessageId& id) {
    if (known.insert(id).second) ids.push_back(id);
  };
  for (const auto& operand : selection.operands) {
    if (operand != "-") {
      auto id = spoolfmt::MessageId::parse(operand);
      if (!id)
        return base::fail(
            base::Code::usage,
            "'" + operand + "' is no message id: write one like 1xUYvJ-0004Zg-2C");
      add(*id);
      continue;
    }
    std::string input = TRY(read_standard_input());
    std::string_view rest = input;
    std::size_t without = 0;
    while (!rest.empty()) {
      auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(rest.size(), line.size() + 1));
      if (auto id = spoolfmt::MessageId::find_in(line))
        add(*id);
      else
        ++without;
    }
    if (verbose && without > 0)
      base::complain("standard input: " + std::to_string(without) +
                     " lines without a message id were passed over");
  }
  return ids;
}

base::Result<std::vector<spoolfmt::MessageId>> select_ids(const spoolfmt::Spool& spool,
                                                          const Selection& selection,
                                                          base::Time now, bool verbose,
                                                          base::Failures& failures) {
  if (!selection.operands.empty() && !selection.has_criteria())
    return operand_ids(selection, verbose);

  auto source =
      TRY(EntrySource::open(spool, selection, Order::queue, verbose, failures));
  std::vector<spoolfmt::MessageId> ids;
  auto keep = [](const spoolfmt::Queued& queued, const base::Error*, Entries& out) {
    out.push_back(queued.entry);
  };
  // A damaged message that was not asked for by its id is not ours to change.
  auto collect = [&](Entries found) {
    for (const auto& entry : found)
      if (auto id = spoolfmt::MessageId::parse(entry.stem())) ids.push_back(*id);
    return true;
  };
  scan<Entries>(spool, selection, now, *source, &failures, keep, collect);
  return ids;
}

}  // namespace utils
