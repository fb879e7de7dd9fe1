#include "kernels/host_op.h"

#include <cstring>
#include <future>

#include "base/error.h"
#include "mlx/backend/cpu/encoder.h"
#include "mlx/ops.h"
#include "mlx/primitives.h"
#include "mlx/scheduler.h"
#include "mlx/stream.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

}  // namespace

void* allocate(array& out) {
  out.set_data(mx::allocator::malloc(out.nbytes()));
  void* p = out.buffer().ptr() ? out.data<char>() : nullptr;
  if (!p && out.nbytes() > 0) {
    throw fail(ErrorCode::out_of_memory, "kernels: no memory for {} bytes", out.nbytes());
  }
  return p;
}

void copy_row_major(const array& from, char* to) {
  const size_t item = from.itemsize();
  const auto& shape = from.shape();
  const auto& strides = from.strides();
  const int dims = static_cast<int>(from.ndim());
  std::vector<int64_t> at(dims, 0);
  const char* base = from.data<char>();
  const int64_t inner = dims ? shape[dims - 1] : 1;
  const int64_t step = dims ? strides[dims - 1] * static_cast<int64_t>(item) : 0;
  for (size_t done = 0; done < from.size(); done += inner) {
    int64_t offset = 0;
    for (int d = 0; d + 1 < dims; d++) offset += at[d] * strides[d];
    const char* source = base + offset * static_cast<int64_t>(item);
    if (step == static_cast<int64_t>(item)) {
      std::memcpy(to, source, inner * item);
    } else {
      for (int64_t i = 0; i < inner; i++) std::memcpy(to + i * item, source + i * step, item);
    }
    to += inner * item;
    for (int d = dims - 2; d >= 0 && ++at[d] == shape[d]; d--) at[d] = 0;
  }
}

namespace {

class HostOp : public mx::Primitive {
 public:
  HostOp(mx::Stream stream, const char* name, HostFunction function)
      : Primitive(stream), name_(name), function_(std::move(function)) {}

  void eval_cpu(const std::vector<array>& inputs, std::vector<array>& outputs) override {
    auto& encoder = mx::cpu::get_command_encoder(stream());
    std::vector<const void*> in;
    std::vector<void*> out;
    std::vector<std::pair<array, char*>> copies;
    in.reserve(inputs.size());
    out.reserve(outputs.size());
    for (const array& x : inputs) {
      if (x.flags().row_contiguous) {
        in.push_back(x.data<char>());
        continue;
      }
      array copy(x.shape(), x.dtype(), nullptr, {});
      in.push_back(allocate(copy));
      copies.emplace_back(array::unsafe_weak_copy(x), copy.data<char>());
      encoder.add_temporary(std::move(copy));
    }
    for (array& y : outputs) out.push_back(allocate(y));
    encoder.dispatch([function = function_, in = std::move(in), out = std::move(out),
                      copies = std::move(copies)] {
      for (const auto& [from, to] : copies) copy_row_major(from, to);
      function(in, out);
    });
  }

  // The same, here and now.
  void run(const std::vector<array>& inputs, array& node) {
    std::vector<array> copies;
    std::vector<const void*> in;
    std::vector<void*> out;
    in.reserve(inputs.size());
    for (const array& x : inputs) {
      if (x.flags().row_contiguous) {
        in.push_back(x.data<char>());
      } else {
        copies.emplace_back(x.shape(), x.dtype(), nullptr, std::vector<array>{});
        auto* copy = static_cast<char*>(allocate(copies.back()));
        copy_row_major(x, copy);
        in.push_back(copy);
      }
    }
    if (node.siblings().empty()) {
      out.push_back(allocate(node));
    } else {
      for (array y : node.outputs()) out.push_back(allocate(y));
    }
    function_(in, out);
  }

  void eval_gpu(const std::vector<array>&, std::vector<array>&) override {
    throw fail(ErrorCode::unsupported, "kernels: {} runs on the CPU only", name_);
  }
  const char* name() const override { return name_; }

 private:
  const char* name_;
  HostFunction function_;
};

}  // namespace

bool is_host_op(const mx::Primitive& primitive) { return typeid(primitive) == typeid(HostOp); }

void run_host_op(array& node) { static_cast<HostOp&>(node.primitive()).run(node.inputs(), node); }

std::vector<array> host_op(const char* name, const std::vector<array>& inputs,
                           std::vector<mx::Shape> shapes, const std::vector<mx::Dtype>& types,
                           HostFunction function) {
  auto op =
      std::make_shared<HostOp>(mx::default_stream(mx::Device::cpu), name, std::move(function));
  return array::make_arrays(std::move(shapes), types, op, inputs);
}

array host_op(const char* name, std::vector<array> inputs, mx::Shape shape, mx::Dtype type,
              HostFunction function) {
  auto op =
      std::make_shared<HostOp>(mx::default_stream(mx::Device::cpu), name, std::move(function));
  return array(std::move(shape), type, std::move(op), std::move(inputs));
}

void on_stream(const std::function<void()>& task) {
  std::promise<void> done;
  mx::scheduler::enqueue(mx::default_stream(mx::Device::cpu), [&] {
    try {
      task();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

array as_float(const array& x) { return x.dtype() == mx::float32 ? x : mx::astype(x, mx::float32); }

}  // namespace ominix::kernels
