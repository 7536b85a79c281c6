// SPDX-License-Identifier: Apache-2.0
#include "net/tls.h"

namespace net {

struct TlsKeys::State {
  const base::Clock& clock;
};

TlsKeys::TlsKeys(const base::Clock& clock)
    : state_(std::make_unique<State>(State{clock})) {}
TlsKeys::~TlsKeys() = default;

base::Result<void> TlsKeys::check(const TlsSetting&) {
  return base::fail(base::Code::config, "TLS is not built yet");
}

}  // namespace net
