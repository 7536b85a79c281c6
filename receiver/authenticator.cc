// SPDX-License-Identifier: Apache-2.0
#include "receiver/authenticator.h"

namespace receiver {

struct Authenticators::State {};
struct Authentication::Exchange {};

Authenticators::Authenticators(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
Authenticators::~Authenticators() = default;
base::Result<std::shared_ptr<Authenticators>> Authenticators::create(
    net::Loop&, std::shared_ptr<const policy::Policy>) {
  return std::shared_ptr<Authenticators>(new Authenticators(std::make_unique<State>()));
}
bool Authenticators::none() const {
  return true;
}

Authentication::Authentication(std::shared_ptr<Authenticators> all,
                               policy::Context& context, const Client& client)
    : all_(std::move(all)), context_(context), client_(client) {}
Authentication::~Authentication() = default;

asio::awaitable<std::vector<std::string>> Authentication::mechanisms(
    std::vector<std::string>&) {
  co_return std::vector<std::string>();
}
void Authentication::forget() {
  advertised_.clear();
}
asio::awaitable<AuthStep> Authentication::begin(std::string, std::optional<std::string>,
                                                bool) {
  co_return AuthStep();
}
asio::awaitable<AuthStep> Authentication::answer(std::string_view) {
  co_return AuthStep();
}
bool Authentication::under_way() const {
  return exchange_ != nullptr;
}
std::optional<Login> Authentication::by_certificate() {
  return std::nullopt;
}
bool Authentication::may_name_sender(const Login&) {
  return true;
}

}  // namespace receiver
