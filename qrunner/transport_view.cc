// SPDX-License-Identifier: Apache-2.0
#include "qrunner/transport_view.h"

#include <algorithm>

#include "policy/mail_address.h"
#include "policy/path_template.h"
#include "policy/routing.h"
#include "policy/variable_table.h"
#include "qrunner/smtp_settings.h"

namespace qrunner {

using policy::variable_id;

TransportView::TransportView(RoutePhase& routes, const policy::Driver& transport,
                             const spoolfmt::Queued& queued, std::string input)
    : transport_(transport),
      queued_(queued),
      context_(routes.policy(), queued, std::move(input), routes.clock().now(),
               routes.files(), routes.names()),
      evaluation_{.policy = routes.policy(),
                  .context = context_,
                  .phase = policy::Phase::transport} {}

void TransportView::show(std::span<const Destination* const> targets) {
  auto set = [this](policy::VariableId variable, std::string_view text) {
    context_.set_variable(variable, std::string(text));
  };
  auto common = [&](policy::VariableId variable, auto text_of) {
    std::string text(text_of(*targets.front()));
    bool all = std::ranges::all_of(
        targets, [&](const Destination* one) { return text_of(*one) == text; });
    set(variable, all ? text : "");
  };
  auto original = [this](const Destination& one) {
    return policy::take_apart(queued_.h.file.recipients[one.recipient].address);
  };
  common(variable_id("local_part"),
         [](const Destination& one) { return one.routed.local_part; });
  common(variable_id("local_part_data"),
         [](const Destination& one) { return one.routed.local_part_data; });
  common(variable_id("domain"),
         [](const Destination& one) { return policy::take_apart(one.unique).domain; });
  common(variable_id("domain_data"),
         [](const Destination& one) { return one.routed.domain_data; });
  common(variable_id("original_local_part"),
         [&](const Destination& one) { return original(one).local_part; });
  common(variable_id("original_domain"),
         [&](const Destination& one) { return original(one).domain; });
  const policy::RoutedAddress& routed = targets.front()->routed;
  set(variable_id("local_part_prefix"), routed.local_part_prefix);
  set(variable_id("local_part_suffix"), routed.local_part_suffix);
  set(variable_id("home"), routed.home);
  set(variable_id("router_name"), routed.router);
  set(variable_id("transport_name"), routed.transport);
  set(variable_id("address_data"), routed.address_data);
  for (const auto& [name, value] : routed.variables)
    context_.set_named_variable(name, value);
}

policy::Outcome<std::optional<std::string>> TransportView::text(
    std::string_view option) {
  return option_text(transport_, option, evaluation_);
}

policy::Outcome<std::optional<std::string>> TransportView::path(
    std::string_view option) {
  const policy::Template* text = transport_.options.expanded(option);
  if (!text) return std::nullopt;
  auto path = policy::expand_path(*text, evaluation_);
  if (path) return *std::move(path);
  if (path.error().kind == policy::Failure::Kind::forced) return std::nullopt;
  return std::unexpected(path.error());
}

policy::Outcome<HeaderChanges> TransportView::header_changes(
    const policy::RoutedAddress& routed) {
  HeaderChanges changes{routed.headers_add, routed.headers_remove};
  auto done =
      policy::add_header_changes(transport_, evaluation_, changes.add, changes.remove);
  if (!done) return std::unexpected(done.error());
  return changes;
}

void TransportView::set_home(std::string directory) {
  context_.set_variable(variable_id("home"), std::move(directory));
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
