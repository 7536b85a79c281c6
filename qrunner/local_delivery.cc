// SPDX-License-Identifier: Apache-2.0
#include "qrunner/local_delivery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/safe_file.h"
#include "base/text.h"
#include "policy/mail_address.h"
#include "policy/path_template.h"
#include "policy/variable_table.h"
#include "spoolfmt/d_file.h"

namespace qrunner {

namespace {

using policy::variable_id;

// One transport's work for one message.
class LocalDelivery {
 public:
  LocalDelivery(const Outgoing& message, RoutePhase& routes)
      : message_(message),
        transport_(*message.site().transport),
        queued_(message.queued()),
        context_(routes.policy(), queued_, message.message().path("-H").parent_path(),
                 routes.clock().now(), routes.files(), routes.names()),
        evaluation_{.policy = routes.policy(),
                    .context = context_,
                    .phase = policy::Phase::transport},
        now_(routes.clock().now()) {}

  base::Result<void> deliver(const Destination& to) {
    show(to);
    std::filesystem::path directory = TRY(directory_of());
    if (transport_.driver == "queuefile") return copy_spool_files(directory);
    return to_maildir(directory, to);
  }

 private:
  void show(const Destination& to) {
    auto parts = policy::take_apart(to.unique);
    context_.set_variable(variable_id("local_part"), parts.local_part);
    context_.set_variable(variable_id("domain"), parts.domain);
    context_.set_variable(variable_id("router_name"), to.routed.router);
    context_.set_variable(variable_id("transport_name"), to.routed.transport);
    context_.set_variable(variable_id("address_data"), to.routed.address_data);
    context_.set_variable(variable_id("local_part_prefix"),
                          to.routed.local_part_prefix);
    context_.set_variable(variable_id("local_part_suffix"),
                          to.routed.local_part_suffix);
    for (const auto& [name, value] : to.routed.variables)
      context_.set_named_variable(name, value);
  }

  base::Result<std::filesystem::path> directory_of() {
    const policy::Template* text = transport_.options.expanded("directory");
    if (!text)
      return base::fail(base::Code::config,
                        "transport " + transport_.name + " has no directory");
    auto path = policy::expand_path(*text, evaluation_);
    if (!path) return base::fail(base::Code::config, path.error().text);
    if (!path->starts_with('/'))
      return base::fail(base::Code::config, *path + " is not an absolute path");
    return std::filesystem::path(*path);
  }

  base::Result<void> make_directories(const std::filesystem::path& path) {
    if (!transport_.options.boolean("create_directory", true)) return {};
    std::filesystem::path made;
    for (const auto& part : path) {
      made /= part;
      if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST)
        return base::system_failure(made.string(), errno);
    }
    return {};
  }

  std::string text_of(const char* option) {
    auto value = option_text(transport_, option, evaluation_);
    return value && *value ? **value : std::string();
  }

  // The header lines that a last hop adds (Exim manual, "Generic options for
  // transports").
  std::string head(const Destination& to) {
    std::string out;
    const spoolfmt::HFile& file = message_.file();
    bool path = transport_.options.boolean("return_path_add", false);
    if (path) out += "Return-path: <" + file.sender + ">\n";
    if (transport_.options.boolean("envelope_to_add", false))
      out += "Envelope-to: " + to.unique + "\n";
    if (transport_.options.boolean("delivery_date_add", false))
      out += "Delivery-date: " + base::format_mail_date(now_) + "\n";
    HeaderChanges changes{to.routed.headers_add, to.routed.headers_remove};
    if (auto more = text_of("headers_add"); !more.empty()) changes.add.push_back(more);
    if (auto less = text_of("headers_remove"); !less.empty())
      changes.remove.push_back(less);
    return out + sent_headers(file, changes);
  }

  base::Result<void> to_maildir(const std::filesystem::path& directory,
                                const Destination& to) {
    for (const char* part : {"tmp", "new", "cur"})
      TRY(make_directories(directory / part));
    // Unique: time, process and a count; the host for directories that are shared.
    static std::atomic<unsigned> count{0};
    auto since =
        std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch())
            .count();
    std::string name = std::to_string(since / 1'000'000) + ".M" +
                       std::to_string(since % 1'000'000) + "P" +
                       std::to_string(::getpid()) + "Q" + std::to_string(++count) +
                       "." + evaluation_.policy.primary_hostname;
    auto file = TRY(base::SafeFile::create(directory / "tmp" / name));
    if (::fchmod(file.fd(), 0600) != 0)
      return base::system_failure((directory / "tmp" / name).string(), errno);
    TRY(file.write(head(to)));
    TRY(write_body(file));
    TRY(file.sync());
    TRY(file.rename_to(directory / "new" / (name + text_of("maildir_tag"))));
    return base::sync_directory(directory / "new");
  }

  base::Result<void> write_body(base::SafeFile& file) {
    net::Content content = message_.content();
    TRY(content());  // the header lines, which are written already
    spoolfmt::WireToLf convert;
    std::string lines;
    while (true) {
      std::string_view piece = TRY(content());
      if (piece.empty()) break;
      if (message_.wire_format()) {
        lines.clear();
        convert.convert(piece, lines);
        piece = lines;
      }
      TRY(file.write(piece));
    }
    lines.clear();
    if (message_.wire_format()) convert.finish(lines);
    return file.write(lines);
  }

  // -D first: who finds -H has all of it.
  base::Result<void> copy_spool_files(const std::filesystem::path& directory) {
    TRY(make_directories(directory));
    std::string id = message_.id().str();
    std::string body = TRY(base::read_file(message_.message().path("-D"), ~0ULL));
    auto d_file = TRY(base::SafeFile::create(directory / ("tmp." + id + "-D")));
    TRY(d_file.write(body));
    TRY(d_file.commit(directory / (id + "-D")));
    TRY(spoolfmt::check_writable(message_.file()));
    auto h_file = TRY(spoolfmt::prepare_h_file(directory, message_.file()));
    return h_file.commit(directory / (id + "-H"));
  }

  const Outgoing& message_;
  const policy::Driver& transport_;
  spoolfmt::Queued queued_;
  RoutingContext context_;
  policy::Evaluation evaluation_;
  base::Time now_;
};

}  // namespace

Settlement deliver_locally(const Outgoing& message, RoutePhase& routes) {
  LocalDelivery delivery(message, routes);
  Settlement settlement;
  for (const Destination* target : message.targets()) {
    Verdict verdict;
    if (auto done = delivery.deliver(*target)) {
      verdict.kind = Verdict::Kind::delivered;
    } else {
      verdict.item = RetryItem::local;
      verdict.trouble.text = done.error().text;
      verdict.failure.text = done.error().text;
    }
    settlement.verdicts.push_back(std::move(verdict));
  }
  return settlement;
}

}  // namespace qrunner
