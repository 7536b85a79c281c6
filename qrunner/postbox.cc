// SPDX-License-Identifier: Apache-2.0
#include "qrunner/postbox.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <random>
#include <utility>

#include "base/text.h"
#include "base/version.h"
#include "qrunner/report_field.h"
#include "spoolfmt/d_file.h"
#include "spoolfmt/new_message.h"

namespace qrunner {

namespace {

using policy::LogItem;

constexpr std::size_t kPiece = 65536;
constexpr unsigned kIdTries = 5;

// Gives the body in pieces, its lines ended by LF.
template <class Each>
base::Result<void> for_each_piece(const ReturnedBody& body,
                                  const spoolfmt::MessageId& id, Each each) {
  std::string buffer(kPiece, '\0'), converted;
  spoolfmt::WireToLf wire;
  auto offset = static_cast<off_t>(id.first_line_length());
  while (true) {
    ssize_t count = 0;
    do count = ::pread(body.d_fd, buffer.data(), buffer.size(), offset);
    while (count < 0 && errno == EINTR);
    if (count < 0) return base::system_failure(id.str() + "-D", errno);
    offset += count;
    std::string_view piece(buffer.data(), static_cast<std::size_t>(count));
    if (body.wire_format) {
      converted.clear();
      count > 0 ? wire.convert(piece, converted) : wire.finish(converted);
      piece = converted;
    }
    TRY(each(piece));
    if (count == 0) return {};
  }
}

spoolfmt::Header header(char type, std::string text) {
  return {type, std::move(text)};
}

spoolfmt::Header header(std::string text) {
  char type = spoolfmt::header_type(text.substr(0, text.find(':')));
  return {type, std::move(text)};
}

}  // namespace

base::Result<ReportedMessage> reported_message(const spoolfmt::HFile& file,
                                               const ReturnedBody& body,
                                               const DsnSettings& settings) {
  ReportedMessage message = ReportedMessage::of(file);
  struct stat status{};
  if (::fstat(body.d_fd, &status) != 0)
    return base::system_failure(file.id.str() + "-D", errno);
  auto size = static_cast<std::uint64_t>(status.st_size);
  message.body_size = size - std::min<std::uint64_t>(size, file.id.first_line_length());
  if (settings.size_limit != 0 && message.body_size > settings.size_limit)
    return message;
  spoolfmt::BodyCounts counts;
  message.eight_bit_body = false;
  TRY(for_each_piece(body, file.id, [&](std::string_view piece) -> base::Result<void> {
    counts.add(piece);
    message.eight_bit_body = message.eight_bit_body || !is_ascii(piece);
    return {};
  }));
  message.longest_line = std::max(message.longest_line, counts.longest);
  return message;
}

std::string random_boundary() {
  std::random_device random;
  std::string text = "report-";
  for (int i = 0; i < 4; ++i)
    for (unsigned bits = random(), digit = 0; digit < 8; ++digit, bits >>= 4U)
      text += "0123456789abcdef"[bits & 15U];
  return text;
}

Postbox::Owner Postbox::current_owner() {
  Owner owner{.login = {}, .uid = ::getuid(), .gid = ::getgid()};
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found);
  owner.login = found ? found->pw_name : std::to_string(owner.uid);
  return owner;
}

Postbox::Postbox(const spoolfmt::Spool& spool, spoolfmt::MessageIdSource& ids,
                 base::MainLog& log, const base::Clock& clock, std::string hostname,
                 const policy::LogSelector& shown, bool message_logs, Owner owner)
    : spool_(spool),
      ids_(ids),
      log_(log),
      clock_(clock),
      hostname_(std::move(hostname)),
      shown_(shown),
      message_logs_(message_logs),
      owner_(std::move(owner)) {}

// One report on its way.
class Postbox::Letter {
 public:
  Letter(const Postbox& box, const Report& report, const spoolfmt::MessageId& about,
         base::Time now)
      : box_(box), report_(report), about_(about), now_(now) {}

  base::Result<spoolfmt::MessageId> post(const ReturnedBody& body) {
    auto message = TRY(create());
    TRY(write_body(message, body));
    spoolfmt::HFile file = h_file(message.id());
    TRY(message.commit(file));
    std::string arrival = describe(message, file);
    if (box_.message_logs_) message.log("Received from " + arrival, now_);
    std::string recipients;
    if (box_.shown_.has(LogItem::received_sender)) recipients += " from <>";
    if (box_.shown_.has(LogItem::received_recipients))
      recipients += " for " + report_.recipient;
    TRY(box_.log_.write(message.id().text(), "<= " + arrival + recipients));
    message.keep();
    return message.id();
  }

 private:
  // A clash of ids is somebody else's with our number, so another one is far away.
  base::Result<spoolfmt::NewMessage> create() const {
    for (unsigned tries = 1;; ++tries) {
      auto message = spoolfmt::NewMessage::create(box_.spool_, box_.ids_.next(now_));
      if (message || message.error().code != base::Code::temporary || tries >= kIdTries)
        return message;
      box_.ids_.avoid_others();
    }
  }

  base::Result<void> write_body(spoolfmt::NewMessage& message,
                                const ReturnedBody& body) {
    auto write = [&](std::string_view piece) -> base::Result<void> {
      counts_.add(piece);
      return message.write_body(piece);
    };
    TRY(write(report_.before));
    if (report_.returns_body) TRY(for_each_piece(body, about_, write));
    return write(report_.after);
  }

  spoolfmt::HFile h_file(const spoolfmt::MessageId& id) {
    spoolfmt::HFile file;
    file.id = id;
    file.login = box_.owner_.login;
    file.uid = box_.owner_.uid;
    file.gid = box_.owner_.gid;
    auto seconds = std::chrono::floor<std::chrono::seconds>(now_);
    file.received = seconds.time_since_epoch().count();
    file.headers = headers(id);
    std::uint64_t longest = counts_.longest;
    for (const auto& line : file.headers) {
      spoolfmt::BodyCounts one;
      one.add(line.text);
      longest = std::max(longest, one.longest);
    }
    file.set_value("received_time_usec", "." + six_digits(now_ - seconds));
    base::Time complete = std::max(box_.clock_.now(), now_);
    auto complete_seconds = std::chrono::floor<std::chrono::seconds>(complete);
    file.set_value("received_time_complete",
                   std::to_string(complete_seconds.time_since_epoch().count()) + "." +
                       six_digits(complete - complete_seconds));
    file.set_value("ident", box_.owner_.login);
    file.set_value("received_protocol", "local");
    file.set_value("body_linecount", std::to_string(counts_.lines));
    file.set_value("max_received_linelength", std::to_string(longest));
    if (counts_.zeros > 0)
      file.set_value("body_zerocount", std::to_string(counts_.zeros));
    if (!box_.owner_.auth_sender.empty())
      file.set_value("auth_sender", box_.owner_.auth_sender);
    for (const char* flag : {"allow_unqualified_recipient", "allow_unqualified_sender",
                             "deliver_firsttime", "localerror"})
      file.set_flag(flag);
    if (report_.utf8) file.set_flag("smtputf8");
    file.recipients.push_back({report_.recipient, {}, {}});
    return file;
  }

  std::vector<spoolfmt::Header> headers(const spoolfmt::MessageId& id) const {
    std::string date = base::format_mail_date(now_);
    std::vector<spoolfmt::Header> all;
    all.push_back(header(
        'P', "Received: from " + box_.owner_.login + " by " + box_.hostname_ +
                 " with local (bobbin " + std::string(base::kVersion) + ")\n\tid " +
                 id.str() + "\n\tfor " + report_.recipient + ";\n\t" + date + "\n"));
    for (const std::string& line : report_.headers) all.push_back(header(line));
    all.push_back(header('I', "Message-Id: <" + message_id(id) + ">\n"));
    all.push_back(header(' ', "Date: " + date + "\n"));
    return all;
  }

  // The log's text behind "<=", but for what only the main log shows.
  std::string describe(const spoolfmt::NewMessage& message,
                       const spoolfmt::HFile& file) const {
    const policy::LogSelector& shown = box_.shown_;
    std::uint64_t size = file.header_size() + 1 + message.body_size();
    std::string text = "<> R=" + about_.str() + " U=" + box_.owner_.login +
                       " P=local S=" + std::to_string(size);
    if (shown.has(LogItem::eight_bit_mime)) text += " M8S=0";
    if (!box_.spool_.queue().empty()) text += " Q=" + box_.spool_.queue();
    if (shown.has(LogItem::msg_id_created)) text += " id*=" + message_id(message.id());
    if (shown.has(LogItem::subject)) text += subject(file);
    return text;
  }

  static std::string subject(const spoolfmt::HFile& file) {
    for (const auto& line : file.headers)
      if (line.text.starts_with("Subject: "))
        return " T=\"" + clean_line(line.text.substr(9), Letters::utf8) + "\"";
    return {};
  }

  std::string message_id(const spoolfmt::MessageId& id) const {
    return "E" + id.str() + "@" + box_.hostname_;
  }

  static std::string six_digits(std::chrono::microseconds part) {
    std::string digits = std::to_string(1'000'000 + part.count());
    return digits.substr(1);
  }

  const Postbox& box_;
  const Report& report_;
  const spoolfmt::MessageId& about_;
  base::Time now_;
  spoolfmt::BodyCounts counts_;
};

base::Result<spoolfmt::MessageId> Postbox::post(const Report& report,
                                                const spoolfmt::MessageId& about,
                                                const ReturnedBody& body) const {
  return Letter(*this, report, about, clock_.now()).post(body);
}

}  // namespace qrunner
