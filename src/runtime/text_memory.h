#pragma once

#include <ominix/engine.h>

#include <memory>
#include <span>
#include <vector>

#include "kernels/kv.h"
#include "models/text_model.h"
#include "runtime/text_batch.h"

namespace ominix {

// All members belong to the engine thread.
struct TextMemory::Impl {
  std::weak_ptr<const Model::Impl> model;
  std::vector<int32_t> ids;  // that the states have seen
  std::vector<kernels::KvState> states;
  std::shared_ptr<const void> reservation;  // of their memory
};

namespace runtime {

// Gives the sequence what the memory shares with its prompt. The memory is then empty: what it held
// belongs to the sequence.
void recall(TextMemory::Impl& memory, const std::shared_ptr<const Model::Impl>& model,
            Sequence& sequence);

// Keeps what the sequence knows when it ends; its states are then gone.
void keep(TextMemory::Impl& memory, const std::shared_ptr<const Model::Impl>& model,
          Sequence& sequence);

}  // namespace runtime
}  // namespace ominix
