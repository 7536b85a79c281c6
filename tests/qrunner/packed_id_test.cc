// SPDX-License-Identifier: Apache-2.0
#include "qrunner/packed_id.h"

#include <gtest/gtest.h>

namespace {

using qrunner::PackedId;
using spoolfmt::MessageId;

TEST(PackedId, GivesBackEveryIdOfBothForms) {
  for (const char* text : {"1xUj2S-000001-0X", "000000-000000-00", "zzzzzz-zzzzzz-zz",
                           "1xUj2S-000000054vY-1cBK", "000000-00000000000-0000",
                           "zzzzzz-zzzzzzzzzzz-zzzz", "abcdef-ghijklmnopq-rstu",
                           "ABCDEF-GHIJKLMNOPQ-RSTU", "012345-67890123456-7890"}) {
    MessageId id = *MessageId::parse(text);
    EXPECT_EQ(PackedId(id).id(), id) << text;
  }
}

TEST(PackedId, TellsTheFormsApart) {
  EXPECT_NE(PackedId(*MessageId::parse("000000-000000-00")),
            PackedId(*MessageId::parse("000000-00000000000-0000")));
  static_assert(sizeof(PackedId) == 16);
}

}  // namespace
