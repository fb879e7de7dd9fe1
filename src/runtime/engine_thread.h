#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <thread>

namespace ominix::runtime {

// The one thread of the process that makes MLX calls. It starts with the first Engine and lives as
// long as the process: MLX's streams belong to their thread and are never freed. Tasks run in
// order; each is short (one step of the running texts) or rare (loading).
class EngineThread {
 public:
  static EngineThread& instance();

  void post(std::function<void()> task);
  bool is_current() const { return std::this_thread::get_id() == id_; }

  // Runs `task` there and waits for it; what it throws is thrown here.
  template <class F>
  auto call(F task) {
    std::packaged_task<decltype(task())()> packaged(std::move(task));
    auto result = packaged.get_future();
    post([&] { packaged(); });
    return result.get();
  }

 private:
  EngineThread();
  void run();

  std::thread::id id_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
};

}  // namespace ominix::runtime
