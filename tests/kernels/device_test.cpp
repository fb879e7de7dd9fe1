#include <dlfcn.h>
#include <sys/stat.h>

#include <cstdlib>
#include <thread>

#include "base/error.h"
#include "kernels/host_op.h"
#include "kernels/parallel.h"
#include "support.h"
#include "support/expect_error.h"

namespace ominix::kernels {
namespace {

// What libmlx itself finds under the name.
const char* owner(const char* symbol) {
  Dl_info info{};
  const void* found = ::dlsym(RTLD_DEFAULT, symbol);
  return found && ::dladdr(found, &info) ? info.dli_fname : "";
}

TEST(Device, MlxMultipliesWithOurLibrary) {
  Dl_info self{};
  ASSERT_NE(::dladdr(reinterpret_cast<const void*>(&best_isa), &self), 0);
  for (const char* name : {"cblas_sgemm", "cblas_dgemm", "cblas_cgemm"}) {
    EXPECT_STREQ(owner(name), self.dli_fname) << name;
  }
  EXPECT_THAT(matmul_library(), ::testing::HasSubstr("oneDNN"));
}

TEST(Device, SaysThatProductsAreSlow) {
  EXPECT_FALSE(matmul_advice(25, 220, "oneDNN").has_value());
  const auto advice = matmul_advice(5.2, 220, "libblas.so.3");
  ASSERT_TRUE(advice.has_value());
  EXPECT_THAT(*advice, ::testing::AllOf(::testing::HasSubstr("5.2"), ::testing::HasSubstr("220"),
                                        ::testing::HasSubstr("libblas.so.3")));
}

TEST(Device, MatrixProductsThroughMlx) {
  for (const auto& [m, n, k] : {std::tuple{1, 1, 1}, {3, 5, 7}, {17, 33, 65}, {64, 1, 300}}) {
    const auto a = random_array({m, k}, 1), b = random_array({k, n}, 2);
    const auto va = values(a), vb = values(b);
    std::vector<float> want(m * n);
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int l = 0; l < k; l++) sum += static_cast<double>(va[i * k + l]) * vb[l * n + j];
        want[i * n + j] = static_cast<float>(sum);
      }
    }
    EXPECT_LT(relative_error(values(mx::matmul(a, b)), want), 1e-5);
    const auto at = mx::contiguous(mx::transpose(a)), bt = mx::contiguous(mx::transpose(b));
    EXPECT_LT(relative_error(values(mx::matmul(mx::transpose(at), mx::transpose(bt))), want), 1e-5);
    const auto c = random_array({m, n}, 3);
    const auto vc = values(c);
    std::vector<float> sum(want);
    for (size_t i = 0; i < sum.size(); i++) sum[i] = 2.0f * want[i] + 0.5f * vc[i];
    EXPECT_LT(relative_error(values(mx::addmm(c, a, b, 2.0f, 0.5f)), sum), 1e-5);
    const auto wide = mx::matmul(mx::astype(a, mx::float64, mx::Device::cpu),
                                 mx::astype(b, mx::float64, mx::Device::cpu), mx::Device::cpu);
    EXPECT_LT(relative_error(values(mx::astype(wide, mx::float32, mx::Device::cpu)), want), 1e-6);
    const auto complex = mx::matmul(mx::astype(a, mx::complex64), mx::astype(b, mx::complex64));
    EXPECT_LT(relative_error(values(mx::real(complex)), want), 1e-5);
  }
}

TEST(Device, ComplexProductConjugates) {
  const auto i = array(std::complex<float>(0, 1));
  const auto a = mx::add(random_array({5, 7}, 1), mx::multiply(i, random_array({5, 7}, 2)));
  const auto b = mx::add(random_array({7, 3}, 3), mx::multiply(i, random_array({7, 3}, 4)));
  const auto product = mx::matmul(a, b);
  const auto one_by_one = mx::sum(mx::multiply(mx::expand_dims(a, 2), mx::expand_dims(b, 0)), 1);
  EXPECT_LT(relative_error(values(mx::real(product)), values(mx::real(one_by_one))), 1e-5);
  EXPECT_LT(relative_error(values(mx::imag(product)), values(mx::imag(one_by_one))), 1e-5);
}

TEST(Device, Describes) {
  EXPECT_GE(cpu_info().cores, 1);
  const GpuInfo gpu = gpu_info();
  EXPECT_NE(gpu.available, !gpu.reason.empty());
  EXPECT_EQ(usable_isas().back(), best_isa());
}

TEST(Device, TemporaryFolderIsPrivate) {
  struct stat folder{};
  ASSERT_EQ(::stat(std::getenv("TMPDIR"), &folder), 0);
  EXPECT_EQ(folder.st_mode & 0777, 0700u);
}

TEST(Device, OneEngineThread) {
  std::thread([] {
    EXPECT_ERROR(check_engine_thread(), ErrorCode::internal, "engine thread");
    EXPECT_ERROR(start(), ErrorCode::internal, "engine thread");
  }).join();
  check_engine_thread();
}

TEST(Device, OnlyTheStreamThreadEntersThePool) {
  RestoreDevice restore;
  start({.threads = 2});
  const auto nothing = [](int64_t, int64_t, int) {};
  on_stream([&] { parallel(2, 1, nothing); });
  EXPECT_ERROR(parallel(2, 1, nothing), ErrorCode::internal, "second thread");
}

TEST(Device, ThreadsCoverEverythingOnce) {
  RestoreDevice restore;
  for (const int count : {1, 2, 5}) {
    start({.threads = count});
    for (const int64_t units : {0, 1, 7, 100}) {
      std::vector<std::atomic<int>> seen(units);
      on_stream([&] {
        parallel(units, 3, [&](int64_t begin, int64_t end, int thread) {
          EXPECT_LT(thread, count);
          for (int64_t i = begin; i < end; i++) seen[i]++;
        });
      });
      for (const auto& n : seen) EXPECT_EQ(n, 1);
    }
  }
}

TEST(Device, ATeamRunsManyLoops) {
  RestoreDevice restore;
  for (const int count : {1, 2, 2, 5}) {  // the first time is no team yet
    start({.threads = count});
    on_stream([&] {
      as_team([&] {
        for (int loop = 0; loop < 300; loop++) {
          const int64_t units = loop * 7 % 41;
          std::vector<int> seen(units);
          parallel(units, 1 + loop % 3, [&](int64_t begin, int64_t end, int) {
            for (int64_t i = begin; i < end; i++) seen[i]++;
          });
          EXPECT_EQ(seen, std::vector<int>(units, 1)) << "loop " << loop;
        }
      });
    });
    EXPECT_ERROR(
        on_stream([] { as_team([] { throw fail(ErrorCode::io, "kernels: the well is dry"); }); }),
        ErrorCode::io, "well");
  }
}

TEST(Device, TasksReportErrors) {
  EXPECT_ERROR(on_stream([] { throw fail(ErrorCode::io, "here"); }), ErrorCode::io, "here");
  array bad =
      host_op("bad", {}, {1}, mx::float32, [](auto, auto) { throw fail(ErrorCode::io, "there"); });
  EXPECT_EVAL_ERROR(bad.eval(), "there");
}

}  // namespace
}  // namespace ominix::kernels
