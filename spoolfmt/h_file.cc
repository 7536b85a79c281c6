// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/h_file.h"

#include <algorithm>
#include <array>

#include "base/safe_file.h"
#include "base/text.h"
#include "spoolfmt/spool.h"

namespace spoolfmt {

namespace {

// The order in which Exim writes options.  ACL variables stand at "aclc" and "aclm".
constexpr auto kOptionOrder =
    std::to_array<std::string_view>({"received_time_usec",
                                     "received_time_complete",
                                     "helo_name",
                                     "host_address",
                                     "host_name",
                                     "host_auth",
                                     "host_auth_pubname",
                                     "interface_address",
                                     "active_hostname",
                                     "ident",
                                     "received_protocol",
                                     "aclc",
                                     "aclm",
                                     "debug_selector",
                                     "debuglog_name",
                                     "spool_file_wireformat",
                                     "body_linecount",
                                     "max_received_linelength",
                                     "body_zerocount",
                                     "auth_id",
                                     "auth_sender",
                                     "allow_unqualified_recipient",
                                     "allow_unqualified_sender",
                                     "deliver_firsttime",
                                     "frozen",
                                     "N",
                                     "host_lookup_deferred",
                                     "host_lookup_failed",
                                     "local",
                                     "localerror",
                                     "local_scan",
                                     "spam_bar",
                                     "spam_score",
                                     "spam_score_int",
                                     "manual_thaw",
                                     "sender_set_untrusted",
                                     "bmi_verdicts",
                                     "tls_certificate_verified",
                                     "tls_cipher",
                                     "tls_peercert",
                                     "tls_peerdn",
                                     "tls_sni",
                                     "tls_ourcert",
                                     "tls_ocsp",
                                     "tls_resumption",
                                     "tls_ver",
                                     "tls_requiretls",
                                     "smtputf8",
                                     "utf8_downcvt",
                                     "utf8_optdowncvt",
                                     "dsn_envid",
                                     "dsn_ret"});

std::size_t option_rank(std::string_view name) {
  std::string_view key = name.substr(0, name.find(' '));
  return static_cast<std::size_t>(
      std::find(kOptionOrder.begin(), kOptionOrder.end(), key) - kOptionOrder.begin());
}

bool one_line(std::string_view text) {
  return text.find('\n') == std::string_view::npos &&
         text.find('\0') == std::string_view::npos;
}

}  // namespace

template <class Text>
const BasicOption<Text>* BasicHFile<Text>::find(std::string_view name) const {
  for (auto option = options.rbegin(); option != options.rend(); ++option)
    if (option->name == name) return &*option;
  return nullptr;
}

template <class Text>
std::optional<std::int64_t> BasicHFile<Text>::frozen() const {
  const auto* option = find("frozen");
  if (option == nullptr) return std::nullopt;
  std::string_view value = option->value;
  return base::scan_number(value);
}

template <class Text>
base::Time BasicHFile<Text>::received_time() const {
  std::int64_t microseconds = 0;
  if (const auto* option = find("received_time_usec");
      option && option->value.size() > 1) {
    std::string_view digits = std::string_view(option->value).substr(1);
    microseconds = base::scan_number(digits).value_or(0);
    if (microseconds < 0 || microseconds > 999'999) microseconds = 0;
  }
  return base::Time(std::chrono::seconds(received) +
                    std::chrono::microseconds(microseconds));
}

template <class Text>
std::uint64_t BasicHFile<Text>::header_size() const {
  std::uint64_t size = 0;
  for (const auto& header : headers)
    if (header.type != '*') size += header.text.size();
  return size;
}

template struct BasicHFile<std::string>;
template struct BasicHFile<std::string_view>;

void HFile::set(Option option) {
  std::size_t rank = option_rank(option.name);
  remove(option.name);
  // Behind the last one that Exim writes before it; those we cannot name stay where
  // they are.
  auto before = std::find_if(
      options.rbegin(), options.rend(),
      [&](const Option& other) { return option_rank(other.name) <= rank; });
  options.insert(before.base(), std::move(option));
}

void HFile::remove(std::string_view name) {
  std::erase_if(options, [&](const Option& option) { return option.name == name; });
}

void HFile::mark_delivered(const std::vector<std::string>& names) {
  NonRecipients tree;
  tree.nodes = std::move(delivered.nodes);
  tree.insert(names);
  delivered.nodes = std::move(tree.nodes);
}

HFileView view_of(const HFile& file) {
  HFileView view;
  view.id = file.id;
  view.login = file.login;
  view.uid = file.uid;
  view.gid = file.gid;
  view.sender = file.sender;
  view.received = file.received;
  view.warnings = file.warnings;
  for (const auto& o : file.options)
    view.options.push_back({o.name, o.value, o.has_value, o.tainted, o.quoter});
  for (const auto& n : file.delivered.nodes)
    view.delivered.nodes.push_back({n.name, n.has_left, n.right});
  for (const auto& r : file.recipients)
    view.recipients.push_back(
        {r.address, r.errors_to, r.orcpt, r.dsn_flags, r.parent, r.old_form});
  for (const auto& h : file.headers) view.headers.push_back({h.type, h.text});
  return view;
}

HFile to_owned(const HFileView& view) {
  HFile file;
  file.id = view.id;
  file.login = view.login;
  file.uid = view.uid;
  file.gid = view.gid;
  file.sender = view.sender;
  file.received = view.received;
  file.warnings = view.warnings;
  file.options.reserve(view.options.size());
  for (const auto& o : view.options)
    file.options.push_back({std::string(o.name), std::string(o.value), o.has_value,
                            o.tainted, std::string(o.quoter)});
  file.delivered.nodes.reserve(view.delivered.nodes.size());
  for (const auto& n : view.delivered.nodes)
    file.delivered.nodes.push_back({std::string(n.name), n.has_left, n.right});
  file.recipients.reserve(view.recipients.size());
  for (const auto& r : view.recipients)
    file.recipients.push_back({std::string(r.address), std::string(r.errors_to),
                               std::string(r.orcpt), r.dsn_flags, r.parent,
                               r.old_form});
  file.headers.reserve(view.headers.size());
  for (const auto& h : view.headers)
    file.headers.push_back({h.type, std::string(h.text)});
  return file;
}

base::Result<void> check_writable(const HFile& file) {
  auto refuse = [](std::string_view field) {
    return base::fail(
        base::Code::usage,
        std::string(field) + ": a line break or NUL byte cannot be stored");
  };
  if (!one_line(file.login)) return refuse("login");
  if (!one_line(file.sender)) return refuse("sender");
  for (const Option& option : file.options) {
    if (!one_line(option.name) || !one_line(option.quoter))
      return refuse("option name");
    if (option.is_acl_variable() ? option.value.find('\0') != std::string::npos
                                 : !one_line(option.value))
      return refuse("-" + option.name);
  }
  for (const auto& node : file.delivered.nodes)
    if (!one_line(node.name) || node.name.empty()) return refuse("delivered address");
  for (const Recipient& r : file.recipients)
    if (r.address.empty() || !one_line(r.address) || !one_line(r.errors_to) ||
        !one_line(r.orcpt))
      return refuse("recipient");
  for (const Header& header : file.headers)
    if (header.text.find('\0') != std::string::npos) return refuse("header");
  return {};
}

base::Result<base::SafeFile> prepare_h_file(const std::filesystem::path& directory,
                                            const HFile& file) {
  TRY(check_writable(file));
  auto temporary = directory / ("hdr." + file.id.str());
  auto out = TRY(base::SafeFile::create(temporary));
  TRY(settle_file(out.fd(), temporary));
  TRY(out.write(format_h_file(file)));
  return out;
}

base::Result<void> publish_h_file(const std::filesystem::path& directory,
                                  const HFile& file) {
  auto out = TRY(prepare_h_file(directory, file));
  return out.commit(directory / (file.id.str() + "-H"));
}

HostPort parse_host(std::string_view value) {
  HostPort host;
  std::string_view port;
  if (value.starts_with('[')) {
    std::size_t close = value.find(']');
    if (close == std::string_view::npos) return {value, 0};
    host.address = value.substr(1, close - 1);
    if (value.substr(close + 1).starts_with(':')) port = value.substr(close + 2);
  } else {
    // To 4.95 the port stood behind a last dot: the fourth of an IPv4 address, or the
    // only one after an IPv6 address (which has dots of its own only when it ends in an
    // IPv4 one).
    auto dots = std::count(value.begin(), value.end(), '.');
    bool v6 = value.find(':') != std::string_view::npos;
    bool has_port = v6 ? dots == 1 || dots == 4 : dots == 4;
    std::size_t last = has_port ? value.rfind('.') : value.size();
    host.address = value.substr(0, last);
    if (has_port) port = value.substr(last + 1);
  }
  host.port = static_cast<unsigned>(base::to_number(port).value_or(0) & 0xffff);
  return host;
}

char header_type(std::string_view name) {
  struct Row {
    std::string_view name;
    char type;
  };
  static constexpr Row kRows[] = {{"Received", 'P'},
                                  {"From", 'F'},
                                  {"Resent-From", 'F'},
                                  {"To", 'T'},
                                  {"Resent-To", 'T'},
                                  {"Cc", 'C'},
                                  {"Resent-Cc", 'C'},
                                  {"Bcc", 'B'},
                                  {"Resent-Bcc", 'B'},
                                  {"Message-ID", 'I'},
                                  {"Resent-Message-ID", 'I'},
                                  {"Reply-To", 'R'},
                                  {"Sender", 'S'},
                                  {"Resent-Sender", 'S'}};
  for (const Row& row : kRows)
    if (base::equal_nocase(name, row.name)) return row.type;
  return ' ';
}

}  // namespace spoolfmt
