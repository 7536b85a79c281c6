// SPDX-License-Identifier: Apache-2.0
#include "qrunner/local_delivery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "base/safe_file.h"
#include "base/text.h"
#include "policy/option_value.h"
#include "policy/source.h"
#include "qrunner/transport_view.h"
#include "spoolfmt/d_file.h"

namespace qrunner {

namespace {

// One transport's work for one message.
class LocalDelivery {
 public:
  LocalDelivery(const Outgoing& message, RoutePhase& routes)
      : message_(message),
        transport_(*message.site().transport),
        queued_(message.queued()),
        view_(routes, transport_, queued_, message.message().directory_name()),
        hostname_(routes.policy().primary_hostname),
        now_(routes.clock().now()) {}

  Verdict deliver(const Destination& to) {
    auto limit = prepare(to);
    if (!limit) return put_off(limit.error());
    auto size = static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, queued_.message_size().value_or(0)));
    if (*limit > 0 && size > *limit) return too_big(*limit);
    auto done = write(to);
    if (!done) return put_off(done.error());
    Verdict verdict;
    verdict.kind = Verdict::Kind::delivered;
    return verdict;
  }

 private:
  static Verdict put_off(const base::Error& error) {
    Verdict verdict;
    verdict.item = RetryItem::local;
    // The one number that retry rules have a word for.
    if (error.code == base::Code::no_space) verdict.trouble.number = ENOSPC;
    verdict.trouble.text = error.text;
    verdict.failure.error = verdict.trouble.number;
    verdict.failure.text = error.text;
    return verdict;
  }

  static Verdict too_big(std::uint64_t limit) {
    Verdict verdict;
    verdict.kind = Verdict::Kind::failed;
    verdict.trouble.text =
        "message is too big (transport limit = " + std::to_string(limit) + ")";
    verdict.status = "5.2.3";  // RFC 3463: longer than the administrative limit
    return verdict;
  }

  // Shows expansions the address.  The largest message that it takes; 0: any.
  base::Result<std::uint64_t> prepare(const Destination& to) {
    const Destination* one = &to;
    view_.show({&one, 1});
    if (auto home = TRY(known(view_.path("home_directory"))))
      view_.set_home(*std::move(home));
    return_path_ = TRY(known(view_.return_path(message_.envelope().sender)));
    auto limit = TRY(text_of("message_size_limit"));
    if (!limit || policy::trimmed(*limit).empty()) return 0;
    auto number = policy::parse_integer(policy::trimmed(*limit));
    if (!number)
      return base::fail(base::Code::config, "message_size_limit of transport " +
                                                transport_.name + ": " +
                                                number.error().text);
    return *number;
  }

  base::Result<void> write(const Destination& to) {
    auto directory = TRY(known(view_.path("directory")));
    if (!directory)
      return base::fail(base::Code::config,
                        "transport " + transport_.name + " has no directory");
    if (!directory->starts_with('/'))
      return base::fail(base::Code::config, *directory + " is not an absolute path");
    if (transport_.driver == "queuefile") return copy_spool_files(*directory);
    return to_maildir(*directory, to);
  }

  // ---- options

  bool is_set(std::string_view option, bool otherwise = false) const {
    return transport_.options.boolean(option, otherwise);
  }

  // What could not be expanded is the configuration's fault.
  template <class Value>
  static base::Result<Value> known(policy::Outcome<Value> value) {
    if (!value) return base::fail(base::Code::config, value.error().text);
    return *std::move(value);
  }

  base::Result<std::optional<std::string>> text_of(std::string_view option) {
    return known(view_.text(option));
  }

  // ---- files

  base::Result<void> make_directories(const std::filesystem::path& path) {
    if (!is_set("create_directory", true)) return {};
    auto mode = static_cast<mode_t>(transport_.options.integer("directory_mode", 0700));
    std::filesystem::path made;
    for (const auto& part : path) {
      made /= part;
      bool fresh = ::mkdir(made.c_str(), 0700) == 0;
      if (!fresh && errno != EEXIST) return base::system_failure(made.string(), errno);
      // Whatever the umask is.
      if (fresh && ::chmod(made.c_str(), mode) != 0)
        return base::system_failure(made.string(), errno);
    }
    return {};
  }

  // The header lines that a last hop adds (Exim manual, "Generic options for
  // transports"), then those that are sent.
  base::Result<std::string> head(const Destination& to) {
    std::string out;
    if (is_set("return_path_add")) out += "Return-path: <" + return_path_ + ">\n";
    if (is_set("envelope_to_add"))
      out += "Envelope-to: " + message_.recipient(to).address + "\n";
    if (is_set("delivery_date_add"))
      out += "Delivery-date: " + base::format_mail_date(now_) + "\n";
    auto changes = TRY(known(view_.header_changes(to.routed)));
    return out + sent_headers(message_.file(), changes);
  }

  base::Result<void> to_maildir(const std::filesystem::path& directory,
                                const Destination& to) {
    bool no_head = is_set("body_only"), no_body = is_set("headers_only");
    if (no_head && no_body)
      return base::fail(base::Code::config,
                        "transport " + transport_.name +
                            ": body_only and headers_only exclude each other");
    std::string lines = no_head ? "" : TRY(head(to));
    std::string prefix = TRY(text_of("message_prefix")).value_or("");
    std::string suffix = TRY(text_of("message_suffix")).value_or("");
    std::string tag = TRY(text_of("maildir_tag")).value_or("");
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
                       "." + hostname_;
    auto file = TRY(base::SafeFile::create(directory / "tmp" / name));
    auto mode = static_cast<mode_t>(transport_.options.integer("mode", 0600));
    if (::fchmod(file.fd(), mode) != 0)
      return base::system_failure((directory / "tmp" / name).string(), errno);
    TRY(file.write(prefix));
    TRY(write_lines(file, lines));
    if (!no_body) TRY(write_body(file));
    TRY(file.write(suffix));
    TRY(file.sync());
    TRY(file.rename_to(directory / "new" / (name + tag)));
    return base::sync_directory(directory / "new");
  }

  // `lines` end in LF.
  base::Result<void> write_lines(base::SafeFile& file, std::string_view lines) const {
    if (!is_set("use_crlf")) return file.write(lines);
    std::string wire;
    for (char c : lines) {
      if (c == '\n') wire += '\r';
      wire += c;
    }
    return file.write(wire);
  }

  // Calls `take` for each piece of the body as -D has it.
  template <class Take>
  base::Result<void> read_body(Take take) const {
    net::Content content = message_.content();
    TRY(content());  // the header lines
    while (true) {
      std::string_view piece = TRY(content());
      if (piece.empty()) return {};
      TRY(take(piece));
    }
  }

  base::Result<void> write_body(base::SafeFile& file) const {
    if (!message_.wire_format())
      return read_body(
          [&](std::string_view piece) { return write_lines(file, piece); });
    spoolfmt::WireToLf convert;
    std::string lines;
    TRY(read_body([&](std::string_view piece) {
      lines.clear();
      convert.convert(piece, lines);
      return write_lines(file, lines);
    }));
    lines.clear();
    convert.finish(lines);
    return write_lines(file, lines);
  }

  // -D first: who finds -H has all of it.
  base::Result<void> copy_spool_files(const std::filesystem::path& directory) {
    TRY(make_directories(directory));
    std::string id = message_.id().str();
    auto d_file = TRY(base::SafeFile::create(directory / ("tmp." + id + "-D")));
    TRY(d_file.write(spoolfmt::d_first_line(message_.id())));
    TRY(read_body([&](std::string_view piece) { return d_file.write(piece); }));
    TRY(d_file.commit(directory / (id + "-D")));
    TRY(spoolfmt::check_writable(message_.file()));
    auto h_file = TRY(spoolfmt::prepare_h_file(directory, message_.file()));
    return h_file.commit(directory / (id + "-H"));
  }

  const Outgoing& message_;
  const policy::Driver& transport_;
  spoolfmt::Queued queued_;
  TransportView view_;
  const std::string& hostname_;
  base::Time now_;
  std::string return_path_;
};

}  // namespace

Settlement deliver_locally(const Outgoing& message, RoutePhase& routes) {
  LocalDelivery delivery(message, routes);
  Settlement settlement;
  for (const Destination* target : message.targets())
    settlement.verdicts.push_back(delivery.deliver(*target));
  return settlement;
}

}  // namespace qrunner
