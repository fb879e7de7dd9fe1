#pragma once

#include <ominix/engine.h>

#include <map>
#include <memory>

#include "kernels/kernels.h"
#include "runtime/engine_thread.h"
#include "runtime/text_batch.h"

namespace ominix::runtime {

// What one Engine owns. All members but `options` belong to the engine thread. Shared with the
// tasks that are still queued and with the models, which may go after the Engine itself.
struct EngineCore : std::enable_shared_from_this<EngineCore> {
  explicit EngineCore(const EngineOptions& o) : options(o) {}

  void add(const std::shared_ptr<const Model::Impl>& model, std::unique_ptr<Sequence> sequence);

  kernels::Arithmetic arithmetic() const {
    return options.exact ? kernels::Arithmetic::exact : kernels::Arithmetic::fast;
  }

  const EngineOptions options;
  uint64_t memory_left = 0;  // of the budget

  struct Running {
    std::shared_ptr<const Model::Impl> model;
    std::unique_ptr<TextBatch> batch;
  };
  std::map<const Model::Impl*, Running> running;  // the texts of each model
  bool stepping = false;                          // a step is queued

 private:
  void post_step();
  void step();
};

}  // namespace ominix::runtime

namespace ominix {

struct Engine::Impl {
  std::shared_ptr<runtime::EngineCore> core;

  template <class F>
  auto call(F task) {
    return runtime::EngineThread::instance().call(std::move(task));
  }
};

}  // namespace ominix
