// SPDX-License-Identifier: Apache-2.0
#include "policy/authresults.h"

#include <algorithm>

#include "policy/variable_table.h"

namespace policy {

namespace {

// A word for the header: what a stranger chose cannot end a result or begin a header.
std::string word(std::string_view text) {
  std::string clean;
  for (char c : text)
    if (c > ' ' && c < 0x7f && !std::string_view(";()\"\\<>").contains(c)) clean += c;
  return clean;
}

class Results {
 public:
  explicit Results(Context& context) : context_(context) {}

  std::string value(VariableId id) {
    auto value = context_.variable(id);
    return value ? word(*value) : std::string();  // not known now is not known
  }
  void add(std::string_view result) { text_ += ";\n\t" + std::string(result); }
  // " smtp.auth=joe", or nothing.
  std::string property(std::string_view name, VariableId id) {
    std::string text = value(id);
    return text.empty() ? text : " " + std::string(name) + "=" + text;
  }
  const std::string& text() const { return text_; }

 private:
  Context& context_;
  std::string text_;
};

void add_iprev(Results& results) {
  std::string result;
  if (std::string name = results.value(variable_id("sender_host_name")); !name.empty())
    result = "iprev=pass (" + name + ")";
  else if (results.value(variable_id("host_lookup_deferred")) == "1")
    result = "iprev=temperror";
  else if (results.value(variable_id("host_lookup_failed")) == "1")
    result = "iprev=fail";
  else
    return;
  results.add(result +
              results.property("smtp.remote-ip", variable_id("sender_host_address")));
}

void add_auth(Results& results) {
  std::string by = results.value(variable_id("sender_host_authenticated"));
  if (by.empty()) return;
  results.add("auth=pass (" + by + ")" +
              results.property("smtp.auth", variable_id("authenticated_id")));
}

void add_spf(Results& results) {
  std::string result = results.value(variable_id("spf_result"));
  if (result.empty()) return;
  std::string used = results.value(variable_id("sender_address_domain"));
  results.add("spf=" + result +
              (used.empty()
                   ? results.property("smtp.helo", variable_id("sender_helo_name"))
                   : " smtp.mailfrom=" + used));
}

void add_dkim(Results& results) {
  std::string result = results.value(variable_id("dkim_verify_status"));
  if (result.empty()) return;
  results.add("dkim=" + result +
              results.property("header.d", variable_id("dkim_domain")) +
              results.property("header.s", variable_id("dkim_selector")) +
              results.property("header.a", variable_id("dkim_algo")));
}

void add_dmarc(Results& results) {
  std::string result = results.value(variable_id("dmarc_status"));
  if (result.empty()) return;
  // RFC 7489 knows pass and fail; what is to be done about a fail is a property.
  constexpr auto kFails = std::to_array<std::string_view>({"reject", "quarantine"});
  bool fails = std::ranges::find(kFails, result) != kFails.end();
  results.add("dmarc=" +
              (fails                ? "fail"
               : result == "accept" ? "pass"
                                    : result) +
              results.property("header.from", variable_id("dmarc_used_domain")));
}

void add_arc(Results& results) {
  std::string result = results.value(variable_id("arc_state"));
  if (result.empty()) return;
  results.add("arc=" + result +
              results.property("arc.oldest-pass", variable_id("arc_oldest_pass")));
}

}  // namespace

Outcome<std::string> authentication_results(std::string_view host, Context& context) {
  Results results(context);
  if (context.host().address.empty()) {
    if (std::string from = results.value(variable_id("sender_ident")); !from.empty())
      results.add("local=pass smtp.mailfrom=" + from);
  }
  add_iprev(results);
  add_auth(results);
  add_spf(results);
  add_dkim(results);
  add_dmarc(results);
  add_arc(results);
  return "Authentication-Results: " + std::string(host) +
         (results.text().empty() ? "; none" : results.text());
}

}  // namespace policy
