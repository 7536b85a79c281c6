// SPDX-License-Identifier: Apache-2.0
//
// From root to a user without rights, for good: credentials(7), capabilities(7).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

struct User {
  std::string name;
  uid_t id = 0;
  gid_t group = 0;
};

// Code::config: there is none of that name.
Result<User> find_user(std::string_view name);
// Whose file that is; an owner who is in no list of users has his number for a name.
Result<User> find_owner(const std::filesystem::path& path);

// This process is `user` from now on, with the groups that the system gives him, and
// has no capabilities; nor has anything that it starts.  Whoever is that user already
// need not be root; root who stays root has no more rights than what he owns gives him.
Result<void> become_unprivileged(const User& user);

}  // namespace base
