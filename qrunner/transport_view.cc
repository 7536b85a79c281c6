// SPDX-License-Identifier: Apache-2.0
#include "qrunner/transport_view.h"

#include <algorithm>

#include "policy/mail_address.h"
#include "policy/routing.h"
#include "policy/variable_table.h"
#include "qrunner/smtp_settings.h"

namespace qrunner {

using policy::variable_id;

TransportView::TransportView(RoutePhase& routes, const policy::Driver& transport,
                             const spoolfmt::Queued& queued,
                             std::filesystem::path input)
    : transport_(transport),
      queued_(queued),
      context_(routes.policy(), queued, std::move(input), routes.clock().now(),
               routes.files(), routes.names()),
      evaluation_{.policy = routes.policy(),
                  .context = context_,
                  .phase = policy::Phase::transport} {}

void TransportView::show(std::span<Destination* const> targets) {
  auto common = [&](policy::VariableId variable, auto text_of) {
    std::string text(text_of(*targets.front()));
    bool all = std::ranges::all_of(
        targets, [&](const Destination* one) { return text_of(*one) == text; });
    context_.set_variable(variable, all ? std::move(text) : std::string());
  };
  auto parts = [](const Destination& one) { return policy::take_apart(one.unique); };
  auto original = [this](const Destination& one) {
    return policy::take_apart(queued_.h.file.recipients[one.recipient].address);
  };
  common(variable_id("local_part"),
         [&](const auto& one) { return parts(one).local_part; });
  common(variable_id("domain"), [&](const auto& one) { return parts(one).domain; });
  common(variable_id("original_local_part"),
         [&](const auto& one) { return original(one).local_part; });
  common(variable_id("original_domain"),
         [&](const auto& one) { return original(one).domain; });
  const policy::RoutedAddress& routed = targets.front()->routed;
  context_.set_variable(variable_id("router_name"), routed.router);
  context_.set_variable(variable_id("transport_name"), routed.transport);
  context_.set_variable(variable_id("address_data"), routed.address_data);
  context_.set_variable(variable_id("local_part_prefix"), routed.local_part_prefix);
  context_.set_variable(variable_id("local_part_suffix"), routed.local_part_suffix);
  for (const auto& [name, value] : routed.variables)
    context_.set_named_variable(name, value);
}

policy::Outcome<std::optional<std::string>> TransportView::text(
    std::string_view option) {
  return option_text(transport_, option, evaluation_);
}

policy::Outcome<HeaderChanges> TransportView::header_changes(
    const policy::RoutedAddress& routed) {
  HeaderChanges changes{routed.headers_add, routed.headers_remove};
  auto done =
      policy::add_header_changes(transport_, evaluation_, changes.add, changes.remove);
  if (!done) return std::unexpected(done.error());
  return changes;
}

policy::Outcome<std::string> TransportView::return_path(const std::string& sender) {
  context_.set_variable(variable_id("return_path"), sender);
  auto own = text("return_path");
  if (!own) return std::unexpected(own.error());
  std::string path = own->value_or(sender);
  context_.set_variable(variable_id("return_path"), path);
  return path;
}

}  // namespace qrunner
