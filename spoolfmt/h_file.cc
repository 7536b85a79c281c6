// SPDX-License-Identifier: Apache-2.0
#include "spoolfmt/h_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/safe_file.h"
#include "base/text.h"
#include "spoolfmt/spool.h"

namespace spoolfmt {

namespace {

// --- options by name ---------------------------------------------------------

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

// Lookup types that may have quoted a value.  A real Exim refuses a file naming a type
// it was built without; one that no release ever had is damage for us too.
constexpr auto kLookupTypes = std::to_array<std::string_view>(
    {"cdb",          "dbm",       "dbmjz",  "dbmnz",  "dnsdb",  "dsearch",
     "ibase",        "iplsearch", "json",   "ldap",   "ldapdn", "ldapm",
     "lmdb",         "lsearch",   "mysql",  "nis",    "nis0",   "nisplus",
     "nwildlsearch", "oracle",    "passwd", "pgsql",  "psl",    "readsock",
     "redis",        "regex",     "spf",    "sqlite", "testdb", "whoson",
     "wildlsearch"});

template <class Range>
bool among(const Range& range, std::string_view name) {
  return std::find(range.begin(), range.end(), name) != range.end();
}

std::size_t option_rank(std::string_view name) {
  std::string_view key = name.substr(0, name.find(' '));
  return static_cast<std::size_t>(
      std::find(kOptionOrder.begin(), kOptionOrder.end(), key) - kOptionOrder.begin());
}

bool is_counted(std::string_view name) {
  return name.starts_with("aclc ") || name.starts_with("aclm ") ||
         name.starts_with("acl ");
}

// --- reading -----------------------------------------------------------------

// What scanf's %d takes: blanks, a sign, digits.  Moves `text` behind them; nothing if
// there are no digits or they do not fit.
std::optional<std::int64_t> scan_number(std::string_view& text) {
  std::size_t i = 0;
  while (i < text.size() && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r')))
    ++i;
  bool plus = i < text.size() && text[i] == '+';
  if (plus) ++i;
  if (plus && i < text.size() && text[i] == '-') return std::nullopt;
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data() + i, end, number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return number;
}

constexpr std::size_t kLongestFixedLine = 16383;   // lines 1 to 4
constexpr std::size_t kLongestOptionLine = 65535;  // also recipients and tree names
constexpr std::int64_t kLongestOldAcl = 16384;

class Reader {
 public:
  Reader(std::string_view text, ParsedH& parsed)
      : text_(text), parsed_(parsed), file_(parsed.file) {}

  void read(std::string_view leaf) {
    if (envelope(leaf)) headers();
  }

 private:
  bool envelope(std::string_view leaf) {
    return first_line(leaf) && user() && sender() && time() && options() && tree() &&
           recipients();
  }

  // Records the damage at the line that starts at line_start_.
  bool damaged(Damage damage, std::string what) {
    auto* begin = text_.data();
    parsed_.damage = damage;
    parsed_.line =
        1 + static_cast<std::size_t>(std::count(begin, begin + line_start_, '\n'));
    parsed_.what = std::move(what);
    return false;
  }
  bool bad(std::string what) { return damaged(Damage::envelope, std::move(what)); }

  // The next line without its LF.  A line must end in LF, hold no NUL and be in bounds.
  bool line(std::string_view& out, std::size_t longest, const char* what) {
    line_start_ = at_;
    std::string_view rest = text_.substr(at_);
    std::size_t end = rest.find('\n');
    if (end == std::string_view::npos)
      return bad(std::string("the file ends in ") + what);
    if (end > longest) return bad(std::string("line too long in ") + what);
    out = rest.substr(0, end);
    if (std::memchr(out.data(), 0, out.size()) != nullptr)
      return bad(std::string("NUL byte in ") + what);
    at_ += end + 1;
    return true;
  }

  bool first_line(std::string_view leaf) {
    std::string_view name;
    if (!line(name, kLongestFixedLine, "the first line")) return false;
    if (name != leaf) return bad("the first line is not the file's own name");
    if (auto id = MessageId::parse(leaf.substr(0, leaf.size() - 2))) file_.id = *id;
    return true;
  }

  // "login uid gid", from the right, because logins hold spaces and may be empty.
  bool user() {
    std::string_view rest;
    if (!line(rest, kLongestFixedLine, "login, uid and gid")) return false;
    while (!rest.empty() &&
           (rest.back() == ' ' || (rest.back() >= '\t' && rest.back() <= '\r')))
      rest.remove_suffix(1);
    if (!last_number(rest, file_.gid) || !last_number(rest, file_.uid))
      return bad("not a login, uid and gid");
    file_.login = rest;
    return true;
  }

  // Cuts " number" off the end.
  static bool last_number(std::string_view& rest, std::int64_t& number) {
    std::size_t start = rest.size();
    while (start > 0 && (base::is_digit(rest[start - 1]) || rest[start - 1] == '-'))
      --start;
    if (start == 0 || rest[start - 1] != ' ') return false;
    const char* end = rest.data() + rest.size();
    auto [stop, error] = std::from_chars(rest.data() + start, end, number);
    if (error != std::errc() || stop != end) return false;
    rest = rest.substr(0, start - 1);
    return true;
  }

  bool sender() {
    std::string_view text;
    if (!line(text, kLongestFixedLine, "the sender")) return false;
    if (text.size() < 2 || text.front() != '<' || text.back() != '>')
      return bad("the sender is not in <>");
    file_.sender = text.substr(1, text.size() - 2);
    return true;
  }

  bool time() {
    std::string_view text;
    if (!line(text, kLongestFixedLine, "the times")) return false;
    auto received = scan_number(text);
    auto warnings = scan_number(text);
    if (!received || !warnings) return bad("not a time and a number of warnings");
    file_.received = *received;
    file_.warnings = *warnings;
    return true;
  }

  bool options() {
    while (at_ < text_.size() && text_[at_] == '-') {
      std::string_view text;
      if (!line(text, kLongestOptionLine, "an option")) return false;
      if (!option(text.substr(1))) return false;
    }
    return true;
  }

  // `text` is a line without its LF and first hyphen.
  bool option(std::string_view text) {
    OptionView option;
    option.tainted = text.starts_with('-');
    if (option.tainted) text.remove_prefix(1);
    if (text.starts_with('(')) {
      std::size_t close = text.find(')');
      if (close == std::string_view::npos) return bad("quoter without ')'");
      option.quoter = text.substr(1, close - 1);
      if (!among(kLookupTypes, option.quoter))
        return bad("quoted for '" + std::string(option.quoter) +
                   "', which is no lookup type of Exim's");
      text.remove_prefix(close + 1);
    }
    if (is_counted(text)) {
      if (!counted(text, option)) return false;
    } else {
      std::size_t space = text.find(' ');
      option.name = text.substr(0, space);
      option.has_value = space != std::string_view::npos;
      if (option.has_value) option.value = text.substr(space + 1);
      if (option.name == "frozen") {
        std::string_view value = option.value;
        if (!scan_number(value)) return bad("-frozen without a time");
      }
    }
    file_.options.push_back(option);
    return true;
  }

  // "aclm NAME LEN", then LEN bytes of anything and one more, which is not looked at.
  bool counted(std::string_view text, OptionView& option) {
    std::size_t name_start = text.find(' ') + 1;
    std::size_t name_end = text.find(' ', name_start);
    if (name_end == std::string_view::npos)
      return bad("an ACL variable without a length");
    std::string_view number = text.substr(name_end + 1);
    auto length = scan_number(number);
    if (!length || *length < 0) return bad("an ACL variable without a length");
    option.name = text.substr(0, name_end);
    if (option.name.starts_with("acl ")) {
      auto index = base::to_number(option.name.substr(4));
      if (!index || *index >= 20 || *length > kLongestOldAcl)
        return bad("an old ACL variable that no Exim wrote");
    }
    auto size = static_cast<std::uint64_t>(*length);
    if (size > text_.size() - at_)
      return bad("an ACL variable longer than the rest of the file");
    option.value = text_.substr(at_, size);
    option.has_value = true;
    if (option.value.find('\0') != std::string_view::npos)
      return bad("NUL byte in an ACL variable");
    at_ = std::min(at_ + size + 1, text_.size());
    return true;
  }

  bool tree() {
    std::string_view text;
    if (!line(text, kLongestOptionLine, "the tree of non-recipients")) return false;
    if (text == "XX") return true;
    auto& nodes = file_.delivered.nodes;
    // Nodes whose right subtree is still to come; a file may nest them as deep as it
    // likes.
    std::vector<std::uint32_t> awaiting_right;
    for (;;) {
      if (text.size() < 4) return bad("not a node of the tree of non-recipients");
      bool left = text[0] == 'Y';
      bool right = text[1] == 'Y';
      auto index = static_cast<std::uint32_t>(nodes.size());
      nodes.push_back({text.substr(3), left, 0});
      if (right) awaiting_right.push_back(index);
      if (!left) {
        if (awaiting_right.empty()) return true;
        nodes[awaiting_right.back()].right = index + 1;
        awaiting_right.pop_back();
      }
      if (!line(text, kLongestOptionLine, "the tree of non-recipients")) return false;
    }
  }

  bool recipients() {
    std::string_view text;
    if (!line(text, kLongestFixedLine, "the number of recipients")) return false;
    auto count = scan_number(text);
    if (!count || *count < 0) return bad("not a number of recipients");
    // A lying count must not make us ask for memory the file cannot fill.
    file_.recipients.reserve(
        std::min(static_cast<std::size_t>(*count), (text_.size() - at_) / 2));
    for (std::int64_t i = 0; i < *count; ++i) {
      if (!line(text, kLongestOptionLine, "the recipients")) return false;
      if (text.empty()) return bad("an empty recipient: fewer than the count says");
      file_.recipients.push_back(parse_recipient(text));
    }
    return true;
  }

  bool headers() {
    line_start_ = at_;
    if (text_.substr(at_, 1) != "\n")
      return damaged(Damage::headers, "no empty line after the recipients");
    ++at_;
    while (at_ < text_.size()) {
      line_start_ = at_;
      if (!header()) return false;
    }
    return true;
  }

  bool header() {
    std::size_t digits = at_;
    while (digits < text_.size() && base::is_digit(text_[digits])) ++digits;
    if (digits == at_) return damaged(Damage::headers, "a header without a length");
    auto length = base::to_number(text_.substr(at_, digits - at_));
    if (digits == text_.size())
      return damaged(Damage::headers, "the file ends after a header's length");
    char type = text_[digits];
    std::size_t start = digits + 1;
    // Exim's reader eats all white space here, though its writer puts one blank.
    while (start < text_.size() &&
           (text_[start] == ' ' || (text_[start] >= '\t' && text_[start] <= '\r')))
      ++start;
    if (!length || *length > text_.size() - start)
      return damaged(Damage::headers, "a header longer than the rest of the file");
    std::string_view text = text_.substr(start, *length);
    if (std::memchr(text.data(), 0, text.size()) != nullptr)
      return damaged(Damage::headers, "NUL byte in a header");
    file_.headers.push_back({type, text});
    at_ = start + *length;
    return true;
  }

  std::string_view text_;
  ParsedH& parsed_;
  HFileView& file_;
  std::size_t at_ = 0;
  std::size_t line_start_ = 0;
};

// --- writing -----------------------------------------------------------------

constexpr std::size_t kLongestLogin = 63;

void append_number(std::string& out, std::int64_t number) {
  char digits[24];
  auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

void append_header_length(std::string& out, std::size_t length) {
  if (length < 100) out += '0';
  if (length < 10) out += '0';
  append_number(out, static_cast<std::int64_t>(length));
}

template <class Text>
void append_option(std::string& out, const BasicOption<Text>& option) {
  out += option.tainted ? "--" : "-";
  if (!option.quoter.empty()) out.append("(").append(option.quoter).append(")");
  out += option.name;
  if (is_counted(option.name)) {
    out += ' ';
    append_number(out, static_cast<std::int64_t>(option.value.size()));
    out.append("\n").append(option.value);
  } else if (option.has_value) {
    out.append(" ").append(option.value);
  }
  out += '\n';
}

template <class Text>
std::size_t size_estimate(const BasicHFile<Text>& file) {
  std::size_t size = 256;
  for (const auto& option : file.options)
    size += option.name.size() + option.value.size() + option.quoter.size() + 32;
  for (const auto& node : file.delivered.nodes) size += node.name.size() + 4;
  for (const auto& r : file.recipients)
    size += r.address.size() + r.errors_to.size() + r.orcpt.size() + 48;
  for (const auto& header : file.headers) size += header.text.size() + 16;
  return size;
}

bool one_line(std::string_view text) {
  return text.find('\n') == std::string_view::npos &&
         text.find('\0') == std::string_view::npos;
}

}  // namespace

// --- BasicHFile --------------------------------------------------------------

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
  return scan_number(value);
}

template <class Text>
base::Time BasicHFile<Text>::received_time() const {
  std::int64_t microseconds = 0;
  if (const auto* option = find("received_time_usec");
      option && option->value.size() > 1) {
    std::string_view digits = std::string_view(option->value).substr(1);
    microseconds = scan_number(digits).value_or(0);
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

// --- HFile -------------------------------------------------------------------

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

// --- whole files -------------------------------------------------------------

void ParsedH::clear() {
  file.id = MessageId();
  file.login = {};
  file.uid = file.gid = 0;
  file.sender = {};
  file.received = file.warnings = 0;
  file.options.clear();
  file.delivered.nodes.clear();
  file.recipients.clear();
  file.headers.clear();
  damage = Damage::none;
  line = 0;
  what.clear();
}

void read_h_file(std::string_view text, std::string_view leaf, ParsedH& parsed) {
  parsed.clear();
  Reader(text, parsed).read(leaf);
}

base::Result<HFile> parse_h_file(std::string_view text, std::string_view leaf) {
  ParsedH parsed;
  read_h_file(text, leaf, parsed);
  if (parsed.damage != Damage::none)
    return base::fail(base::Code::syntax,
                      "line " + std::to_string(parsed.line) + ": " + parsed.what);
  if (parsed.file.id.empty())
    return base::fail(base::Code::syntax, "line 1: not the name of a message");
  return to_owned(parsed.file);
}

template <class Text>
std::string format_h_file(const BasicHFile<Text>& file) {
  std::string out;
  out.reserve(size_estimate(file));
  out.append(file.id.text()).append("-H\n");
  out.append(std::string_view(file.login).substr(0, kLongestLogin)).append(" ");
  append_number(out, file.uid);
  out += ' ';
  append_number(out, file.gid);
  out.append("\n<").append(file.sender).append(">\n");
  append_number(out, file.received);
  out += ' ';
  append_number(out, file.warnings);
  out += '\n';
  for (const auto& option : file.options) append_option(out, option);
  if (file.delivered.empty()) out += "XX\n";
  for (const auto& node : file.delivered.nodes) {
    out += node.has_left ? 'Y' : 'N';
    out += node.right != 0 ? 'Y' : 'N';
    out.append(" ").append(node.name).append("\n");
  }
  append_number(out, static_cast<std::int64_t>(file.recipients.size()));
  out += '\n';
  for (const auto& recipient : file.recipients) append_recipient(out, recipient);
  out += '\n';
  for (const auto& header : file.headers) {
    append_header_length(out, header.text.size());
    out += header.type;
    out.append(" ").append(header.text);
  }
  return out;
}

template std::string format_h_file(const BasicHFile<std::string>&);
template std::string format_h_file(const BasicHFile<std::string_view>&);

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
    if (is_counted(option.name) ? option.value.find('\0') != std::string::npos
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

base::Result<void> publish_h_file(const std::filesystem::path& directory,
                                  const HFile& file) {
  TRY(check_writable(file));
  auto temporary = directory / ("hdr." + file.id.str());
  auto out = TRY(base::SafeFile::create(temporary));
  TRY(settle_file(out.fd(), temporary));
  TRY(out.write(format_h_file(file)));
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
