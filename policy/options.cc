// SPDX-License-Identifier: Apache-2.0
#include "policy/options.h"

namespace policy {

const OptionValue* Options::find(std::string_view name) const {
  auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second.front();
}

std::span<const OptionValue> Options::all(std::string_view name) const {
  auto found = values_.find(name);
  if (found == values_.end()) return {};
  return found->second;
}

bool Options::boolean(std::string_view name, bool otherwise) const {
  const OptionValue* option = find(name);
  return option ? std::get<bool>(option->value) : otherwise;
}

std::int64_t Options::integer(std::string_view name, std::int64_t otherwise) const {
  const OptionValue* option = find(name);
  return option ? std::get<std::int64_t>(option->value) : otherwise;
}

std::chrono::seconds Options::time(std::string_view name,
                                   std::chrono::seconds otherwise) const {
  const OptionValue* option = find(name);
  return option ? std::get<std::chrono::seconds>(option->value) : otherwise;
}

std::string_view Options::text(std::string_view name,
                               std::string_view otherwise) const {
  const OptionValue* option = find(name);
  return option ? std::get<std::string>(option->value) : otherwise;
}

const Template* Options::expanded(std::string_view name) const {
  const OptionValue* option = find(name);
  return option ? std::get_if<Template>(&option->value) : nullptr;
}

const List* Options::list(std::string_view name) const {
  const OptionValue* option = find(name);
  return option ? std::get<ListPtr>(option->value).get() : nullptr;
}

const AclChoice* Options::acl(std::string_view name) const {
  const OptionValue* option = find(name);
  return option ? std::get<std::shared_ptr<const AclChoice>>(option->value).get()
                : nullptr;
}

void Options::add(OptionValue value) {
  std::vector<OptionValue>& values = values_[std::string(value.info->name)];
  values.push_back(std::move(value));
}

void parse_option(const SourceText&, std::span<const OptionInfo>, std::string_view,
                  Options&, Parsing&) {}

std::span<const OptionInfo> main_option_table() {
  return {};
}
std::span<const OptionInfo> router_option_table() {
  return {};
}
std::span<const OptionInfo> transport_option_table() {
  return {};
}
std::span<const OptionInfo> authenticator_option_table() {
  return {};
}

}  // namespace policy
