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

// What Exim calls the features that it was built with, and what a program must serve
// to have them.
struct Have {
  std::string_view name;
  Feature feature;
};
constexpr Have kHave[] = {
    {"_HAVE_ARC", Feature::arc},
    {"_HAVE_DANE", Feature::tls},
    {"_HAVE_DCC", Feature::dcc},
    {"_HAVE_DKIM", Feature::dkim},
    {"_HAVE_DMARC", Feature::dmarc},
    {"_HAVE_DNSSEC", Feature::resolver},
    {"_HAVE_I18N", Feature::none},
    {"_HAVE_IPV6", Feature::none},
    {"_HAVE_LOOKUP_DNSDB", Feature::dnsdb},
    {"_HAVE_LOOKUP_LMDB", Feature::none},
    {"_HAVE_LOOKUP_LSEARCH", Feature::none},
    {"_HAVE_NATIVE_SRS", Feature::srs},
    {"_HAVE_OPENSSL", Feature::tls},
    {"_HAVE_PRDR", Feature::none},
    {"_HAVE_PROXY", Feature::proxy},
    {"_HAVE_REQUIRETLS", Feature::requiretls},
    {"_HAVE_SPF", Feature::spf},
    {"_HAVE_SRS", Feature::srs},
    {"_HAVE_TLS", Feature::tls},
    {"_HAVE_TRANSPORT_APPEND_MAILDIR", Feature::none},
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
  if (name == "receive") {  // routes to verify addresses
    Program receive = serves(
        "receive", ~Phases{Phase::transport, Phase::retry},
        {Feature::srs, Feature::tls, Feature::auth, Feature::proxy, Feature::verify,
         Feature::dnslists, Feature::ratelimit, Feature::dnsdb, Feature::resolver});
    receive.requiretls_if_promised = true;
    return receive;
  }
  if (name == "run")
    return serves(
        "run", {Phase::router, Phase::transport, Phase::retry, Phase::other},
        {Feature::srs, Feature::tls, Feature::auth, Feature::dnsdb, Feature::resolver});
  if (name == "list")  // tells of clients what the messages say
    return serves("list", {Phase::other},
                  {Feature::srs, Feature::tls, Feature::auth, Feature::proxy});
  return {};
}

std::vector<std::string> predefined_macros(const Program& program) {
  std::set<std::string> names;
  for (const Have& have : kHave)
    if (program.serves(have.feature)) names.insert(std::string(have.name));
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
  else
    file.exists = false;
  return file;
}

base::Result<Lines> read_lines(const PolicyFile& file,
                               const base::CommonOptions& common) {
  Macros macros = TRY(Macros::create(common.macros, predefined_macros(Program::any())));
  return parse_lines(file.name, file.text, std::move(macros), read_included);
}

base::Result<Loaded> load_policy(const PolicyFile& file,
                                 const base::CommonOptions& common,
                                 const Program& program) {
  Macros macros = TRY(Macros::create(common.macros, predefined_macros(program)));
  return load_policy(file.name, file.text, std::move(macros), read_included, program);
}

}  // namespace policy
