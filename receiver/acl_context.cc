// SPDX-License-Identifier: Apache-2.0
#include "receiver/acl_context.h"

#include <utility>

#include "receiver/rate_store.h"

namespace receiver {

AclContext::AclContext(const World& world, Client& client)
    : world_(world), client_(client) {}
AclContext::~AclContext() = default;

std::chrono::seconds AclContext::take_delay() {
  return std::exchange(delay_, {});
}
void AclContext::end_command() {}
void AclContext::end_message() {}
const HostNames& AclContext::look_up_client() {
  return client_.host;
}
std::string AclContext::who() const {
  return {};
}
policy::Outcome<std::string_view> AclContext::variable(policy::VariableId) {
  return std::string_view();
}
const std::string* AclContext::named_variable(std::string_view) {
  return nullptr;
}
void AclContext::set_named_variable(std::string_view, std::string) {}
void AclContext::set_variable(policy::VariableId, std::string) {}
std::span<const policy::HeaderLine> AclContext::headers() {
  return header_lines_;
}
policy::HostSubject AclContext::host() {
  return {client_.peer.address, client_.peer.port};
}
policy::Outcome<std::vector<std::string>> AclContext::host_names() {
  return look_up_client().names;
}
policy::Outcome<std::vector<std::string>> AclContext::addresses_of(std::string_view) {
  return {};
}
policy::Outcome<policy::DnsAnswer> AclContext::dns(std::string_view, std::string_view) {
  return policy::DnsAnswer();
}
std::span<const std::string> AclContext::local_addresses() {
  return {};
}
policy::Outcome<policy::CheckResult> AclContext::verify(const policy::VerifyRequest&) {
  return policy::CheckResult();
}
policy::Outcome<policy::CheckResult> AclContext::check(std::string_view,
                                                       std::string_view) {
  return policy::CheckResult();
}
policy::Outcome<void> AclContext::rate(
    std::string_view key,
    const std::function<bool(std::optional<policy::RateEntry>&)>& update) {
  auto done = world_.rates.update(key, update);
  if (!done) return policy::defer(std::move(done).error().text);
  return {};
}
void AclContext::add_header(policy::HeaderPlace place, std::string text) {
  changes.add(place, std::move(text));
}
void AclContext::remove_header(std::string name_or_pattern) {
  changes.remove(std::move(name_or_pattern));
}
void AclContext::control(std::string_view, std::span<const std::string>) {}
void AclContext::log(std::string_view, std::string_view) {}
void AclContext::delay(std::chrono::seconds time) {
  delay_ += time;
}
std::chrono::system_clock::time_point AclContext::now() {
  return world_.clock.now();
}

}  // namespace receiver
