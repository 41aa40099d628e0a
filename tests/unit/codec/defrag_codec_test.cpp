#include "codec/defrag_codec.h"

#include <gtest/gtest.h>

namespace rebalance {
namespace {

TEST(DefragCodec, ReadsWhatItWrites) {
  const std::vector<DefragNote> notes{{"redis-0", "run-1"}, {"redis-1", "run-2"}};
  EXPECT_EQ(decode_defrag(encode_defrag(notes)), notes);
}

TEST(DefragCodec, RefusesWhatIsNone) {
  for (const char* text : {"", "{}", R"({"activeDefragWasOff": [{}]})"})
    EXPECT_FALSE(decode_defrag(text)) << text;
}

}  // namespace
}  // namespace rebalance
