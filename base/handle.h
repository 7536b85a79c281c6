// SPDX-License-Identifier: Apache-2.0
//
// An owner for the objects of C libraries: Handle<pcre2_code, pcre2_code_free>.
#pragma once

#include <memory>

namespace base {

template <auto release>
struct Release {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

template <class T, auto release>
using Handle = std::unique_ptr<T, Release<release>>;

}  // namespace base
