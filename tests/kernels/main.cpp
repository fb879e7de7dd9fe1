#include <gtest/gtest.h>

#include "kernels/device.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  ominix::kernels::start();
  return RUN_ALL_TESTS();
}
