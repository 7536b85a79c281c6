// SPDX-License-Identifier: Apache-2.0
#include "policy/lookup.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"
#include "policy/context.h"
#include "policy/dnsdb.h"
#include "policy/search_file.h"

namespace policy {

namespace {

using base::Code;

struct TypeName {
  std::string_view name;
  LookupType type;
};
constexpr std::array<TypeName, 7> kTypes = {{
    {"lsearch", LookupType::lsearch},
    {"nwildlsearch", LookupType::nwildlsearch},
    {"iplsearch", LookupType::iplsearch},
    {"dsearch", LookupType::dsearch},
    {"lmdb", LookupType::lmdb},
    {"dnsdb", LookupType::dnsdb},
    {"spf", LookupType::spf},
}};

struct LeftOut {
  std::string_view name, instead;
};
constexpr std::string_view kNoServers =
    "databases behind a server cannot be asked; export what is needed to lsearch or "
    "lmdb";
constexpr std::string_view kMakeLmdb = "make an LMDB database of it and use lmdb";
constexpr std::string_view kNoSuffixes = "the public suffix list is not built in";
constexpr std::array<LeftOut, 29> kLeftOut = {{
    {"wildlsearch", "it expands keys of a file; use nwildlsearch"},
    {"cdb", kMakeLmdb},
    {"dbm", kMakeLmdb},
    {"dbmjz", kMakeLmdb},
    {"dbmnz", kMakeLmdb},
    {"json", "read the file with readfile and use ${extract json"},
    {"psl", kNoSuffixes},
    {"regdom", kNoSuffixes},
    {"ibase", kNoServers},
    {"ldap", kNoServers},
    {"ldapdn", kNoServers},
    {"ldapm", kNoServers},
    {"ldapauth", kNoServers},
    {"mysql", kNoServers},
    {"nis", kNoServers},
    {"nis0", kNoServers},
    {"nisplus", kNoServers},
    {"nmh", kNoServers},
    {"oracle", kNoServers},
    {"passwd", "use lsearch on a file of users"},
    {"pgsql", kNoServers},
    {"redis", kNoServers},
    {"sqlite", kMakeLmdb},
    {"testdb", "it only tests Exim"},
    {"testdb_nodeferr", "it only tests Exim"},
    {"whoson", kNoServers},
    {"readsock", "a policy cannot open sockets"},
    {"dlfunc", "a policy cannot load code"},
    {"perl", "a policy cannot run code"},
}};

std::string unknown_type(std::string_view name, std::string_view text) {
  for (const LeftOut& left_out : kLeftOut)
    if (name == left_out.name)
      return "lookup type " + quote(name) +
             " is not part of the policy language: " + std::string(left_out.instead);
  std::vector<std::string_view> known;
  for (const TypeName& type : kTypes) known.push_back(type.name);
  std::string shown = name == text ? "" : " in " + quote(text);
  return "unknown lookup type " + quote(name) + shown + did_you_mean(name, known);
}

std::unexpected<base::Error> bad_format(std::string_view text, std::string_view what) {
  return base::fail(Code::syntax,
                    "lookup type " + quote(text) + ": " + std::string(what));
}

// "partial2(affix)" or "partial2-"; moves `rest` behind it.
base::Result<void> take_partial(std::string_view& rest, LookupSpec& spec,
                                std::string_view text) {
  constexpr std::string_view kPartial = "partial";
  if (!rest.starts_with(kPartial)) return {};
  rest.remove_prefix(kPartial.size());
  std::size_t digits = 0;
  while (digits < rest.size() && base::is_digit(rest[digits])) ++digits;
  auto number = base::to_number(rest.substr(0, digits));
  if (digits > 3) return bad_format(text, "the number behind 'partial' is too large");
  spec.partial = number ? static_cast<int>(*number) : 2;
  rest.remove_prefix(digits);
  if (rest.starts_with('-')) {
    rest.remove_prefix(1);
    return {};
  }
  std::size_t close = rest.find(')');
  if (!rest.starts_with('(') || close == rest.npos)
    return bad_format(text, "write 'partial-' or 'partial(AFFIX)' before the type");
  spec.affix = rest.substr(1, close - 1);
  for (char c : spec.affix)
    if (is_name_char(c) || c <= ' ' || c >= 0x7f)
      return bad_format(text, "the affix of 'partial' may only be punctuation");
  rest.remove_prefix(close + 1);
  return {};
}

bool take_option(std::string_view option, LookupSpec& spec) {
  using Filter = LookupSpec::Filter;
  bool is_text = spec.kind == LookupType::lsearch ||
                 spec.kind == LookupType::nwildlsearch ||
                 spec.kind == LookupType::iplsearch;
  bool is_directory = spec.kind == LookupType::dsearch;
  if (option == "cache=no_rd") return true;
  if (option == "ret=key") {
    spec.give = LookupSpec::Give::key;
  } else if (option == "ret=full" && (is_text || is_directory)) {
    if (spec.give == LookupSpec::Give::data) spec.give = LookupSpec::Give::whole;
  } else if (option == "filter=file" && is_directory) {
    spec.filter = Filter::file;
  } else if (option == "filter=dir" && is_directory) {
    spec.filter = Filter::dir;
  } else if (option == "filter=subdir" && is_directory) {
    spec.filter = Filter::subdir;
  } else {
    return false;
  }
  return true;
}

base::Result<void> take_options(std::string_view rest, LookupSpec& spec,
                                std::string_view text) {
  while (!rest.empty()) {
    rest.remove_prefix(1);  // the comma
    std::string_view option = rest.substr(0, rest.find(','));
    rest.remove_prefix(option.size());
    spec.options.emplace_back(trimmed(option));
    if (!take_option(spec.options.back(), spec))
      return bad_format(text, "it has no option " + quote(option));
  }
  return {};
}

using Found = Outcome<std::optional<std::string>>;

// What went wrong with a file or database: one that is not there stays so, all else may
// pass.
std::unexpected<Failure> file_failure(base::Error error) {
  bool stays = error.code == Code::not_found || error.code == Code::permanent;
  return stays ? cannot(std::move(error.text)) : defer(std::move(error.text));
}

template <class File>
std::optional<std::string> text_of(const File& file, const LookupSpec& spec,
                                   const std::optional<SearchText::Record>& record) {
  if (!record) return std::nullopt;
  return spec.give == LookupSpec::Give::whole ? file.text().whole(*record)
                                              : file.text().data(*record);
}

Found find_network(const NetworkFile& file, const LookupSpec& spec,
                   std::string_view key) {
  if (key == "*") return text_of(file, spec, file.find_star());
  auto ip = parse_ip(key);
  if (!ip)
    return defer(quote(key) +
                 " is no IP address, so iplsearch cannot look for it; in a "
                 "list of hosts write net-iplsearch");
  return text_of(file, spec, file.find(unmapped(*ip)));
}

Found find_entry(const LookupSpec& spec, std::string_view directory,
                 std::string_view key) {
  using Filter = LookupSpec::Filter;
  if (key.find('/') != key.npos || key == "." || key == ".." || key.contains('\0'))
    return defer("the key of dsearch is no name of a file: " + base::printable(key));
  std::string path(directory);
  path.append("/").append(key);
  struct stat status;
  int error = key.empty() ? ENOENT : lstat(path.c_str(), &status) != 0 ? errno : 0;
  if (error != 0) {  // of the entry, if the directory is one
    const std::string place(directory);
    if (stat(place.c_str(), &status) != 0)
      return file_failure(base::system_error(place, errno));
    if (!S_ISDIR(status.st_mode)) return cannot(place + ": not a directory");
    if (error == ENOENT || error == ENAMETOOLONG) return std::nullopt;
    return file_failure(base::system_error(path, error));
  }
  bool wanted =
      spec.filter == Filter::none ||
      (spec.filter == Filter::file ? S_ISREG(status.st_mode) : S_ISDIR(status.st_mode));
  if (!wanted) return std::nullopt;
  return spec.give == LookupSpec::Give::whole ? std::move(path) : std::string(key);
}

// Exact, partial, "*@", "*": the first that `find` has (8.3).
template <class Find>
Outcome<std::optional<LookupAnswer>> find_by_stages(const LookupSpec& spec,
                                                    std::string_view key,
                                                    const Find& find) {
  auto answer = [&](std::string data, std::string_view wild, std::string_view fixed) {
    return LookupAnswer{std::move(data), true, std::string(wild), std::string(fixed)};
  };
  if (auto data = TRY(find(key))) {
    if (spec.partial >= 0) return answer(*std::move(data), "", key);
    return LookupAnswer{*std::move(data), false, "", ""};
  }
  if (spec.partial >= 0) {
    if (!spec.affix.empty())
      if (auto data = TRY(find(spec.affix + std::string(key))))
        return answer(*std::move(data), "", key);
    auto left = std::count(key.begin(), key.end(), '.');  // components of the rest
    for (std::size_t dot = key.find('.'); dot != key.npos && left >= spec.partial;
         dot = key.find('.', dot + 1), --left) {
      std::string_view fixed = key.substr(dot + 1);
      if (auto data = TRY(find(spec.affix + std::string(fixed))))
        return answer(*std::move(data), key.substr(0, dot), fixed);
    }
    std::string_view bare = spec.affix;  // "*" of "*."
    if (bare.size() > 1 && bare.ends_with('.')) bare.remove_suffix(1);
    if (spec.partial == 0 && !bare.empty())
      if (auto data = TRY(find(bare))) return answer(*std::move(data), key, "");
  }
  if (std::size_t at = key.rfind('@'); spec.star_at && at != key.npos)
    if (auto data = TRY(find("*" + std::string(key.substr(at)))))
      return answer(*std::move(data), key.substr(0, at), "");
  if (spec.star || spec.star_at)
    if (auto data = TRY(find(std::string_view("*"))))
      return answer(*std::move(data), key, "");
  return std::nullopt;
}

// An empty key is nobody's.
template <class Find>
auto unless_empty(const Find& find) {
  return [&find](std::string_view key) -> Found {
    if (key.empty()) return std::nullopt;
    return find(key);
  };
}

Outcome<std::optional<LookupAnswer>> find_in_file(const LookupSpec& spec,
                                                  std::string_view path,
                                                  std::string_view key,
                                                  LookupFiles& files) {
  if (!path.starts_with('/'))
    return cannot(quote(path) + " is no absolute path, so " + spec.type +
                  " cannot look into it");
  auto by_stages = [&](const auto& find) {
    return find_by_stages(spec, key, unless_empty(find));
  };
  switch (spec.kind) {
    case LookupType::lsearch: {
      auto file = files.parsed("lsearch", path, SearchFile::parse);
      if (!file) return file_failure(std::move(file).error());
      return by_stages([&](std::string_view wanted) -> Found {
        return text_of(**file, spec, (*file)->find(wanted));
      });
    }
    case LookupType::nwildlsearch: {
      auto file = files.parsed("nwildlsearch", path, WildFile::parse);
      if (!file) return file_failure(std::move(file).error());
      return by_stages([&](std::string_view wanted) -> Found {
        auto record = (*file)->find(wanted);
        if (!record) return defer(std::string(path) + ": " + record.error().text);
        return text_of(**file, spec, *record);
      });
    }
    case LookupType::iplsearch: {
      auto file = files.parsed("iplsearch", path, NetworkFile::parse);
      if (!file) return file_failure(std::move(file).error());
      return by_stages(
          [&](std::string_view wanted) { return find_network(**file, spec, wanted); });
    }
    case LookupType::lmdb: {
      auto database = files.lmdb(path);
      if (!database) return file_failure(std::move(database).error());
      return by_stages([&](std::string_view wanted) -> Found {
        std::string value;
        auto found = (*database)->get(wanted, value);
        if (!found) return defer(std::move(found).error().text);
        if (!*found) return std::nullopt;
        return value;
      });
    }
    case LookupType::dsearch:
      return by_stages(
          [&](std::string_view wanted) { return find_entry(spec, path, wanted); });
    case LookupType::dnsdb:
    case LookupType::spf:
      break;
  }
  return cannot("lookup type " + quote(spec.type) + " looks into no file");
}

Outcome<std::optional<LookupAnswer>> ask_dns(std::string_view query,
                                             Evaluation& evaluation) {
  auto parsed = parse_dnsdb(query);
  if (!parsed) return cannot(std::move(parsed).error().text);
  auto text = TRY(ask_dnsdb(*parsed, evaluation));
  if (!text) return std::nullopt;
  return LookupAnswer{*std::move(text), false, "", ""};
}

Outcome<std::optional<LookupAnswer>> ask_spf(std::string_view sender,
                                             std::string_view address,
                                             Evaluation& evaluation) {
  if (!parse_ip(address))
    return cannot(quote(address) +
                  " is no IP address: the key of an spf lookup has to be one");
  auto result = TRY(evaluation.context.check(
      "spf", std::string(address) + " " + std::string(sender)));
  if (result.answer == Answer::defer)
    return defer("SPF cannot be checked for " + quote(sender) + ": " +
                 result.log_message);
  return LookupAnswer{std::move(result.word), false, "", ""};
}

}  // namespace

base::Result<LookupSpec> parse_lookup_type(std::string_view text) {
  LookupSpec spec;
  std::string_view rest = text;
  TRY(take_partial(rest, spec, text));
  std::size_t length = name_length(rest);
  std::string_view name = rest.substr(0, length);
  rest.remove_prefix(length);
  auto type = std::find_if(kTypes.begin(), kTypes.end(),
                           [&](const TypeName& known) { return known.name == name; });
  if (type == kTypes.end()) return base::fail(Code::syntax, unknown_type(name, text));
  spec.type = name;
  spec.kind = type->type;
  spec.query = spec.kind == LookupType::dnsdb;
  if (rest.starts_with("*@")) {
    spec.star_at = true;
    rest.remove_prefix(2);
  } else if (rest.starts_with('*')) {
    spec.star = true;
    rest.remove_prefix(1);
  }
  bool staged = spec.partial >= 0 || spec.star || spec.star_at;
  if (staged && (spec.query || spec.kind == LookupType::spf))
    return bad_format(text, "'partial' and '*' are for lookups in files only");
  if (!rest.empty() && rest[0] != ',')
    return bad_format(text, quote(rest) + " cannot follow the type");
  TRY(take_options(rest, spec, text));
  return spec;
}

Outcome<std::optional<LookupAnswer>> look_up(const LookupSpec& spec,
                                             std::string_view file_or_query,
                                             std::string_view key,
                                             Evaluation& evaluation) {
  auto answer =
      spec.kind == LookupType::dnsdb ? ask_dns(file_or_query, evaluation)
      : spec.kind == LookupType::spf
          ? ask_spf(file_or_query, key, evaluation)
          : find_in_file(spec, file_or_query, key, evaluation.context.files());
  if (answer && *answer && spec.give == LookupSpec::Give::key) (*answer)->data = key;
  return answer;
}

bool remote(const LookupSpec& spec) {
  return spec.kind == LookupType::dnsdb || spec.kind == LookupType::spf;
}

void check_lookup_file(const LookupSpec& spec, std::string_view path, Origin origin,
                       Parsing& parsing) {
  if (!path.starts_with('/')) {
    parsing.error(origin, quote(path) + " must be an absolute path, as " + spec.type +
                              " looks into a file");
    return;
  }
  if (access(std::string(path).c_str(), R_OK) != 0)
    parsing.warning(origin,
                    base::system_error(path, errno).text + "; lookups in it will fail");
}

}  // namespace policy
