// SPDX-License-Identifier: Apache-2.0
//
// Lists: whatever is written, reading it complains or gives a list, and asking that
// gives an answer that does not depend on how often it is asked.
//
// The first line is what is looked for, the first byte of the second is the kind.  The
// same text is also read as a file of elements and as one of keys and data.
#include <string>

#include "policy/expression.h"
#include "policy/list_reader.h"
#include "policy/policy.h"
#include "policy/scripted_context.h"
#include "policy/search_file.h"
#include "tests/fuzz/fuzz.h"

using fuzz::require;

namespace {

const policy::Policy& the_policy() {
  static const policy::Loaded loaded = [] {
    auto macros = policy::Macros::create({}, {});
    return policy::load_policy(
        "fuzz.conf",
        "primary_hostname = mx.test\ndomainlist d = a.test : !*.b : c\n"
        "hostlist h = 10.0.0.0/8 : !127.0.0.1 : *.x\naddresslist a = a@b : *@c : !d\n"
        "localpartlist l = root : *-x : ^a\n",
        *std::move(macros),
        [](const std::filesystem::path&) { return base::Result<std::string>(""); },
        policy::Program::any());
  }();
  require(loaded.policy != nullptr, "the policy is sound");
  return *loaded.policy;
}

// "yes", "no", or what went wrong.
std::string ask(const policy::List& list, policy::ListKind kind,
                std::string_view subject) {
  policy::ScriptedContext context;
  context.host_address = "10.1.2.3";
  context.names_of_host = {"mail.x"};
  policy::Evaluation evaluation{.policy = the_policy(), .context = context};
  policy::ListSubject wanted;
  (kind == policy::ListKind::host ? wanted.host.address : wanted.text) = subject;
  auto found = policy::match(list, wanted, evaluation);
  if (!found) {
    require(!found.error().text.empty(), "a failure says why");
    return found.error().text;
  }
  return (found->matched ? "yes " : "no ") + found->data;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using policy::ListKind;
  std::string_view text = fuzz::text_of(data, size);
  std::string_view subject = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(subject.size() + 1, text.size()));
  if (text.empty()) return 0;
  auto kind = static_cast<ListKind>(static_cast<unsigned char>(text[0]) % 6);
  text.remove_prefix(1);

  policy::Diagnostics diagnostics;
  auto list = policy::parse_lone_list(the_policy(), kind, text, policy::Program::any(),
                                      diagnostics);
  require(diagnostics.errors.size() <= policy::Diagnostics::kMost,
          "the number of errors is bounded");
  for (const auto& error : diagnostics.errors)
    require(!error.text.empty(), "an error says what is wrong");
  if (diagnostics.errors.empty()) {
    std::string first = ask(*list, kind, subject);
    require(ask(*list, kind, subject) == first, "the answer stays");
    policy::listnamed(*list, the_policy());
    policy::named_lists(*list);
  }

  auto lines = policy::read_list_file(kind, std::string(text), {});
  require(lines.has_value() || !lines.error().text.empty(), "a bad file says why");
  auto records = policy::SearchFile::parse(std::string(text));
  require(records.has_value(), "any text is a file of records");
  if (auto record = (*records)->find(subject))
    require((*records)->text().whole(*record).size() >=
                (*records)->text().data(*record).size(),
            "the whole has the data in it");
  auto wild = policy::WildFile::parse(std::string(text));
  if (wild) (void)(*wild)->find(subject);
  auto networks = policy::NetworkFile::parse(std::string(text));
  if (auto ip = policy::parse_ip(subject)) (void)(*networks)->find(*ip);
  return 0;
}
