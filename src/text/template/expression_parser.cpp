#include "text/template/expression_parser.h"

#include <charconv>
#include <cstdlib>

namespace ominix::text::jinja {
namespace {

constexpr int kMaxLinks = 64;  // of a.b.c or a | b | c

}  // namespace

// a, b, c without brackets is a list.
NodePtr ExpressionParser::tuple() {
  NodePtr first = expression();
  if (!is_op(",")) return first;
  NodePtr node = make(Kind::tuple, std::move(first));
  while (accept_op(",") && peek().kind != T::close_statement) node->kids.push_back(expression());
  return node;
}

NodePtr ExpressionParser::expression() {
  const Depth depth(*this);
  Chain chain(*this);
  NodePtr value = or_test();
  for (; accept_name("if"); chain.link()) {
    NodePtr node = make(Kind::conditional, std::move(value), or_test());
    if (accept_name("else")) node->kids.push_back(expression());
    value = std::move(node);
  }
  return value;
}

NodePtr ExpressionParser::or_test() {
  Chain chain(*this);
  NodePtr left = and_test();
  for (; accept_name("or"); chain.link()) left = make(Kind::or_, std::move(left), and_test());
  return left;
}

NodePtr ExpressionParser::and_test() {
  Chain chain(*this);
  NodePtr left = not_test();
  for (; accept_name("and"); chain.link()) left = make(Kind::and_, std::move(left), not_test());
  return left;
}

NodePtr ExpressionParser::not_test() {
  if (!accept_name("not")) return comparison();
  const Depth depth(*this);
  NodePtr node = make(Kind::unary, not_test());
  node->name = "not";
  return node;
}

NodePtr ExpressionParser::binary(std::string op, NodePtr left, NodePtr right) const {
  NodePtr node = make(Kind::binary, std::move(left), std::move(right));
  node->name = std::move(op);
  return node;
}

// The comparison that stands here, taken; empty when there is none.
std::string ExpressionParser::comparison_operator() {
  for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
    if (accept_op(op)) return std::string(op);
  }
  if (accept_name("in")) return "in";
  if (is_name("not") && peek(1).kind == T::name && peek(1).text == "in") {
    at_ += 2;
    return "not in";
  }
  return {};
}

NodePtr ExpressionParser::comparison() {
  NodePtr left = sum();
  std::string op = comparison_operator();
  if (op.empty()) return left;
  left = binary(op, std::move(left), sum());
  for (std::string next; !(next = comparison_operator()).empty();) {
    if (left->kind == Kind::binary) {
      left->kind = Kind::compare;
      left->names = {left->name};
    }
    left->names.push_back(next);
    left->kids.push_back(sum());
  }
  return left;
}

NodePtr ExpressionParser::sum() {
  Chain chain(*this);
  NodePtr left = concat();
  for (;; chain.link()) {
    if (accept_op("+"))
      left = binary("+", std::move(left), concat());
    else if (accept_op("-"))
      left = binary("-", std::move(left), concat());
    else
      return left;
  }
}

NodePtr ExpressionParser::concat() {
  Chain chain(*this);
  NodePtr left = product();
  for (; accept_op("~"); chain.link()) left = binary("~", std::move(left), product());
  return left;
}

NodePtr ExpressionParser::product() {
  Chain chain(*this);
  NodePtr left = unary();
  for (;; chain.link()) {
    bool found = false;
    for (const std::string_view op : {"*", "/", "//", "%"}) {
      if (is_op(op)) {
        ++at_;
        left = binary(std::string(op), std::move(left), unary());
        found = true;
        break;
      }
    }
    if (!found) return left;
  }
}

NodePtr ExpressionParser::unary(bool filters) {
  const Depth depth(*this);
  NodePtr node;
  if (is_op("-") || is_op("+")) {
    const std::string op = take().text;
    node = make(Kind::unary, unary(false));
    node->name = op;
  } else {
    node = postfix(primary());
  }
  if (accept_op("**")) node = binary("**", std::move(node), unary(false));
  return filters ? filters_and_tests(std::move(node)) : std::move(node);
}

NodePtr ExpressionParser::primary() {
  const Depth depth(*this);
  const Token t = peek();
  NodePtr node = make(Kind::constant);
  if (t.kind == T::string) {
    std::string s;
    while (peek().kind == T::string) s += take().text;
    node->value = text(std::move(s));
  } else if (t.kind == T::integer || t.kind == T::decimal) {
    std::string digits = take().text;
    std::erase(digits, '_');
    if (t.kind == T::decimal) {
      node->value = {std::strtod(digits.c_str(), nullptr)};
    } else {
      int64_t v = 0;
      if (std::from_chars(digits.data(), digits.data() + digits.size(), v).ec != std::errc()) {
        refuse("a number that is too large");
      }
      node->value = {v};
    }
  } else if (t.kind == T::name) {
    ++at_;
    if (t.text == "true" || t.text == "True")
      node->value = {true};
    else if (t.text == "false" || t.text == "False")
      node->value = {false};
    else if (t.text == "none" || t.text == "None" || t.text == "null")
      node->value = {None{}};
    else {
      node->kind = Kind::name;
      node->name = t.text;
    }
  } else if (accept_op("(")) {
    if (accept_op(")")) {
      node->kind = Kind::tuple;
      return node;
    }
    node = expression();
    if (is_op(",")) {
      node = make(Kind::tuple, std::move(node));
      while (accept_op(",") && !is_op(")")) node->kids.push_back(expression());
    }
    expect_op(")");
  } else if (accept_op("[")) {
    node->kind = Kind::list;
    while (!accept_op("]")) {
      node->kids.push_back(expression());
      if (!is_op("]")) expect_op(",");
    }
  } else if (accept_op("{")) {
    node->kind = Kind::dict;
    while (!accept_op("}")) {
      node->kids.push_back(expression());
      expect_op(":");
      node->kids.push_back(expression());
      if (!is_op("}")) expect_op(",");
    }
  } else {
    refuse(t.kind == T::op ? fmt::format("unexpected '{}'", t.text) : "expected an expression");
  }
  return node;
}

// A chain is as deep as it is long: the tree hangs on its last part.
NodePtr ExpressionParser::postfix(NodePtr value) {
  for (int links = 0;; ++links) {
    if (links > kMaxLinks) refuse("a chain of more than 64 accesses");
    if (accept_op(".")) {
      NodePtr node = make(Kind::attribute, std::move(value));
      if (peek().kind == T::integer) {  // x.0
        node->kind = Kind::item;
        node->kids.push_back(primary());
      } else {
        node->name = expect_name();
      }
      value = std::move(node);
    } else if (accept_op("[")) {
      value = subscript(std::move(value));
    } else if (is_op("(")) {
      NodePtr node = make(Kind::call, std::move(value));
      arguments(*node);
      value = std::move(node);
    } else {
      return value;
    }
  }
}

NodePtr ExpressionParser::subscript(NodePtr value) {
  NodePtr parts[3];
  int part = 0;
  bool is_slice = false;
  for (;;) {
    if (accept_op(":")) {
      is_slice = true;
      if (++part > 2) refuse("a slice with more than three parts");
    } else if (accept_op("]")) {
      break;
    } else {
      if (parts[part]) refuse("expected ']'");
      parts[part] = expression();
    }
  }
  if (!is_slice) {
    if (!parts[0]) refuse("an empty subscript");
    return make(Kind::item, std::move(value), std::move(parts[0]));
  }
  NodePtr node = make(Kind::slice, std::move(value));
  for (NodePtr& p : parts) node->kids.push_back(std::move(p));
  return node;
}

void ExpressionParser::arguments(Node& node) {
  expect_op("(");
  while (!accept_op(")")) {
    std::string keyword;
    if (peek().kind == T::name && peek(1).kind == T::op && peek(1).text == "=") {
      keyword = take().text;
      ++at_;
    }
    node.names.push_back(std::move(keyword));
    node.kids.push_back(expression());
    if (!is_op(")")) expect_op(",");
  }
}

NodePtr ExpressionParser::filters_and_tests(NodePtr value) {
  for (int links = 0;; ++links) {
    if (links > kMaxLinks) refuse("a chain of more than 64 filters");
    if (accept_op("|")) {
      NodePtr node = make(Kind::filter, std::move(value));
      node->name = expect_name();
      if (is_op("(")) arguments(*node);
      value = postfix(std::move(node));
    } else if (accept_name("is")) {
      const bool negated = accept_name("not");
      NodePtr node = make(Kind::test, std::move(value));
      node->name = expect_name();
      if (is_op("(")) {
        arguments(*node);
      } else if (starts_argument()) {
        node->names.emplace_back();
        node->kids.push_back(postfix(primary()));
      }
      if (negated) {
        NodePtr no = make(Kind::unary, std::move(node));
        no->name = "not";
        node = std::move(no);
      }
      value = std::move(node);
    } else {
      return value;
    }
  }
}

// `x is divisibleby 3`: a test's argument may stand without brackets.
bool ExpressionParser::starts_argument() const {
  const Token& t = peek();
  if (t.kind == T::string || t.kind == T::integer || t.kind == T::decimal) return true;
  if (t.kind == T::op) return t.text == "[" || t.text == "{";
  if (t.kind != T::name) return false;
  for (const char* word : {"and", "or", "not", "else", "if", "is", "in"}) {
    if (t.text == word) return false;
  }
  return true;
}

}  // namespace ominix::text::jinja
