// SPDX-License-Identifier: Apache-2.0
//
// How the rows of the option tables are written: one short call each.
#pragma once

#include <string_view>

#include "policy/options.h"

namespace policy::table {

using T = OptionType;

// An option of all drivers of its section, or of those named.
constexpr OptionInfo row(std::string_view name, OptionType type,
                         std::string_view preset, std::string_view about,
                         std::string_view drivers = "") {
  return {
      .name = name, .type = type, .drivers = drivers, .preset = preset, .about = about};
}
// Known, and refused with the reason.
constexpr OptionInfo out(std::string_view name, std::string_view why,
                         std::string_view drivers = "") {
  return {.name = name, .type = T::text, .drivers = drivers, .left_out = why};
}
// Accepted for the sake of configurations written for Exim; does nothing here.
constexpr OptionInfo ignored(std::string_view name, OptionType type,
                             std::string_view about, std::string_view drivers = "") {
  return {
      .name = name, .type = type, .drivers = drivers, .about = about, .ignored = true};
}

constexpr OptionInfo mandatory(OptionInfo info) {
  info.mandatory = true;
  return info;
}
constexpr OptionInfo accumulates(OptionInfo info) {
  info.accumulates = true;
  return info;
}
constexpr OptionInfo secret(OptionInfo info) {
  info.secret = true;
  return info;
}
constexpr OptionInfo needs(Feature feature, OptionInfo info) {
  info.feature = feature;
  return info;
}

}  // namespace policy::table
