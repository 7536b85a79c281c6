// SPDX-License-Identifier: Apache-2.0
#include "policy/list_reader.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "policy/escapes.h"
#include "policy/source.h"

namespace policy {

namespace {

// What a list may be made of, so that a file of megabytes costs seconds and memory that
// are known before.
constexpr std::size_t kMostPatterns = 5'000;
constexpr std::size_t kMostSteps = 50'000;

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}
constexpr bool can_separate(char c) {
  return is_control(c) || (c > ' ' && c < 0x7f && (!is_name_char(c) || c == '_'));
}

std::string_view head(const Template& text) {
  return text.pieces().empty() ? text.tail() : text.pieces()[0].literal;
}

// The template behind its first `count` literal bytes.
Template behind(Template text, std::size_t count) {
  auto pieces = std::move(text).take_pieces();
  if (!pieces.empty()) pieces[0].literal.erase(0, count);
  if (!pieces.empty() && pieces[0].literal.empty() && !pieces[0].expansion)
    pieces.clear();
  return Template(std::move(pieces));
}

Template behind_blanks(Template text, std::size_t count) {
  std::string_view literal = head(text);
  while (count < literal.size() && is_space(literal[count])) ++count;
  return behind(std::move(text), count);
}

void trim_end(std::string& text) {
  while (!text.empty() && is_space(text.back()) && !text.ends_with("\\ "))
    text.pop_back();
}

TextPatterns& patterns_of(std::unique_ptr<TextPatterns>& place) {
  if (!place) place = std::make_unique<TextPatterns>();
  return *place;
}

// Cuts a list into elements while its text comes in, piece by piece.
class Splitter {
 public:
  explicit Splitter(ElementReader& reader) : reader_(reader) {}

  void take(char c, char next, Origin origin);
  // Did `take` use `next` too?
  bool used_next() { return std::exchange(used_next_, false); }
  void take(Template::Piece expansion);
  void finish();

 private:
  bool empty() const { return pieces_.empty(); }
  void end_item();

  ElementReader& reader_;
  std::optional<ListItem> item_;  // the one before: it may be the last
  std::vector<Template::Piece> pieces_;
  Origin origin_;
  bool started_ = false;  // the separator is settled
  bool used_next_ = false;
};

void Splitter::take(char c, char next, Origin origin) {
  bool first = !started_ && !is_space(c);
  started_ = started_ || first;
  if (first && c == '<' && can_separate(next)) {
    reader_.set_separator(next);
    used_next_ = true;
    return;
  }
  char separator = reader_.separator();
  if (c == separator) {
    if (next != separator || is_control(separator)) {
      if (empty()) origin_ = origin;
      end_item();
      return;
    }
    used_next_ = true;
  } else if (empty() && is_space(c)) {
    return;
  }
  if (empty()) origin_ = origin;
  if (empty() || pieces_.back().expansion) pieces_.emplace_back();
  pieces_.back().literal += c;
}

void Splitter::take(Template::Piece expansion) {
  started_ = true;
  if (empty()) origin_ = expansion.origin;
  if (!empty() && !pieces_.back().expansion) {
    expansion.literal = std::move(pieces_.back().literal);
    pieces_.pop_back();
  }
  pieces_.push_back(std::move(expansion));
}

void Splitter::end_item() {
  if (!empty() && !pieces_.back().expansion) {
    trim_end(pieces_.back().literal);
    if (pieces_.back().literal.empty()) pieces_.pop_back();
  }
  if (item_) reader_.add(*std::move(item_));
  item_ = ListItem{Template(std::exchange(pieces_, {})), origin_};
}

void Splitter::finish() {
  if (!empty()) end_item();
  if (!item_) return;
  item_->last = true;
  reader_.add(*std::move(item_));
}

std::string_view condition_of(ListKind kind) {
  switch (kind) {
    case ListKind::domain:
      return "match_domain";
    case ListKind::address:
      return "match_address";
    case ListKind::local_part:
      return "match_local_part";
    default:
      return "match_ip";
  }
}

// What a line of a file is without its comment: in lists of addresses and local parts
// '#' may be part of a word.
std::string_view without_comment(ListKind kind, std::string_view line) {
  bool anywhere =
      kind == ListKind::domain || kind == ListKind::host || kind == ListKind::ip;
  for (std::size_t hash = line.find('#'); hash != line.npos;
       hash = line.find('#', hash + 1))
    if (anywhere || hash == 0 || is_space(line[hash - 1])) {
      line = line.substr(0, hash);
      break;
    }
  while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
  while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  return line;
}

// Hears of the first mistake in a file.
class FileSurroundings final : public Surroundings {
 public:
  std::size_t line = 0;
  std::string mistake;

  void error(Origin, std::string text) override {
    if (mistake.empty()) mistake = "line " + std::to_string(line) + ": " + text;
  }
  void warning(Origin, std::string) override {}
  std::optional<Id> find_list(ListKind, std::string_view name, Origin) override {
    error({}, quote("+" + std::string(name)) +
                  " is a named list, which a file cannot refer to");
    return std::nullopt;
  }
};

bool all_of(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == text.npos;
}
constexpr std::string_view kDigits = "0123456789";

// What a colon separated list leaves of an IPv6 address between two of its colons.
bool may_be_torn(std::string_view word) {
  std::string_view group = word.substr(0, word.find('/'));
  return !group.empty() && all_of(group, "0123456789abcdefABCDEF:") &&
         (group.size() <= 4 || group.contains(':')) && !parse_network(word);
}

}  // namespace

Unescaped unescape(std::string_view source, std::size_t begin, std::size_t end) {
  Unescaped out;
  source = source.substr(0, end);
  auto put = [&](char c, std::size_t from) {
    out.text += c;
    out.offsets.push_back(static_cast<std::uint32_t>(from));
  };
  for (std::size_t at = begin; at < end;) {
    if (source[at] != '\\' || at + 1 == end) {
      put(source[at], at);
      ++at;
    } else if (source[at + 1] == 'N') {
      std::size_t close = std::min(source.find("\\N", at + 2), end);
      for (at += 2; at < close; ++at) put(source[at], at);
      at = std::min(close + 2, end);
    } else {
      std::string_view rest = source.substr(at + 1);
      put(take_escape(rest), at);
      at = end - rest.size();
    }
  }
  return out;
}

ElementReader::ElementReader(ListKind kind, Surroundings& surroundings, char separator,
                             Switches switches)
    : surroundings_(surroundings),
      separator_(separator),
      switches_(switches),
      elements_(std::make_unique<Elements>()) {
  elements_->kind = kind;
}

std::unique_ptr<Elements> ElementReader::finish() {
  for (auto* patterns : {&elements_->folded, &elements_->caseful, &elements_->domains})
    if (*patterns) (*patterns)->endings.finish();
  elements_->networks.finish();
  return std::move(elements_);
}

Place ElementReader::new_place(std::string_view text, Origin origin) {
  Elements& elements = *elements_;
  auto place = static_cast<Place>(elements.elements.size());
  elements.elements.push_back({static_cast<std::uint32_t>(elements.texts.size()),
                               static_cast<std::uint32_t>(text.size()), negated_});
  elements.texts += text;
  if (origin.line != 0) elements.origins.push_back(origin);
  return place;
}

// The element was given its place before.
void ElementReader::add_step(StepPtr step) {
  auto place = static_cast<Place>(elements_->elements.size() - 1);
  elements_->steps.push_back({place, std::move(step)});
}

std::optional<ListPattern> ElementReader::pattern(Template text, Origin origin) {
  ListPattern made{std::move(text), std::nullopt, switches_.caseful};
  const std::string* literal = made.text.literal();
  if (literal == nullptr) return made;
  if (++patterns_ > kMostPatterns) {
    if (patterns_ == kMostPatterns + 1)
      surroundings_.error(origin, "a list cannot have more than " +
                                      std::to_string(kMostPatterns) +
                                      " regular expressions");
    return std::nullopt;
  }
  using Case = base::Regex::Case;
  auto regex = base::Regex::compile(*literal,
                                    made.caseful ? Case::sensitive : Case::insensitive);
  if (!regex) {
    surroundings_.error(origin, regex.error().text);
    return std::nullopt;
  }
  made.regex = std::move(*regex);
  return made;
}

bool ElementReader::take_sign(Template& text, Origin origin) {
  negated_ = head(text).starts_with('!');
  if (!negated_) return true;
  text = behind_blanks(std::move(text), 1);
  if (!head(text).starts_with('!')) return true;
  surroundings_.error(origin, "'!!' is no double negation; write the element without");
  return false;
}

void ElementReader::add(ListItem item) {
  if (surroundings_.full()) return;
  if (elements_->steps.size() >= kMostSteps) {
    if (!std::exchange(full_, true))
      surroundings_.error(item.origin, "a list cannot have more than " +
                                           std::to_string(kMostSteps) +
                                           " elements that are no plain words");
    return;
  }
  if (everything_ && !std::exchange(warned_, true))
    surroundings_.warning(item.origin,
                          "nothing behind '*' is ever looked at, as '*' fits all");
  bool was_torn = std::exchange(torn_, false);
  const bool last = item.last;
  Template text = std::move(item.text);
  if (!take_sign(text, item.origin)) return;
  if (text.is_one_expansion() && !part_) {
    auto splice = make_splice();
    splice->text = std::move(text);
    splice->negated = std::exchange(negated_, false);
    splice->separator = separator_;
    splice->switches = switches_;
    splice->kind = elements_->kind;
    splice->last = last;
    elements_->expands = true;
    surroundings_.found_splice(*splice, item.origin);
    new_place("", item.origin);
    add_step(std::move(splice));
    return;
  }
  if (text.literal() == nullptr) elements_->expands = true;
  if (take_common(text, item.origin)) return;
  switch (elements_->kind) {
    case ListKind::address:
      return take_address(std::move(text), item.origin);
    case ListKind::host:
    case ListKind::ip: {
      const std::string* literal = text.literal();
      torn_ = literal != nullptr && separator_ == ':' && may_be_torn(*literal);
      if (was_torn && torn_) return complain_of_torn(*literal, item.origin);
      torn_said_ = false;
      return take_host(std::move(text), item.origin);
    }
    default:
      return take_text(std::move(text), item.origin);
  }
}

// Once for all parts of one address.
void ElementReader::complain_of_torn(std::string_view word, Origin origin) {
  if (std::exchange(torn_said_, true)) return;
  surroundings_.error(origin,
                      quote(word) +
                          " looks like a part of an IPv6 address; double its "
                          "colons, or choose another separator with '<;' at the "
                          "start of the list");
}

// "+name", "/file", "^pattern" (but of hosts) and "type;rest" (but of hosts).
bool ElementReader::take_common(Template& text, Origin origin) {
  std::string_view start = head(text);
  const std::string* literal = text.literal();
  bool of_hosts = elements_->kind == ListKind::host || elements_->kind == ListKind::ip;
  if (start.starts_with('+') && elements_->kind != ListKind::text) {
    if (literal == nullptr) {
      surroundings_.error(origin, "the name behind '+' must be written out");
      return true;
    }
    std::string_view name = start.substr(1);
    if (take_switch(name)) {
      // An element all the same: it counts as a positive one at the end of the list.
      negated_ = false;
      new_place(start, origin);
      return true;
    }
    ListKind kind = elements_->kind == ListKind::ip ? ListKind::host : elements_->kind;
    auto id = surroundings_.find_list(kind, name, origin);
    if (!id) return true;
    new_place(start, origin);
    add_step(make_named_step(kind, *id, origin));
    return true;
  }
  if (start.starts_with('/')) {
    if (literal != nullptr) surroundings_.found_file(*literal, origin);
    new_place(start, origin);
    add_step(make_file_step(elements_->kind, std::move(text), switches_));
    return true;
  }
  if (start.starts_with('^') && !of_hosts) {
    std::string shown(start);
    auto made = pattern(std::move(text), origin);
    if (!made) return true;
    new_place(shown, origin);
    add_step(make_pattern_step(*std::move(made)));
    return true;
  }
  return !of_hosts && take_lookup(text, origin);
}

bool ElementReader::take_switch(std::string_view name) {
  ListKind kind = elements_->kind;
  if (kind == ListKind::address || kind == ListKind::local_part) {
    if (!base::equal_nocase(name, "caseful")) return false;
    switches_.caseful = true;
    return true;
  }
  if (kind != ListKind::host && kind != ListKind::ip) return false;
  if (base::equal_nocase(name, "include_unknown"))
    switches_.unknown = Fit::stop_yes;
  else if (base::equal_nocase(name, "ignore_unknown"))
    switches_.unknown = Fit::open;
  else if (base::equal_nocase(name, "include_defer"))
    switches_.deferred = Fit::stop_yes;
  else if (base::equal_nocase(name, "ignore_defer"))
    switches_.deferred = Fit::open;
  else
    return false;
  return true;
}

// "type;rest", or of addresses "@@type;rest".
bool ElementReader::take_lookup(Template& text, Origin origin) {
  std::string_view start = head(text);
  std::size_t semicolon = start.find(';');
  if (semicolon == start.npos || start.starts_with('*')) return false;
  bool of_addresses = elements_->kind == ListKind::address;
  bool local_parts = of_addresses && start.starts_with("@@");
  if (start.starts_with('@') && !local_parts) return false;
  std::string_view type = start.substr(0, semicolon);
  if (local_parts) {
    type.remove_prefix(2);
  } else if (of_addresses) {
    // "x@type;rest" looks up the domain only.
    std::size_t at = type.find('@');
    if (at != type.npos && !type.substr(0, at).ends_with('*')) return false;
    if (at != type.npos && name_length(type.substr(at + 1)) > 0) return false;
  }
  auto spec = parse_lookup_type(trimmed(type));
  if (!spec) {
    surroundings_.error(origin, spec.error().text);
    return true;
  }
  std::string shown(start);
  text = behind_blanks(std::move(text), semicolon + 1);
  surroundings_.found_lookup(*spec, text, origin);
  new_place(shown, origin);
  if (local_parts) {
    add_step(
        make_local_parts_step(*std::move(spec), std::move(text), switches_.caseful));
    return true;
  }
  if (of_addresses) spec->partial = -1;  // is for domains
  add_step(make_lookup_step(*std::move(spec), std::move(text), switches_.caseful));
  return true;
}

// Domains, local parts and other words.
void ElementReader::take_text(Template text, Origin origin) {
  std::string_view start = head(text);
  bool of_domains = elements_->kind == ListKind::domain;
  if (of_domains && start.starts_with('@') && text.literal() != nullptr)
    return take_domain_special(start, origin);
  bool ending = start.starts_with('*');
  const std::string* literal = text.literal();
  if (literal == nullptr) {
    new_place(start, origin);
    if (ending) text = behind(std::move(text), 1);
    add_step(make_words_step({std::move(text), ending}, switches_.caseful));
    return;
  }
  std::string_view word = *literal;
  Place place = new_place(word, origin);
  if (ending) word.remove_prefix(1);
  if (ending && word.empty()) everything_ = true;
  if (word.contains('*'))
    surroundings_.warning(origin, "in " + quote(*literal) +
                                      " only a '*' at the start stands for any text");
  bool caseful = switches_.caseful;
  TextPatterns& patterns =
      patterns_of(caseful ? elements_->caseful : elements_->folded);
  std::string wanted = caseful ? std::string(word) : base::lower(word);
  if (ending)
    patterns.endings.add(wanted, place);
  else
    patterns.words.add(wanted, place);
}

void ElementReader::take_domain_special(std::string_view word, Origin origin) {
  std::string_view name = word.substr(1), options;
  if (std::size_t slash = name.find('/'); slash != name.npos) {
    options = name.substr(slash + 1);
    name = name.substr(0, slash);
  }
  if (options.empty() && (name.empty() || name == "[]")) {
    new_place(word, origin);
    add_step(name.empty() ? make_primary_name_step() : make_local_literal_step());
    return;
  }
  std::optional<Mx> which;
  if (name == "mx_any") which = Mx::any;
  if (name == "mx_primary") which = Mx::primary;
  if (name == "mx_secondary") which = Mx::secondary;
  constexpr std::string_view kIgnore = "ignore=";
  if (!which || (!options.empty() && !options.starts_with(kIgnore))) {
    surroundings_.error(origin, quote(word) +
                                    " is not known; write @, @[], @mx_any, "
                                    "@mx_primary or @mx_secondary, the last three "
                                    "perhaps with /ignore=HOSTS");
    return;
  }
  surroundings_.need(Feature::resolver, word, origin);
  std::unique_ptr<const Elements> ignored;
  if (!options.empty())
    ignored = read_list_value(ListKind::ip, trimmed(options.substr(kIgnore.size())),
                              ':', {}, surroundings_);
  new_place(word, origin);
  add_step(make_mx_step(*which, std::move(ignored)));
}

void ElementReader::take_address(Template text, Origin origin) {
  if (const std::string* literal = text.literal(); literal && literal->empty()) {
    Place place = new_place("", origin);
    patterns_of(switches_.caseful ? elements_->caseful : elements_->folded)
        .words.add("", place);
    return;
  }
  std::string shown(head(text));
  auto pieces = std::move(text).take_pieces();
  // Behind the last '@' that is written there; "x@@[]" has a domain that starts with
  // one.
  std::size_t piece = pieces.size(), at = std::string::npos;
  while (piece-- > 0) {
    const std::string& literal = pieces[piece].literal;
    std::size_t before = literal.find(';');  // not in the name of a file
    at = literal.rfind('@', before);
    if (at != std::string::npos && before != std::string::npos && at + 1 == before)
      at = at == 0 ? std::string::npos : literal.rfind('@', at - 1);  // "*@;"
    if (at != std::string::npos) break;
  }
  std::optional<Words> local;
  std::vector<Template::Piece> domain = std::move(pieces);
  if (at != std::string::npos) {
    if (at > 0 && domain[piece].literal[at - 1] == '@') --at;
    Template::Piece cut;
    cut.literal = domain[piece].literal.substr(0, at);
    domain[piece].literal.erase(0, at + 1);
    std::vector<Template::Piece> before;
    std::move(domain.begin(), domain.begin() + static_cast<std::ptrdiff_t>(piece),
              std::back_inserter(before));
    if (!cut.literal.empty()) before.push_back(std::move(cut));
    domain.erase(domain.begin(), domain.begin() + static_cast<std::ptrdiff_t>(piece));
    if (domain.size() == 1 && domain[0].literal.empty() && !domain[0].expansion)
      domain.clear();
    local.emplace();
    local->text = Template(std::move(before));
    local->ending = head(local->text).starts_with('*');
    if (local->ending) local->text = behind(std::move(local->text), 1);
  }
  Template domain_text(std::move(domain));
  const std::string* plain_local = local ? local->text.literal() : nullptr;
  const std::string* plain_domain = domain_text.literal();
  bool any_local = !local || (local->ending && plain_local && plain_local->empty());
  bool plain =
      plain_domain && plain_domain->find_first_of("@+;^/!") == std::string::npos;
  if (plain && (any_local ||
                (plain_local && !local->ending && !plain_domain->starts_with('*')))) {
    Place place = new_place(shown, origin);
    std::string wanted = base::lower(*plain_domain);
    if (any_local && wanted.starts_with('*')) {
      patterns_of(elements_->domains)
          .endings.add(std::string_view(wanted).substr(1), place);
    } else if (any_local) {
      patterns_of(elements_->domains).words.add(wanted, place);
    } else {
      bool caseful = switches_.caseful;
      wanted.insert(0, (caseful ? *plain_local : base::lower(*plain_local)) + "@");
      patterns_of(caseful ? elements_->caseful : elements_->folded)
          .words.add(wanted, place);
    }
    return;
  }
  ElementReader reader(ListKind::domain, surroundings_, separator_, switches_);
  reader.switches_.caseful = false;
  reader.part_ = true;
  reader.add({std::move(domain_text), origin, false});
  auto at_domain = reader.finish();
  if (at_domain->elements.empty()) return;  // complained of
  new_place(shown, origin);
  add_step(
      make_address_step(std::move(local), std::move(at_domain), switches_.caseful));
}

bool ElementReader::may_have_names(std::string_view word, Origin origin) {
  if (elements_->kind == ListKind::host) {
    surroundings_.need(Feature::resolver, "a list of hosts with names", origin);
    return true;
  }
  surroundings_.error(origin,
                      std::string(condition_of(elements_->kind)) + ": " + quote(word) +
                          " is no IP address, and names of hosts are not looked "
                          "up here");
  return false;
}

void ElementReader::take_host(Template text, Origin origin) {
  const std::string* literal = text.literal();
  std::string_view start = head(text);
  if (literal != nullptr && take_host_literal(*literal, origin)) return;
  if (start.starts_with('^')) {
    if (!may_have_names(start, origin)) return;
    std::string shown(start);
    auto made = pattern(std::move(text), origin);
    if (!made) return;
    made->caseful = false;
    new_place(shown, origin);
    add_step(make_name_pattern_step(*std::move(made), switches_));
    return;
  }
  if (start.starts_with('*')) {
    if (!may_have_names(start, origin)) return;
    new_place(start, origin);
    add_step(make_name_ending_step(behind(std::move(text), 1), switches_));
    return;
  }
  std::size_t semicolon = start.find(';');
  if (semicolon == start.npos) {
    if (literal != nullptr) return take_name(std::move(text), origin);
    const auto& pieces = text.pieces();
    bool network = text.tail().contains('/') ||
                   std::any_of(pieces.begin(), pieces.end(), [](const auto& piece) {
                     return piece.literal.contains('/');
                   });
    if (elements_->kind == ListKind::host) surroundings_.may_wait();
    new_place(start, origin);
    add_step(make_host_text_step(std::move(text), network, switches_));
    return;
  }
  std::string_view type = trimmed(start.substr(0, semicolon));
  std::optional<unsigned> bits;
  bool by_address = false;
  if (type.starts_with("net")) {
    std::size_t digits = 3;
    while (digits < type.size() && base::is_digit(type[digits])) ++digits;
    if (digits < type.size() && type[digits] == '-') {
      by_address = true;
      if (auto number = base::to_number(type.substr(3, digits - 3)))
        bits = static_cast<unsigned>(std::min<std::uint64_t>(*number, 999));
      if (bits && *bits > 128) {
        surroundings_.error(origin, quote(type) + " has a mask of more than 128 bits");
        return;
      }
      type.remove_prefix(digits + 1);
    }
  }
  auto spec = parse_lookup_type(type);
  if (!spec) {
    surroundings_.error(origin, spec.error().text);
    return;
  }
  std::string shown(start);
  text = behind_blanks(std::move(text), semicolon + 1);
  surroundings_.found_lookup(*spec, text, origin);
  new_place(shown, origin);
  if (by_address || elements_->kind == ListKind::ip || spec->query) {
    add_step(make_network_lookup_step(bits, *std::move(spec), std::move(text)));
    return;
  }
  surroundings_.need(Feature::resolver, "a lookup by the name of the host", origin);
  add_step(make_name_lookup_step(*std::move(spec), std::move(text), switches_));
}

// "*", nothing, "@", "@[]", an address, a network, or what looks like a broken one.
bool ElementReader::take_host_literal(std::string_view word, Origin origin) {
  Elements& elements = *elements_;
  if (word.empty() || word == "*") {
    Place place = new_place(word, origin);
    Place& first = word.empty() ? elements.no_host : elements.any_host;
    first = std::min(first, place);
    if (!word.empty()) everything_ = true;
    return true;
  }
  if (word == "@[]") {
    new_place(word, origin);
    add_step(make_local_address_step());
    return true;
  }
  if (word == "@") {
    if (!may_have_names(word, origin)) return true;
    new_place(word, origin);
    add_step(make_host_name_step("", switches_));
    return true;
  }
  if (word.contains(';') || word[0] == '^' || word[0] == '*') return false;
  auto network = parse_network(word);
  if (network) {
    elements.networks.add(*network, new_place(word, origin));
    return true;
  }
  std::string_view address = word.substr(0, word.find('/'));
  if (address.contains(':') && all_of(address, "0123456789abcdefABCDEF:.")) {
    std::string remedy =
        parse_ip(address) || separator_ != ':'
            ? ""
            : "; in an IPv6 address of a list separated by colons each colon is "
              "doubled, or choose another separator with '<;' at its start";
    surroundings_.error(origin, network.error().text + remedy);
    return true;
  }
  bool numbers = all_of(address, "0123456789.*?") &&
                 address.find_first_of(kDigits) != address.npos;
  bool masked_address = address.size() < word.size() && parse_ip(address).has_value();
  if (numbers && torn_) {
    complain_of_torn(word, origin);
    return true;
  }
  if (numbers || masked_address) {
    surroundings_.error(origin, network.error().text +
                                    "; write all four numbers, and a network as "
                                    "ADDRESS/BITS");
    return true;
  }
  return false;
}

void ElementReader::take_name(Template text, Origin origin) {
  const std::string name = *text.literal();
  if (!may_have_names(name, origin)) return;
  if (name.find_first_of("*?/@ ") != name.npos) {
    surroundings_.error(origin, quote(name) +
                                    " is no name of a host, address or network; only a "
                                    "'*' at the start stands for any text");
    return;
  }
  new_place(name, origin);
  add_step(make_host_name_step(name, switches_));
}

std::unique_ptr<Elements> read_list(ListKind kind, const SourceText& source,
                                    Template text, Surroundings& surroundings) {
  ElementReader reader(kind, surroundings);
  Splitter splitter(reader);
  std::size_t begin = 0;
  for (Template::Piece& piece : std::move(text).take_pieces()) {
    std::size_t end = piece.expansion ? piece.begin : source.bytes().size();
    Unescaped escaped = unescape(source.bytes(), begin, end);
    bool known = escaped.text == piece.literal;
    const std::string literal = std::exchange(piece.literal, {});
    for (std::size_t i = 0; i < literal.size(); ++i) {
      char next = i + 1 < literal.size() ? literal[i + 1] : '\0';
      splitter.take(literal[i], next,
                    source.origin(known ? escaped.offsets[i] : begin));
      if (splitter.used_next()) ++i;
    }
    begin = piece.end;
    if (piece.expansion) splitter.take(std::move(piece));
  }
  splitter.finish();
  return reader.finish();
}

std::unique_ptr<Elements> read_list_value(ListKind kind, std::string_view text,
                                          char separator, const Switches& switches,
                                          Surroundings& surroundings, Origin origin) {
  ElementReader reader(kind, surroundings, separator, switches);
  Splitter splitter(reader);
  for (std::size_t i = 0; i < text.size(); ++i) {
    splitter.take(text[i], i + 1 < text.size() ? text[i + 1] : '\0', origin);
    if (splitter.used_next()) ++i;
  }
  splitter.finish();
  return reader.finish();
}

base::Result<std::shared_ptr<const Elements>> read_list_file(ListKind kind,
                                                             std::string text,
                                                             const Switches& switches) {
  FileSurroundings surroundings;
  ElementReader reader(kind, surroundings, '\n', switches);
  for (std::string_view rest = text; !rest.empty() && surroundings.mistake.empty();) {
    ++surroundings.line;
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    line = without_comment(kind, line);
    if (line.empty()) continue;
    if (line.starts_with('/')) {
      surroundings.error({}, quote(line) + " is a file, which a file cannot refer to");
      break;
    }
    reader.add({Template::of(std::string(line)), {}});
  }
  if (!surroundings.mistake.empty())
    return base::fail(base::Code::syntax, std::move(surroundings.mistake));
  return std::shared_ptr<const Elements>(reader.finish());
}

}  // namespace policy
