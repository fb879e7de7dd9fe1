// ominix-store-kills PULL-PROGRAM [--count N] [--seed S]
//
// Kills a process that pulls, replaces and removes a model at N random instants. After each, what
// is listed is whole, other models are untouched, nothing outside the store changed, and the next
// start takes at most 2 s. Now and then a pull may finish: it must reuse what was there.
#include <fmt/format.h>
#include <ominix/store.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>

#include "store/child.h"
#include "store/mirror.h"
#include "support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using namespace ominix;
using Clock = std::chrono::steady_clock;

void require(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

std::string text_of(size_t size, unsigned seed) {
  std::minstd_rand random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random() >> 8);
  return out;
}

uint64_t bytes_below(const fs::path& folder) {
  uint64_t sum = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error)) sum += it->file_size(error);
  }
  return sum;
}

struct Counts {
  int kills = 0, listed = 0, absent = 0, halves = 0, finished = 0;
  double longest = 0, least_reused = 1;
};

void run(const std::string& program, int count, unsigned seed, Counts& counts) {
  const testing::TempDir dir;
  const fs::path root = dir / "store";
  dir.write("outside", "untouched");
  testing::Mirror mirror;
  std::vector<testing::Mirror::Files> versions;
  versions.reserve(3);
  for (unsigned v = 0; v < 3; ++v) {
    versions.push_back({{"model.safetensors", {text_of(400'000, v)}},
                        {"config.json", {text_of(300, 10 + v), false}},
                        {"extra/shared.bin", {text_of(100'000, 99)}}});
  }
  mirror.publish("org/still", {{"model.safetensors", {text_of(50'000, 50)}}});
  PullOptions options{.endpoint = mirror.url()};
  Store(root).pull("org/still", options);

  std::mt19937 random(seed);
  for (int i = 0; i < count; ++i) {
    const unsigned v = random() % 3;
    mirror.publish("org/one", versions[v], std::string(40, static_cast<char>('a' + v)));
    mirror.bytes_per_ms = random() % 2 ? 1 << 20 : 20'000;
    testing::Child child({program, root.string(), mirror.url(), "org/one", "loop"}, {});
    require(child.pid() > 0, "cannot start " + program);
    ::usleep(random() % 60'000);
    ::kill(child.pid(), SIGKILL);
    child.wait();
    ++counts.kills;

    const auto start = Clock::now();
    const Store after(root);
    const auto models = after.list();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    counts.longest = std::max(counts.longest, seconds);
    require(seconds <= 2, fmt::format("the next start took {} s", seconds));
    for (const auto& model : models) {
      require(after.verify(model.id).empty(), model.id + " is listed and not whole");
    }
    require(after.find("org/still").has_value(), "org/still is gone");
    require(fs::exists(dir / "outside"), "a file outside is gone");
    ++(after.find("org/one") ? counts.listed : counts.absent);

    const uint64_t here = bytes_below(root / "downloads" / "org--one");
    if (here > 0) ++counts.halves;
    if (i % 10 != 9) continue;
    // A pull that may finish, and goes on with what is here of this version.
    uint64_t reusable = 0;
    for (const auto& [name, file] : versions[v]) {
      const std::string hash = file.lfs ? testing::sha256(file.bytes) : testing::git_id(file.bytes);
      for (const char* suffix : {"", ".part"}) {
        std::error_code error;
        const auto size = fs::file_size(root / "downloads" / "org--one" / (hash + suffix), error);
        if (!error) reusable += size;
      }
    }
    const PullResult result = Store(root).pull("org/one", options);
    if (reusable > 0) {
      const double share = static_cast<double>(std::min(result.reused_bytes, reusable)) /
                           static_cast<double>(reusable);
      counts.least_reused = std::min(counts.least_reused, share);
      require(share >= 0.9,
              fmt::format("only {} of {} bytes were reused", result.reused_bytes, reusable));
    }
    require(Store(root).verify("org/one").empty(), "the pull after a kill is not whole");
    ++counts.finished;
  }
  Store store(root);
  if (store.find("org/one")) store.remove("org/one");
  require(store.verify("org/still").empty(), "org/still changed");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  int count = 50;
  unsigned seed = 1;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--count") count = std::atoi(argv[i + 1]);
    if (option == "--seed") seed = static_cast<unsigned>(std::atoi(argv[i + 1]));
  }
  Counts counts;
  std::string problem;
  try {
    run(argv[1], count, seed, counts);
  } catch (const std::exception& e) {
    problem = e.what();
  }
  std::printf(
      "%d kills: model listed %d times, absent %d, half a download %d times; %d pulls finished "
      "after one, reusing at least %.1f %%; longest next start %.3f s\n",
      counts.kills, counts.listed, counts.absent, counts.halves, counts.finished,
      100 * counts.least_reused, counts.longest);
  if (!problem.empty()) std::printf("FAILED after kill %d: %s\n", counts.kills, problem.c_str());
  return problem.empty() ? 0 : 1;
}
