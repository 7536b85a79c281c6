// SPDX-License-Identifier: Apache-2.0
//
// The redirect router (spec/policy.md 13.5; Exim manual, "The redirect router").
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "base/fd.h"
#include "base/text.h"
#include "policy/path_template.h"
#include "policy/redirect_data.h"
#include "policy/routing.h"

namespace policy {
namespace {

using Kind = RedirectItem::Kind;

constexpr std::size_t kLargestFile = std::size_t{1} << 20;
constexpr unsigned kDeepestInclude = 10;

Verdict deferred(std::string why) {
  return Verdict::of(Verdict::Kind::deferred, std::move(why));
}

class Redirect {
 public:
  explicit Redirect(Attempt& attempt)
      : attempt_(attempt), options_(attempt.router.options) {}

  Verdict run() {
    auto data = read_data();
    if (!data) {
      if (data.error().kind == Failure::Kind::forced) return {};
      return deferred(data.error().text);
    }
    if (!*data) return {};
    Verdict verdict = Verdict::of(Verdict::Kind::redirected);
    if (auto stop = take(**data, 0)) verdict = *std::move(stop);
    if (verdict.kind == Verdict::Kind::redirected && children_.empty())
      return skipped_ ? Verdict::of(Verdict::Kind::declined,
                                    "syntax error in redirection data")
                      : Verdict();
    // Those before a :fail: get it all the same.
    if (verdict.kind != Verdict::Kind::discarded && !broken_)
      verdict.children = std::move(children_);
    return verdict;
  }

 private:
  Verdict in_error(const std::string& what) {
    broken_ = true;
    return deferred("error in redirect data: " + what);
  }

  bool is_on(std::string_view option) const { return options_.boolean(option, false); }

  // Nothing: the file is not there.
  Outcome<std::optional<std::string>> read_data() {
    if (const Template* data = options_.expanded("data")) {
      auto text = expand(*data, attempt_.evaluation);
      if (!text) return std::unexpected(text.error());
      return *std::move(text);
    }
    const Template* file = options_.expanded("file");
    if (!file) return std::nullopt;
    auto path = expand_path(*file, attempt_.evaluation);
    if (!path) return std::unexpected(path.error());
    if (!path->starts_with('/'))
      return cannot(quote(*path) + " is not an absolute path");
    return read_file(*path);
  }

  Outcome<std::optional<std::string>> read_file(const std::string& path) {
    struct stat status{};
    if (stat(path.c_str(), &status) != 0) {
      int why = errno;
      if (why == ENOENT && !has_directory(path))
        return defer("there is no directory for " + quote(path));
      if (why == ENOENT || (why == ENOTDIR && is_on("ignore_enotdir")) ||
          (why == EACCES && is_on("ignore_eacces")))
        return std::nullopt;
      return defer(base::system_error(path, why).text);
    }
    if (!S_ISREG(status.st_mode)) return defer(path + " is not a regular file");
    auto mask = static_cast<mode_t>(options_.integer("modemask", 022));
    if ((status.st_mode & mask) != 0)
      return defer(path + " may be written by too many: its mode is bad");
    if (!owned_well(status)) return defer(path + " has the wrong owner or group");
    auto text = base::read_file(path, kLargestFile);
    if (!text) return defer(text.error().text);
    return *std::move(text);
  }

  // A file system that is not mounted is no reason to go on without the file.
  static bool has_directory(const std::string& path) {
    struct stat status{};
    return stat((path.substr(0, path.rfind('/') + 1) + ".").c_str(), &status) == 0;
  }

  template <class Is>
  static bool any_of_list(std::string_view list, Is is) {
    while (!list.empty()) {
      std::size_t colon = std::min(list.find(':'), list.size());
      if (is(std::string(trimmed(list.substr(0, colon))))) return true;
      list.remove_prefix(std::min(colon + 1, list.size()));
    }
    return false;
  }

  bool owned_well(const struct stat& status) const {
    auto is_owner = [&](const std::string& name) {
      if (auto number = base::to_number(name)) return *number == status.st_uid;
      passwd entry{};
      passwd* found = nullptr;
      std::string buffer(16384, '\0');
      getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
      return found && found->pw_uid == status.st_uid;
    };
    auto is_group = [&](const std::string& name) {
      if (auto number = base::to_number(name)) return *number == status.st_gid;
      group entry{};
      group* found = nullptr;
      std::string buffer(16384, '\0');
      getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
      return found && found->gr_gid == status.st_gid;
    };
    return (!options_.has("owners") ||
            any_of_list(options_.text("owners"), is_owner)) &&
           (!options_.has("owngroups") ||
            any_of_list(options_.text("owngroups"), is_group));
  }

  // Adds what `data` says; a verdict if it ends the matter.
  std::optional<Verdict> take(const std::string& data, unsigned depth) {
    for (const RedirectItem& item : parse_redirect_data(data))
      if (auto stop = take_item(item, depth)) return stop;
    return std::nullopt;
  }

  std::optional<Verdict> take_item(const RedirectItem& item, unsigned depth) {
    switch (item.kind) {
      case Kind::address:
        return take_address(item);
      case Kind::file:
        return take_delivery(RoutedAddress::Outcome::file, "forbid_file",
                             "file_transport", item.text);
      case Kind::directory:
        return take_delivery(RoutedAddress::Outcome::directory, "forbid_file",
                             "directory_transport", item.text);
      case Kind::pipe:
        return take_delivery(RoutedAddress::Outcome::pipe, "forbid_pipe",
                             "pipe_transport", "|" + item.text);
      case Kind::include:
        return include(item.text, depth);
      case Kind::fail:
        if (!is_on("allow_fail")) return in_error("':fail:' is not permitted");
        return Verdict::of(Verdict::Kind::failed, item.text);
      case Kind::defer:
        if (!is_on("allow_defer")) return in_error("':defer:' is not permitted");
        return deferred(item.text);
      case Kind::blackhole:
        if (is_on("forbid_blackhole"))
          return in_error("':blackhole:' is not permitted");
        return Verdict::of(Verdict::Kind::discarded);
      case Kind::unknown:
        return std::nullopt;
      case Kind::bad:
        if (is_on("skip_syntax_errors")) {
          skipped_ = true;
          return std::nullopt;
        }
        return in_error(item.text);
    }
    return std::nullopt;
  }

  std::optional<Verdict> take_address(const RedirectItem& item) {
    RoutedAddress child = inherited();
    child.address = item.text;
    if (item.text.find('@') == item.text.npos) {
      auto domain = domain_for(item);
      if (!domain) return deferred(domain.error().text);
      child.address += "@" + *domain;
    }
    if (is_on("check_ancestor") &&
        std::ranges::any_of(child.ancestors, [&](const std::string& one) {
          return base::equal_nocase(one, child.address);
        }))
      child.address = attempt_.address.address;
    children_.push_back(std::move(child));
    return std::nullopt;
  }

  Outcome<std::string> domain_for(const RedirectItem& item) {
    if (item.own_domain || is_on("qualify_preserve_domain")) return attempt_.domain;
    auto set = option_text(attempt_, "qualify_domain");
    if (!set) return std::unexpected(set.error());
    return *set ? **set : attempt_.routing.policy.qualify_recipient;
  }

  std::optional<Verdict> take_delivery(RoutedAddress::Outcome outcome,
                                       std::string_view forbids,
                                       std::string_view transport_option,
                                       const std::string& target) {
    auto transport = option_text(attempt_, transport_option);
    if (!transport) return deferred(transport.error().text);
    RoutedAddress child = inherited();
    child.address = attempt_.address.address;
    child.target = target;
    child.router = attempt_.router.name;
    // What is wrong with it is its own affair: the others get their mail.
    if (is_on(forbids) || is_on("one_time")) {
      child.outcome = RoutedAddress::Outcome::fail;
      child.message =
          "delivery to a " +
          std::string(outcome == RoutedAddress::Outcome::pipe ? "pipe" : "file") +
          " is forbidden by " + std::string(is_on(forbids) ? forbids : "one_time");
    } else if (!*transport) {
      child.outcome = RoutedAddress::Outcome::defer;
      child.message =
          std::string(transport_option) + " is not set in router " + child.router;
      child.freeze = true;
    } else {
      child.outcome = outcome;
      child.transport = **transport;
    }
    children_.push_back(std::move(child));
    return std::nullopt;
  }

  std::optional<Verdict> include(const std::string& path, unsigned depth) {
    if (is_on("forbid_include")) return in_error("':include:' is not permitted");
    if (depth == kDeepestInclude) return in_error("files are included too deep");
    if (!path.starts_with('/'))
      return in_error(quote(path) + " to be included is not an absolute path");
    if (const Template* root = options_.expanded("include_directory")) {
      auto directory = expand_path(*root, attempt_.evaluation);
      if (!directory) return deferred(directory.error().text);
      if (!lies_below(path, *directory))
        return in_error(quote(path) + " to be included is not below " +
                        quote(*directory));
    }
    auto text = base::read_file(path, kLargestFile);
    if (!text) return in_error("cannot include " + text.error().text);
    return take(*text, depth + 1);
  }

  // As it is written and without any link on the way.
  static bool lies_below(const std::string& path, std::string directory) {
    while (directory.size() > 1 && directory.ends_with('/')) directory.pop_back();
    if (!path.starts_with(directory + "/")) return false;
    std::unique_ptr<char, decltype(&std::free)> real(realpath(path.c_str(), nullptr),
                                                     &std::free);
    std::unique_ptr<char, decltype(&std::free)> root(
        realpath(directory.c_str(), nullptr), &std::free);
    return real && root &&
           std::string(root.get()) + path.substr(directory.size()) == real.get();
  }

  RoutedAddress inherited() const {
    const RoutedAddress& parent = attempt_.address;
    RoutedAddress child;
    child.parent = parent.address;
    child.ancestors = parent.ancestors;
    child.ancestors.insert(child.ancestors.begin(), parent.address);
    child.errors_to = parent.errors_to;
    child.headers_add = parent.headers_add;
    child.headers_remove = parent.headers_remove;
    child.address_data = parent.address_data;
    child.variables = parent.variables;
    child.one_time = is_on("one_time");
    return child;
  }

  Attempt& attempt_;
  const Options& options_;
  std::vector<RoutedAddress> children_;
  bool skipped_ = false;  // something was no address, and skip_syntax_errors is set
  bool broken_ = false;   // the data cannot be used at all
};

}  // namespace

Verdict run_redirect(Attempt& attempt) {
  return Redirect(attempt).run();
}

}  // namespace policy
