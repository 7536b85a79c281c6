// SPDX-License-Identifier: Apache-2.0
#include "receiver/script_verdict.h"

#include <algorithm>
#include <expected>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"

namespace receiver {

namespace {

using nlohmann::json;
using Kind = ScriptVerdict::Kind;

constexpr std::size_t kReplyLines = 4;
constexpr std::size_t kReplyLine = 400;
constexpr std::size_t kLogText = 1000;
constexpr std::size_t kHeaders = 20;
constexpr std::size_t kHeaderLine = 998;
constexpr std::size_t kVariables = 50;
constexpr std::size_t kTag = 64;

// Nothing, or what is wrong with the answer.
using Checked = std::expected<void, std::string>;

std::unexpected<std::string> wrong(std::string text) {
  return std::unexpected(std::move(text));
}

// One line's worth: CR, LF and NUL are gone, other control bytes and what is not ASCII
// are question marks.
std::string one_line(std::string_view text, std::size_t longest) {
  std::string line;
  for (char c : text) {
    if (line.size() == longest) break;
    if (c == '\r' || c == '\n' || c == '\0') continue;
    line += c >= ' ' && c < '\x7f' ? c : '?';
  }
  return line;
}

struct Row {
  int status;
  Kind kind;
  bool keep;
  smtp::Reply reply;
};

const smtp::Reply kError{451, "4.3.0", "Local trouble, try again later"};

const std::vector<Row>& rows() {
  static const smtp::Reply kPermanent{554, "5.7.1", "Message refused"};
  static const smtp::Reply kTemporary{451, "4.7.1", "Message refused for now"};
  static const std::vector<Row> kRows = {
      {0, Kind::pass, false, {}},         {10, Kind::fail, false, kPermanent},
      {11, Kind::fail, true, kPermanent}, {20, Kind::fail, false, kTemporary},
      {21, Kind::fail, true, kTemporary}, {30, Kind::stop, false, {}},
  };
  return kRows;
}

bool is_enhanced(std::string_view text, char kind) {
  // class.subject.detail, RFC 3463 section 2
  if (text.size() < 5 || text[0] != kind || text[1] != '.') return false;
  std::size_t dot = text.find('.', 2);
  if (dot == std::string_view::npos) return false;
  std::string_view subject = text.substr(2, dot - 2), detail = text.substr(dot + 1);
  return subject.size() <= 3 && detail.size() <= 3 && base::to_number(subject) &&
         base::to_number(detail);
}

// The reply's class is the exit status's; 421 and 521 would promise that the connection
// closes.
Checked take_reply(const json& answer, ScriptVerdict& verdict) {
  bool fails = verdict.kind == Kind::fail;
  int kind = fails ? verdict.reply.code / 100 : 2;
  if (auto code = answer.find("code"); code != answer.end()) {
    if (!code->is_number_integer()) return wrong("code is no number");
    auto number = code->get<std::int64_t>();
    if (number / 100 != kind || number % 100 == 21)
      return wrong("code " + std::to_string(number) + " does not fit the exit status");
    if (fails) verdict.reply.code = static_cast<int>(number);
  }
  if (auto enhanced = answer.find("enhanced"); enhanced != answer.end()) {
    if (!enhanced->is_string()) return wrong("enhanced is no string");
    const auto& text = enhanced->get_ref<const std::string&>();
    if (!is_enhanced(text, static_cast<char>('0' + kind)))
      return wrong("enhanced does not fit the exit status");
    if (fails) verdict.reply.enhanced = text;
  }
  if (auto text = answer.find("text"); text != answer.end()) {
    if (!text->is_array()) return wrong("text is no list");
    std::string lines;
    std::size_t count = 0;
    for (const json& line : *text) {
      if (!line.is_string()) return wrong("text is no list of strings");
      if (++count > kReplyLines) break;
      if (count > 1) lines += '\n';
      lines += one_line(line.get_ref<const std::string&>(), kReplyLine);
    }
    if (fails && !lines.empty()) verdict.reply.text = lines;
  }
  return {};
}

bool is_header(std::string_view line) {
  std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  return std::ranges::all_of(line.substr(0, colon),
                             [](char c) { return c > ' ' && c < '\x7f'; });
}

Checked take_headers(const json& list, ScriptVerdict& verdict) {
  if (!list.is_array()) return wrong("headers_add is no list");
  if (list.size() > kHeaders) return wrong("headers_add has too many lines");
  for (const json& header : list) {
    if (!header.is_string()) return wrong("headers_add is no list of strings");
    std::string line = one_line(header.get_ref<const std::string&>(), kHeaderLine);
    if (!is_header(line)) return wrong("headers_add has what is no header line");
    verdict.headers_add.push_back(std::move(line));
  }
  return {};
}

// Of the message alone: what lasts for the connection is the ACLs' affair.
bool is_variable(std::string_view name) {
  if (!name.starts_with("acl_m") || name.size() < 6 || name.size() > 64) return false;
  std::string_view rest = name.substr(5);
  if (rest.front() != '_' && !base::is_digit(rest.front())) return false;
  return std::ranges::all_of(rest, [](char c) {
    char letter = base::to_lower(c);
    return (letter >= 'a' && letter <= 'z') || base::is_digit(c) || c == '_';
  });
}

Checked take_variables(const json& vars, ScriptVerdict& verdict) {
  if (!vars.is_object()) return wrong("vars is no object");
  if (vars.size() > kVariables) return wrong("vars has too many members");
  for (const auto& [name, value] : vars.items()) {
    if (!is_variable(name) || !value.is_string())
      return wrong("vars are strings named acl_m_... or acl_m0 to acl_m9");
    verdict.vars[name] = value.get<std::string>();
  }
  return {};
}

Checked take_text(const json& answer, const char* key, std::string& target,
                  std::size_t longest) {
  auto text = answer.find(key);
  if (text == answer.end()) return {};
  if (!text->is_string()) return wrong(std::string(key) + " is no string");
  target = one_line(text->get_ref<const std::string&>(), longest);
  return {};
}

Checked take_answer(std::string_view output, ScriptVerdict& verdict) {
  if (output.find_first_not_of(" \t\r\n") == std::string_view::npos) return {};
  json answer = json::parse(output, nullptr, false);
  if (!answer.is_object()) return wrong("its output is no JSON object");
  if (auto taken = take_reply(answer, verdict); !taken) return taken;
  if (auto list = answer.find("headers_add"); list != answer.end())
    if (auto taken = take_headers(*list, verdict); !taken) return taken;
  if (auto vars = answer.find("vars"); vars != answer.end())
    if (auto taken = take_variables(*vars, verdict); !taken) return taken;
  if (auto taken = take_text(answer, "log", verdict.log, kLogText); !taken)
    return taken;
  return take_text(answer, "keep_tag", verdict.keep_tag, kTag);
}

ScriptVerdict error(std::string why) {
  ScriptVerdict verdict;
  verdict.reply = kError;
  verdict.why = std::move(why);
  return verdict;
}

ScriptVerdict judge(const Script& script, const ScriptExit& exit) {
  if (!exit.trouble.empty()) return error(exit.trouble);
  if (exit.timed_out) return error("no answer within its timeout");
  if (exit.signal != 0) return error("signal " + std::to_string(exit.signal));
  auto row = std::ranges::find(rows(), exit.status, &Row::status);
  if (row == rows().end()) return error("exit status " + std::to_string(exit.status));
  if (row->kind == Kind::stop && !script.may_stop)
    return error("exit status 30 without may_stop");
  if (exit.too_much) return error("its output is too long");
  ScriptVerdict verdict;
  verdict.kind = row->kind;
  verdict.keep = row->keep;
  verdict.reply = row->reply;
  if (auto taken = take_answer(exit.output, verdict); !taken)
    return error(taken.error());
  return verdict;
}

}  // namespace

ScriptVerdict judge_script(const Script& script, const ScriptExit& exit) {
  ScriptVerdict verdict = judge(script, exit);
  verdict.errors = exit.errors.substr(0, exit.errors.find_last_not_of("\r\n") + 1);
  return verdict;
}

std::string_view verdict_name(const ScriptVerdict& verdict) {
  switch (verdict.kind) {
    case Kind::pass:
    case Kind::stop:
      return "PASS";
    case Kind::fail:
      return verdict.keep ? "FAIL_KEEP" : "FAIL";
    case Kind::error:
      break;
  }
  return "ERROR";
}

}  // namespace receiver
