// SPDX-License-Identifier: Apache-2.0
#include "utils/paper_context.h"

#include <algorithm>

#include "base/text.h"
#include "policy/mail_address.h"
#include "policy/variable_table.h"
#include "policy/verify.h"

namespace utils {

using policy::variable_id;

namespace {

// As a log has it: control characters escaped, backslashes as they are.
std::string logged(std::string_view text) {
  std::string out;
  while (true) {
    std::size_t end = text.find('\\');
    out += base::printable(text.substr(0, end));
    if (end == text.npos) return out;
    out += '\\';
    text.remove_prefix(end + 1);
  }
}

bool has_option(const policy::VerifyRequest& request, std::string_view name) {
  return std::ranges::find(request.options, name) != request.options.end();
}

}  // namespace

void PaperContext::forget_message() {
  std::erase_if(named, [](const auto& entry) {
    return entry.first.starts_with("acl_m") || entry.first.starts_with("r_");
  });
  for (const char* name :
       {"sender_address", "sender_address_local_part", "sender_address_domain",
        "return_path", "recipients", "recipients_list", "recipients_count",
        "rcpt_count", "rcpt_fail_count", "rcpt_defer_count", "message_exim_id",
        "message_size", "address_data", "sender_address_data", "sender_data",
        "queue_name"})
    variables.erase(name);
  clear_message();
  warned_.clear();
  changes = {};
  memory.end_message();
  frozen = queue_only = false;
  fake_code.clear();
  fake_text.clear();
}

policy::Outcome<std::string_view> PaperContext::variable(policy::VariableId id) {
  if (id == variable_id("headers_added")) {
    headers_added_ = changes.added();
    return headers_added_;
  }
  return ScriptedContext::variable(id);
}

policy::CheckResult PaperContext::verify_sender(const std::string& address,
                                                bool redirect_is_fine) {
  if (address.empty()) return {policy::Answer::yes, "", "", ""};
  auto result = policy::verify_address(
      policy_, address, policy::RoutePurpose::verify_sender, redirect_is_fine, *this);
  if (result.answer != policy::Answer::no) return result;
  result.user_message = "Verification failed for <" + address + ">\n" +
                        result.user_message + "\nSender verify failed";
  result.log_message = "Sender verify failed";
  return result;
}

policy::CheckResult PaperContext::verify_header_sender(bool redirect_is_fine) {
  policy::CheckResult result;
  for (std::string_view name : {"sender", "reply-to", "from"})
    for (const policy::HeaderLine& header : headers()) {
      if (!base::equal_nocase(header.name, name)) continue;
      std::string_view value = header.text.substr(header.text.find(':') + 1);
      for (const policy::MailAddress& address : policy::parse_mail_addresses(value)) {
        result = verify_sender(address.text(), redirect_is_fine);
        if (result.answer == policy::Answer::yes) return result;
      }
    }
  return {policy::Answer::no, "", "", "there is no valid sender in any header line"};
}

policy::Outcome<policy::CheckResult> PaperContext::verify(
    const policy::VerifyRequest& request) {
  auto scripted = ScriptedContext::verify(request);
  if (!verifications.empty()) return scripted;
  bool redirect_is_fine = has_option(request, "success_on_redirect");
  if (request.item == "header_sender") return verify_header_sender(redirect_is_fine);
  if (request.item == "sender")
    return verify_sender(
        request.address.empty() ? variables["sender_address"] : request.address,
        redirect_is_fine);
  if (request.item != "recipient") return scripted;
  return policy::verify_address(
      policy_, variables["local_part"] + "@" + variables["domain"],
      policy::RoutePurpose::verify_recipient, redirect_is_fine, *this);
}

void PaperContext::control(std::string_view name,
                           std::span<const std::string> options) {
  ScriptedContext::control(name, options);
  if (name == "freeze") frozen = true;
  if (name == "queue") queue_only = true;
  if (name == "caseful_local_part")
    variables["local_part"] = variables["original_local_part"];
  if (name == "caselower_local_part")
    variables["local_part"] = base::lower(variables["local_part"]);
  if (name != "fakereject" && name != "fakedefer") return;
  fake_code = name == "fakereject" ? "550" : "450";
  fake_text = options.empty() ? "The message is not accepted, but kept to be looked at."
                              : options.front();
}

void PaperContext::log(std::string_view logs, std::string_view text) {
  std::string line;
  if (logs == "warn") {
    if (!warned_.emplace(text).second) return;
    line = who + " Warning: ";
  }
  if (logs.empty()) return;
  lines.push_back(line + logged(text));
}

}  // namespace utils
