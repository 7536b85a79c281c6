// SPDX-License-Identifier: Apache-2.0
#include "policy/programs.h"

#include <algorithm>
#include <set>

#include "base/fd.h"
#include "policy/acl_words.h"
#include "policy/options.h"

namespace policy {

namespace {

constexpr const char* kDefaultFile = "/etc/bobbin/bobbin.conf";
constexpr std::size_t kLargestFile = std::size_t{16} << 20;

// What Exim calls the features that it was built with.
constexpr std::string_view kHave[] = {
    "_HAVE_ARC",
    "_HAVE_DANE",
    "_HAVE_DCC",
    "_HAVE_DKIM",
    "_HAVE_DMARC",
    "_HAVE_DNSSEC",
    "_HAVE_I18N",
    "_HAVE_IPV6",
    "_HAVE_LOOKUP_DNSDB",
    "_HAVE_LOOKUP_LMDB",
    "_HAVE_LOOKUP_LSEARCH",
    "_HAVE_NATIVE_SRS",
    "_HAVE_OPENSSL",
    "_HAVE_PRDR",
    "_HAVE_PROXY",
    "_HAVE_REQUIRETLS",
    "_HAVE_SPF",
    "_HAVE_SRS",
    "_HAVE_TLS",
    "_HAVE_TRANSPORT_APPEND_MAILDIR",
};

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

// _OPT_ROUTERS_DOMAINS is every router's, _OPT_ROUTER_REDIRECT_DATA one driver's.
void add_section(std::span<const DriverInfo> known, std::span<const OptionInfo> table,
                 const std::string& kind, std::set<std::string>& names) {
  for (const DriverInfo& driver : known)
    if (driver.left_out.empty())
      names.insert("_DRIVER_" + kind + "_" + upper(driver.name));
  for (const OptionInfo& option : table) {
    if (!option.left_out.empty()) continue;
    std::string_view drivers = option.drivers;
    if (drivers.empty()) names.insert("_OPT_" + kind + "S_" + upper(option.name));
    while (!drivers.empty()) {
      std::string driver = upper(drivers.substr(0, drivers.find(' ')));
      drivers.remove_prefix(std::min(drivers.size(), driver.size() + 1));
      names.insert("_OPT_" + kind + "_" + driver + "_" + upper(option.name));
    }
  }
}

}  // namespace

std::optional<Program> find_program(std::string_view name) {
  auto serves = [](std::string_view program, Phases phases,
                   std::initializer_list<Feature> features) {
    Program result{.name = program, .phases = phases};
    for (Feature feature : features)
      result.features[static_cast<std::size_t>(feature)] = true;
    return result;
  };
  if (name == "receive")
    return serves(
        "receive",
        ~Phases{Phase::router, Phase::transport, Phase::authenticator, Phase::retry},
        {Feature::srs});
  if (name == "run")
    return serves("run", {Phase::router, Phase::transport, Phase::retry, Phase::other},
                  {Feature::srs});
  if (name == "list") return serves("list", {Phase::other}, {Feature::srs});
  return {};
}

std::vector<std::string> predefined_macros() {
  std::set<std::string> names(std::begin(kHave), std::end(kHave));
  for (const OptionInfo& option : main_option_table())
    if (option.left_out.empty()) names.insert("_OPT_MAIN_" + upper(option.name));
  add_section(router_drivers(), router_option_table(), "ROUTER", names);
  add_section(transport_drivers(), transport_option_table(), "TRANSPORT", names);
  add_section(authenticator_drivers(), authenticator_option_table(), "AUTHENTICATOR",
              names);
  for (const AclWord& word : acl_words())
    if (!word.left_out)
      names.insert(
          (word.kind == AclWord::Kind::condition ? "_ACL_COND_" : "_ACL_MOD_") +
          upper(word.name));
  return {names.begin(), names.end()};
}

base::Result<std::string> read_included(const std::filesystem::path& path) {
  return base::read_file(path, kLargestFile);
}

base::Result<PolicyFile> read_policy_file(const base::CommonOptions& common) {
  PolicyFile file{common.config.empty() ? kDefaultFile : common.config, ""};
  auto text = read_included(file.name);
  if (text)
    file.text = std::move(*text);
  else if (!common.config.empty() || text.error().code != base::Code::not_found)
    return base::fail(base::Code::config,
                      text.error().text + ": name a readable file with -C");
  return file;
}

base::Result<Lines> read_lines(const PolicyFile& file,
                               const base::CommonOptions& common) {
  Macros macros = TRY(Macros::create(common.macros, predefined_macros()));
  return parse_lines(file.name, file.text, std::move(macros), read_included);
}

base::Result<Loaded> load_policy(const PolicyFile& file,
                                 const base::CommonOptions& common,
                                 const Program& program) {
  Macros macros = TRY(Macros::create(common.macros, predefined_macros()));
  return load_policy(file.name, file.text, std::move(macros), read_included, program);
}

}  // namespace policy
