#include "kernels/eval.h"

#include <cstring>
#include <unordered_set>

#include "kernels/cpu/table.h"
#include "kernels/host_op.h"
#include "kernels/parallel.h"
#include "mlx/device.h"
#include "mlx/primitives.h"
#include "mlx/transforms.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

enum class Kind : uint8_t {
  own,      // of host_op()
  view,     // MLX's, looks at its input's memory in another way and never copies
  reshape,  // MLX's, a view where the input is row-major
  add,
  multiply,
  foreign,  // anything else
};

Kind kind_of(const array& node) {
  if (is_host_op(node.primitive())) return Kind::own;
  const std::string_view name = node.primitive().name();
  for (const char* view : {"Split", "Slice", "Transpose", "ExpandDims", "Squeeze", "Broadcast"}) {
    if (name == view) return Kind::view;
  }
  for (const char* reshape : {"Reshape", "Flatten", "Unflatten", "Contiguous"}) {
    if (name == reshape) return Kind::reshape;
  }
  return name == "Add" ? Kind::add : name == "Multiply" ? Kind::multiply : Kind::foreign;
}

bool waits_for_evaluation(const array& a) {
  return a.has_primitive() && a.status() == array::Status::unscheduled;
}

// The nodes that must run, inputs before what they serve.
std::vector<array> order(const std::vector<array>& outputs) {
  struct Visit {
    const array* node;
    size_t next = 0;  // input
  };
  std::vector<array> tape;
  std::vector<Visit> stack;
  std::unordered_set<std::uintptr_t> seen;
  seen.reserve(1024);
  const auto enter = [&](const array& a) {
    if (!waits_for_evaluation(a)) {
      if (!a.is_available()) array(a).wait();  // an mx::async_eval() on its way
      return;
    }
    if (!seen.insert(a.id()).second) return;
    for (const array& sibling : a.siblings()) seen.insert(sibling.id());
    stack.push_back({&a});
  };
  for (const array& output : outputs) {
    enter(output);
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next < top.node->inputs().size()) {
        enter(top.node->inputs()[top.next++]);
      } else {
        tape.push_back(*top.node);
        stack.pop_back();
      }
    }
  }
  return tape;
}

void reshape(const array& in, array& out) {
  if (in.flags().row_contiguous) {
    const array::Flags flags{.contiguous = true, .row_contiguous = true, .col_contiguous = false};
    out.copy_shared_buffer(in, out.strides(), flags, out.size());
  } else {
    copy_row_major(in, static_cast<char*>(allocate(out)));
  }
}

// Two rows-major float32 arrays of one shape; false for others.
bool elementwise(Kind kind, const std::vector<array>& in, array& out) {
  for (const array& x : in) {
    if (x.dtype() != mx::float32 || !x.flags().row_contiguous || x.shape() != out.shape()) {
      return false;
    }
  }
  const auto *a = in[0].data<float>(), *b = in[1].data<float>();
  auto* y = static_cast<float*>(allocate(out));
  by_chunks(static_cast<int64_t>(out.size()), [&](int64_t at, int64_t n) {
    if (kind == Kind::add) {
      table().add(a + at, b + at, n, y + at);
    } else {
      table().multiply(a + at, b + at, n, y + at);
    }
  });
  return true;
}

// On the stream thread; false for a node that MLX must run.
bool run(array& node) {
  const Kind kind = kind_of(node);
  switch (kind) {
    case Kind::own:
      run_host_op(node);
      break;
    case Kind::view: {
      std::vector<array> outputs = node.outputs();
      node.primitive().eval_cpu(node.inputs(), outputs);
      break;
    }
    case Kind::reshape:
      reshape(node.inputs()[0], node);
      break;
    case Kind::add:
    case Kind::multiply:
      if (!elementwise(kind, node.inputs(), node)) return false;
      break;
    case Kind::foreign:
      return false;
  }
  for (const array& sibling : node.siblings()) sibling.set_status(array::Status::available);
  node.set_status(array::Status::available);
  node.detach();
  return true;
}

}  // namespace

void eval(const std::vector<array>& outputs) {
  if (mx::default_device() == mx::Device::gpu) return mx::eval(outputs);
  std::vector<array> tape = order(outputs);
  for (size_t at = 0; at < tape.size(); at++) {
    on_stream([&] {
      as_team([&] {
        // Each node goes as soon as it has run, and its inputs' memory with it.
        for (; at < tape.size() && run(tape[at]); at++) array(std::move(tape[at]));
      });
    });
    if (at < tape.size()) mx::eval(tape[at].outputs());
  }
}

std::vector<Operation> operations(const std::vector<array>& outputs) {
  std::vector<Operation> list;
  for (const array& node : order(outputs)) {
    int64_t elements = 0;
    for (const array& in : node.inputs()) elements += static_cast<int64_t>(in.size());
    for (const array& out : node.outputs()) elements += static_cast<int64_t>(out.size());
    list.push_back({node.primitive().name(), kind_of(node) != Kind::foreign, elements});
  }
  return list;
}

}  // namespace ominix::kernels
