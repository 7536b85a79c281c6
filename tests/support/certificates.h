// SPDX-License-Identifier: Apache-2.0
//
// Certificates for tests of TLS, made once for a program (support/make-certificates).
#pragma once

#include <stdexcept>
#include <string>

#include "tests/support/cases.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace support {

// The path of one of them: certificate("mx.pem").
inline std::string certificate(const std::string& name) {
  static const TempDir directory;
  static const Outcome made =
      run({.program = (source_dir() / "tests/support/make-certificates").string(),
           .args = {directory.path().string()}});
  if (made.status != 0) throw std::runtime_error("make-certificates: " + made.err);
  return (directory / name).string();
}

}  // namespace support
