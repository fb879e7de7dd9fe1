#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/template/syntax.h"

namespace ominix::text::jinja {

// The expressions of a template, by recursive descent over its tokens; what stands between the tags
// is the business of who derives from it. Errors: corrupt_data with the line; too_big (nesting).
class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view source) : tokens_(tokenize(source)) {}

 protected:
  using Kind = Node::Kind;
  using T = Token::Kind;

  static constexpr int kMaxDepth = 400;  // of the tree; every level of nesting takes a few

  struct Depth {
    explicit Depth(ExpressionParser& parser) : p(parser) {
      if (++p.depth_ > kMaxDepth) {
        throw fail(ErrorCode::too_big, "template: line {}: nested too deeply", p.peek().line);
      }
    }
    ~Depth() { --p.depth_; }
    ExpressionParser& p;
  };

  // A chain of operators hangs on its last link: each makes the tree one level deeper.
  struct Chain {
    explicit Chain(ExpressionParser& parser) : p(parser), before(parser.depth_) {}
    ~Chain() { p.depth_ = before; }
    void link() {
      if (++p.depth_ > kMaxDepth) {
        throw fail(ErrorCode::too_big, "template: line {}: nested too deeply", p.peek().line);
      }
    }
    ExpressionParser& p;
    int before;
  };

  const Token& peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  Token take() { return tokens_[std::min(at_++, tokens_.size() - 1)]; }
  [[noreturn]] void refuse(std::string_view what) const {
    throw fail(ErrorCode::corrupt_data, "template: line {}: {}", peek().line, what);
  }
  bool is_op(std::string_view op) const { return peek().kind == T::op && peek().text == op; }
  bool is_name(std::string_view name) const {
    return peek().kind == T::name && peek().text == name;
  }
  bool accept_op(std::string_view op) {
    if (!is_op(op)) return false;
    ++at_;
    return true;
  }
  bool accept_name(std::string_view name) {
    if (!is_name(name)) return false;
    ++at_;
    return true;
  }
  void expect_op(std::string_view op) {
    if (!accept_op(op)) refuse(fmt::format("expected '{}'", op));
  }
  std::string expect_name() {
    if (peek().kind != T::name) refuse("expected a name");
    return take().text;
  }
  void expect_close() {
    if (peek().kind != T::close_statement) refuse("expected '%}'");
    ++at_;
  }
  NodePtr make(Kind kind) const {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->line = peek().line;
    return node;
  }
  NodePtr make(Kind kind, NodePtr a, NodePtr b = nullptr) const {
    NodePtr node = make(kind);
    node->kids.push_back(std::move(a));
    if (b) node->kids.push_back(std::move(b));
    return node;
  }

  NodePtr tuple();
  NodePtr expression();
  NodePtr or_test();
  NodePtr and_test();
  NodePtr not_test();
  NodePtr binary(std::string op, NodePtr left, NodePtr right) const;
  std::string comparison_operator();
  NodePtr comparison();
  NodePtr sum();
  NodePtr concat();
  NodePtr product();
  NodePtr unary(bool filters = true);
  NodePtr primary();
  NodePtr postfix(NodePtr value);
  NodePtr subscript(NodePtr value);
  void arguments(Node& node);
  NodePtr filters_and_tests(NodePtr value);
  bool starts_argument() const;

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace ominix::text::jinja
