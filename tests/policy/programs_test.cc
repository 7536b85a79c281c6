// SPDX-License-Identifier: Apache-2.0
#include "policy/programs.h"

#include <gmock/gmock.h>

namespace policy {
namespace {

using ::testing::Contains;
using ::testing::Not;

TEST(Programs, HaveInMacrosWhatTheyServe) {
  Program receive = *find_program("receive");
  EXPECT_THAT(predefined_macros(receive), Contains("_HAVE_SRS"));
  EXPECT_THAT(predefined_macros(receive), Not(Contains("_HAVE_SPF")));
  receive.features[static_cast<std::size_t>(Feature::spf)] = true;
  EXPECT_THAT(predefined_macros(receive), Contains("_HAVE_SPF"));
  EXPECT_THAT(predefined_macros(Program::any()), Contains("_HAVE_SPF"));
}

TEST(Programs, AllHaveTheNamesOfTheLanguage) {
  Program nothing{.name = "nothing", .phases = {}};
  EXPECT_THAT(predefined_macros(nothing), Contains("_OPT_MAIN_QUALIFY_DOMAIN"));
  EXPECT_THAT(predefined_macros(nothing), Contains("_DRIVER_ROUTER_REDIRECT"));
}

}  // namespace
}  // namespace policy
