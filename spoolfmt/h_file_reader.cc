// SPDX-License-Identifier: Apache-2.0
//
// From the bytes of a -H file to its parts: one pass, no copy, and at the first damage
// a line number and a reason.  Where Exim's reader is lax, so is this one (white space
// before a header, junk behind numbers), because Exim wrote what we read; where laxness
// would give a wrong message (a foreign first line, lengths that lie), it is not.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/text.h"
#include "spoolfmt/h_file.h"

namespace spoolfmt {

namespace {

// Lookup types that may have quoted a value.  A real Exim refuses a file naming a type
// it was built without; one that no release ever had is damage for us too.
constexpr auto kLookupTypes = std::to_array<std::string_view>(
    {"cdb",          "dbm",       "dbmjz",  "dbmnz",  "dnsdb",  "dsearch",
     "ibase",        "iplsearch", "json",   "ldap",   "ldapdn", "ldapm",
     "lmdb",         "lsearch",   "mysql",  "nis",    "nis0",   "nisplus",
     "nwildlsearch", "oracle",    "passwd", "pgsql",  "psl",    "readsock",
     "redis",        "regex",     "spf",    "sqlite", "testdb", "whoson",
     "wildlsearch"});

bool is_lookup_type(std::string_view name) {
  return std::find(kLookupTypes.begin(), kLookupTypes.end(), name) !=
         kLookupTypes.end();
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
    if (!leaf.ends_with("-H")) return true;  // a file that is no message's
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
    auto received = base::scan_number(text);
    auto warnings = base::scan_number(text);
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
      if (!is_lookup_type(option.quoter))
        return bad("quoted for '" + std::string(option.quoter) +
                   "', which is no lookup type of Exim's");
      text.remove_prefix(close + 1);
    }
    if (starts_acl_variable(text)) {
      if (!counted(text, option)) return false;
    } else {
      std::size_t space = text.find(' ');
      option.name = text.substr(0, space);
      option.has_value = space != std::string_view::npos;
      if (option.has_value) option.value = text.substr(space + 1);
      if (option.name == "frozen") {
        std::string_view value = option.value;
        if (!base::scan_number(value)) return bad("-frozen without a time");
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
    auto length = base::scan_number(number);
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
    auto count = base::scan_number(text);
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
    auto in_it = [&](const char* what) {
      parsed_.damaged_header_size = length.value_or(0);
      return damaged(Damage::headers, what);
    };
    if (digits == text_.size()) return in_it("the file ends after a header's length");
    char type = text_[digits];
    std::size_t start = digits + 1;
    // Exim's reader eats all white space here, though its writer puts one blank.
    while (start < text_.size() &&
           (text_[start] == ' ' || (text_[start] >= '\t' && text_[start] <= '\r')))
      ++start;
    if (!length || *length > text_.size() - start)
      return in_it("a header longer than the rest of the file");
    std::string_view text = text_.substr(start, *length);
    if (std::memchr(text.data(), 0, text.size()) != nullptr)
      return in_it("NUL byte in a header");
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

}  // namespace

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
  damaged_header_size = 0;
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

}  // namespace spoolfmt
