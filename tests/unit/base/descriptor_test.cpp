#include "base/descriptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace rebalance {
namespace {

bool is_open(int number) { return fcntl(number, F_GETFD) != -1; }
int opened() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

TEST(Descriptor, ClosesWhatItOwns) {
  int number = -1;
  {
    const Descriptor owner(opened());
    number = owner.number();
    ASSERT_TRUE(owner && is_open(number));
  }
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, ClosesWhatAnotherTakesThePlaceOf) {
  Descriptor owner(opened());
  const int number = owner.number();
  owner = Descriptor();
  EXPECT_FALSE(owner);
  EXPECT_FALSE(is_open(number));
}

TEST(Descriptor, OwnsNothingOnceMovedFrom) {
  Descriptor first(opened());
  const Descriptor second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_TRUE(is_open(second.number()));
}

}  // namespace
}  // namespace rebalance
