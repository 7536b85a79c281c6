// SPDX-License-Identifier: Apache-2.0
//
// The vocabulary of the ACL section (spec/policy.md 10.5 and 10.6): one table each of
// conditions and modifiers, of controls, and of what `verify` verifies.
//
// A row says where a word may stand and what it needs.  The tables drive the parser,
// the checks of phases, the hints for misspelt words and the reference page.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/parsing.h"
#include "policy/phase.h"
#include "policy/source.h"

namespace policy {

class Clause;
struct ClauseHead;

struct AclWord {
  enum class Kind : std::uint8_t { condition, modifier, control, verify };
  Kind kind;
  std::string_view name;
  Phases where;
  Feature feature = Feature::none;
  std::string_view argument;  // "TIME", "LIST of domains"; for options "only|..."
  std::string_view about;     // one line; for what is left out: why
  bool left_out = false;
  // Reads what follows the name.  Null after a complaint, and for controls and items.
  std::unique_ptr<const Clause> (*read)(const ClauseHead& head,
                                        const SourceText& argument,
                                        Parsing& parsing) = nullptr;
};

// Each sorted by name.
std::span<const AclWord> acl_words();
std::span<const AclWord> acl_controls();
std::span<const AclWord> acl_verify_items();

const AclWord* find_word(std::span<const AclWord> table, std::string_view name);
std::vector<std::string_view> names_of(std::span<const AclWord> table);
// "condition 'senders'", "control 'queue'", "verify item 'helo'".
std::string describe(const AclWord& word);
// Complains if `word` is left out or the program cannot serve it, and notes its phases.
// False if it cannot be used at all.
bool use_word(const AclWord& word, Origin origin, Parsing& parsing);

// Where words may stand.  What is no ACL may hold any of them: the context of whoever
// evaluates there decides what they find.
namespace points {

inline constexpr Phases kNoAcl = {Phase::router, Phase::transport, Phase::authenticator,
                                  Phase::retry, Phase::other};
inline constexpr Phases kAnywhere = Phases::all();
inline constexpr Phases kLocal = {Phase::not_smtp_start, Phase::not_smtp};
inline constexpr Phases kSmtp = ~kLocal;
inline constexpr Phases kRcpt = Phases{Phase::rcpt} | kNoAcl;
inline constexpr Phases kRecipients =
    Phases{Phase::rcpt, Phase::vrfy, Phase::data_prdr} | kNoAcl;
inline constexpr Phases kEnd = Phases{Phase::data, Phase::data_prdr} | kNoAcl;
inline constexpr Phases kEndOrLocal = kEnd | Phases{Phase::not_smtp};
// From MAIL to the end of data.
inline constexpr Phases kTransaction =
    Phases{Phase::mail, Phase::rcpt, Phase::predata,
           Phase::dkim, Phase::data, Phase::data_prdr} |
    kNoAcl;
inline constexpr Phases kEnvelope =
    Phases{Phase::mail, Phase::rcpt, Phase::predata} | kNoAcl;
// Anything about a message that is on its way in.
inline constexpr Phases kMessageAcls = kTransaction | kLocal;
inline constexpr Phases kSenders =
    ~Phases{Phase::connect, Phase::helo,          Phase::starttls, Phase::auth,
            Phase::vrfy,    Phase::expn,          Phase::etrn,     Phase::quit,
            Phase::notquit, Phase::not_smtp_start};

}  // namespace points

}  // namespace policy
