#include "text/regex/compiler.h"

#include <unordered_map>
#include <utility>

#include "base/error.h"

namespace ominix::text::regex {
namespace {

constexpr size_t kMaxCode = 50'000;

class Compiler {
 public:
  explicit Compiler(Tree tree) : tree_(std::move(tree)) { program_.sets = std::move(tree_.sets); }

  RegexProgram run() {
    collect_looks(tree_.root);
    // Bodies of looks first, so that inner ones are known before outer ones.
    program_.start = static_cast<uint32_t>(program_.code.size());
    emit(tree_.root);
    add(Op::match);
    for (Instruction& i : program_.code) {
      if (i.op == Op::split) i.slot = program_.slots++;
    }
    program_.may_be_empty = nullable(tree_.root);
    if (!program_.may_be_empty) program_.first = first(tree_.root);
    return std::move(program_);
  }

 private:
  const Node& node(uint32_t i) const { return tree_.nodes[i]; }

  uint32_t add(Op op, uint32_t x = 0, uint32_t y = 0) {
    if (program_.code.size() >= kMaxCode) {
      throw fail(ErrorCode::too_big, "regex: the pattern needs more than {} steps", kMaxCode);
    }
    program_.code.push_back({op, x, y});
    return static_cast<uint32_t>(program_.code.size() - 1);
  }
  uint32_t here() const { return static_cast<uint32_t>(program_.code.size()); }

  // Children always come before their parents in the list of nodes.
  bool nullable(uint32_t i) const {
    const Node& n = node(i);
    switch (n.kind) {
      case Node::Kind::set:
        return false;
      case Node::Kind::sequence:
        for (const uint32_t c : n.children) {
          if (!nullable(c)) return false;
        }
        return true;
      case Node::Kind::choice:
        for (const uint32_t c : n.children) {
          if (nullable(c)) return true;
        }
        return false;
      case Node::Kind::repeat:
        return n.min == 0 || nullable(n.children[0]);
      default:
        return true;
    }
  }

  CharSet first(uint32_t i) const {
    const Node& n = node(i);
    CharSet out;
    switch (n.kind) {
      case Node::Kind::set:
        return program_.sets[n.set];
      case Node::Kind::sequence:
        for (const uint32_t c : n.children) {
          out.add(first(c));
          if (!nullable(c)) break;
        }
        return out;
      case Node::Kind::choice:
        for (const uint32_t c : n.children) out.add(first(c));
        return out;
      case Node::Kind::repeat:
        return n.max == 0 ? out : first(n.children[0]);
      default:
        return out;
    }
  }

  void collect_looks(uint32_t i) {
    const Node& n = node(i);
    for (const uint32_t c : n.children) collect_looks(c);
    if (n.kind != Node::Kind::look) return;
    Look look{.behind = n.behind, .negative = n.negative};
    uint32_t body = n.children[0];
    while (node(body).kind == Node::Kind::sequence && node(body).children.size() == 1) {
      body = node(body).children[0];
    }
    if (node(body).kind == Node::Kind::set) {
      look.single = true;
      look.set = node(body).set;
    } else if (n.behind) {
      throw fail(ErrorCode::unsupported,
                 "regex: a look-behind of more than one character cannot be run");
    } else {
      look.begin = here();
      emit(body);
      add(Op::match);
      look.end = here();
      order(look);
    }
    look_of_[i] = static_cast<uint32_t>(program_.looks.size());
    program_.looks.push_back(std::move(look));
  }

  // Instructions of the body such that those reached without a character come first.
  void order(Look& look) const {
    const size_t size = look.end - look.begin;
    std::vector<uint8_t> state(size, 0);  // 0 new, 1 open, 2 done
    std::vector<uint32_t> stack;
    for (uint32_t root = look.begin; root < look.end; ++root) {
      stack.assign(1, root);
      while (!stack.empty()) {
        const uint32_t pc = stack.back();
        uint8_t& s = state[pc - look.begin];
        if (s != 0) {
          if (s == 1) look.order.push_back(pc);
          s = 2;
          stack.pop_back();
          continue;
        }
        s = 1;
        const Instruction& i = program_.code[pc];
        const auto visit = [&](uint32_t next) {
          if (state[next - look.begin] == 0) stack.push_back(next);
        };
        if (i.op == Op::split) {
          visit(i.x);
          visit(i.y);
        } else if (i.op == Op::jump) {
          visit(i.x);
        } else if (i.op != Op::set && i.op != Op::match) {
          visit(pc + 1);
        }
      }
    }
  }

  void emit(uint32_t i) {
    const Node& n = node(i);
    switch (n.kind) {
      case Node::Kind::empty:
        break;
      case Node::Kind::set:
        add(Op::set, n.set);
        break;
      case Node::Kind::anchor:
        add(n.anchor);
        break;
      case Node::Kind::look:
        add(Op::look, look_of_.at(i));
        break;
      case Node::Kind::sequence:
        for (const uint32_t c : n.children) emit(c);
        break;
      case Node::Kind::choice:
        emit_choice(n);
        break;
      case Node::Kind::repeat:
        emit_repeat(n);
        break;
    }
  }

  void emit_choice(const Node& n) {
    std::vector<uint32_t> ends;
    for (size_t c = 0; c < n.children.size(); ++c) {
      if (c + 1 == n.children.size()) {
        emit(n.children[c]);
        break;
      }
      const uint32_t split = add(Op::split, here() + 1);
      emit(n.children[c]);
      ends.push_back(add(Op::jump));
      program_.code[split].y = here();
    }
    for (const uint32_t end : ends) program_.code[end].x = here();
  }

  void emit_repeat(const Node& n) {
    const uint32_t body = n.children[0];
    if (n.mode == Node::Mode::possessive) {
      const Node& inner = node(body);
      if (inner.kind != Node::Kind::set || (n.max != kMany && n.max != 1)) {
        throw fail(ErrorCode::unsupported,
                   "regex: a possessive repetition of more than one character cannot be run");
      }
      add(Op::run, inner.set, n.min | (n.max == 1 ? kOnce : 0));
      return;
    }
    if (n.max == kMany && nullable(body)) {
      throw fail(ErrorCode::unsupported,
                 "regex: an endless repetition of something that can be empty cannot be run");
    }
    const auto split = [&](uint32_t go_on, uint32_t leave) {
      if (n.mode == Node::Mode::lazy) std::swap(go_on, leave);
      return add(Op::split, go_on, leave);
    };
    for (uint32_t k = 0; k < n.min; ++k) emit(body);
    if (n.max == kMany) {
      const uint32_t loop = split(here() + 1, here() + 1);
      emit(body);
      add(Op::jump, loop);
      set_leave(loop, n, here());
      return;
    }
    std::vector<uint32_t> splits;
    for (uint32_t k = n.min; k < n.max; ++k) {
      splits.push_back(split(here() + 1, here() + 1));
      emit(body);
    }
    for (const uint32_t s : splits) set_leave(s, n, here());
  }

  void set_leave(uint32_t split, const Node& n, uint32_t target) {
    Instruction& i = program_.code[split];
    (n.mode == Node::Mode::lazy ? i.x : i.y) = target;
  }

  Tree tree_;
  RegexProgram program_;
  std::unordered_map<uint32_t, uint32_t> look_of_;
};

}  // namespace

RegexProgram compile(Tree tree) { return Compiler(std::move(tree)).run(); }

}  // namespace ominix::text::regex
