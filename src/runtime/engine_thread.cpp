#include "runtime/engine_thread.h"

namespace ominix::runtime {

EngineThread& EngineThread::instance() {
  static EngineThread* const thread = new EngineThread();  // never destroyed, see above
  return *thread;
}

EngineThread::EngineThread() {
  std::thread thread([this] { run(); });
  id_ = thread.get_id();
  thread.detach();
}

void EngineThread::post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  wake_.notify_one();
}

void EngineThread::run() {
  for (;;) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return !tasks_.empty(); });
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace ominix::runtime
