#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <utility>

#include "base/error.h"
#include "text/template/syntax.h"

namespace ominix::text::jinja {
namespace {

using Kind = Node::Kind;
using T = Token::Kind;

constexpr int kMaxLinks = 64;   // of a.b.c or a | b | c
constexpr int kMaxDepth = 400;  // of the tree; every level of nesting takes a few

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(tokenize(source)) {}

  NodePtr run() {
    NodePtr out = body({});
    if (peek().kind != T::end) refuse("unexpected end tag");
    return out;
  }

 private:
  struct Depth {
    explicit Depth(Parser& parser) : p(parser) {
      if (++p.depth_ > kMaxDepth) {
        throw fail(ErrorCode::too_big, "template: line {}: nested too deeply", p.peek().line);
      }
    }
    ~Depth() { --p.depth_; }
    Parser& p;
  };

  // A chain of operators hangs on its last link: each makes the tree one level deeper.
  struct Chain {
    explicit Chain(Parser& parser) : p(parser), before(parser.depth_) {}
    ~Chain() { p.depth_ = before; }
    void link() {
      if (++p.depth_ > kMaxDepth) {
        throw fail(ErrorCode::too_big, "template: line {}: nested too deeply", p.peek().line);
      }
    }
    Parser& p;
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

  // Statements up to a tag whose name is in `ends`; that tag is not consumed.
  NodePtr body(std::initializer_list<std::string_view> ends) {
    const Depth depth(*this);
    NodePtr out = make(Kind::block);
    for (;;) {
      const Token& t = peek();
      if (t.kind == T::data) {
        NodePtr value = make(Kind::constant);
        value->value = text(take().text);
        out->kids.push_back(make(Kind::output, std::move(value)));
      } else if (t.kind == T::open_output) {
        ++at_;
        out->kids.push_back(make(Kind::output, expression()));
        if (peek().kind != T::close_output) refuse("expected '}}'");
        ++at_;
      } else if (t.kind == T::open_statement) {
        if (std::ranges::find(ends, peek(1).text) != ends.end()) return out;
        ++at_;
        statement(*out);
      } else if (ends.size() == 0) {
        return out;
      } else {
        refuse(fmt::format("expected '{}'", *ends.begin()));
      }
    }
  }

  void end_tag(std::string_view name) {
    if (peek().kind != T::open_statement) refuse(fmt::format("expected '{}'", name));
    ++at_;
    if (!accept_name(name)) refuse(fmt::format("expected '{}'", name));
    expect_close();
  }

  void statement(Node& out) {
    const std::string name = expect_name();
    if (name == "set")
      out.kids.push_back(set());
    else if (name == "with")
      out.kids.push_back(with());
    else if (name == "filter")
      out.kids.push_back(filter_block());
    else if (name == "if")
      out.kids.push_back(if_else());
    else if (name == "for")
      out.kids.push_back(for_loop());
    else if (name == "macro")
      out.kids.push_back(macro());
    else if (name == "call")
      out.kids.push_back(call_block());
    else if (name == "break" || name == "continue") {
      if (loops_ == 0) refuse(fmt::format("'{}' outside of a loop", name));
      out.kids.push_back(make(name == "break" ? Kind::break_loop : Kind::continue_loop));
      expect_close();
    } else if (name == "generation") {
      expect_close();
      out.kids.push_back(body({"endgeneration"}));
      end_tag("endgeneration");
    } else {
      refuse(fmt::format("unknown statement '{}'", name));
    }
  }

  NodePtr set() {
    NodePtr node = make(Kind::set);
    node->names.push_back(expect_name());
    if (accept_op(".")) node->attribute = expect_name();
    while (accept_op(",")) node->names.push_back(expect_name());
    if (accept_op("=")) {
      node->kids.push_back(tuple());
      expect_close();
      return node;
    }
    node->kind = Kind::set_block;
    NodePtr filters = is_op("|") ? filters_and_tests(make(Kind::captured)) : nullptr;
    expect_close();
    node->kids.push_back(body({"endset"}));
    if (filters) node->kids.push_back(std::move(filters));
    end_tag("endset");
    return node;
  }

  NodePtr with() {
    NodePtr node = make(Kind::with);
    node->kids.push_back(nullptr);
    while (peek().kind != T::close_statement) {
      node->names.push_back(expect_name());
      expect_op("=");
      node->kids.push_back(expression());
      if (peek().kind != T::close_statement) expect_op(",");
    }
    expect_close();
    node->kids[0] = body({"endwith"});
    end_tag("endwith");
    return node;
  }

  // {% filter a | b %} text {% endfilter %}
  NodePtr filter_block() {
    NodePtr node = make(Kind::filter_block);
    NodePtr filters = make(Kind::filter, make(Kind::captured));
    filters->name = expect_name();
    if (is_op("(")) arguments(*filters);
    filters = filters_and_tests(std::move(filters));
    expect_close();
    node->kids.push_back(body({"endfilter"}));
    node->kids.push_back(std::move(filters));
    end_tag("endfilter");
    return node;
  }

  NodePtr if_else() {
    NodePtr node = make(Kind::if_else, expression());
    expect_close();
    node->kids.push_back(body({"elif", "else", "endif"}));
    ++at_;
    if (accept_name("elif")) {
      const Depth depth(*this);
      node->kids.push_back(if_else());
      return node;
    }
    if (accept_name("else")) {
      expect_close();
      node->kids.push_back(body({"endif"}));
      end_tag("endif");
      return node;
    }
    ++at_;
    expect_close();
    return node;
  }

  NodePtr for_loop() {
    NodePtr node = make(Kind::for_loop);
    const bool parenthesis = accept_op("(");
    do node->names.push_back(expect_name());
    while (accept_op(","));
    if (parenthesis) expect_op(")");
    if (!accept_name("in")) refuse("expected 'in'");
    node->kids.push_back(or_test());
    NodePtr filter;
    if (accept_name("if")) filter = expression();
    if (accept_name("recursive")) node->attribute = "recursive";
    expect_close();
    ++loops_;
    node->kids.push_back(body({"else", "endfor"}));
    --loops_;
    node->kids.push_back(nullptr);
    ++at_;
    if (accept_name("else")) {
      expect_close();
      node->kids.back() = body({"endfor"});
      end_tag("endfor");
    } else {
      ++at_;
      expect_close();
    }
    node->kids.push_back(std::move(filter));
    return node;
  }

  // (a, b=1): names and defaults into the node, its kids[0] stays free for the body.
  void parameters(Node& node) {
    expect_op("(");
    node.kids.push_back(nullptr);
    while (!accept_op(")")) {
      node.names.push_back(expect_name());
      node.kids.push_back(accept_op("=") ? expression() : nullptr);
      if (!is_op(")")) expect_op(",");
    }
  }

  NodePtr macro() {
    NodePtr node = make(Kind::macro);
    node->name = expect_name();
    parameters(*node);
    expect_close();
    const int loops = std::exchange(loops_, 0);
    node->kids[0] = body({"endmacro"});
    loops_ = loops;
    ++at_;
    accept_name("endmacro");
    if (peek().kind == T::name) ++at_;
    expect_close();
    return node;
  }

  NodePtr call_block() {
    NodePtr node = make(Kind::call_block);
    if (accept_op("(")) {
      while (!accept_op(")")) {
        node->names.push_back(expect_name());
        if (!is_op(")")) expect_op(",");
      }
    }
    node->kids.push_back(postfix(primary()));
    if (node->kids[0]->kind != Kind::call) refuse("expected a call");
    expect_close();
    node->kids.push_back(body({"endcall"}));
    end_tag("endcall");
    return node;
  }

  // a, b, c without brackets is a list.
  NodePtr tuple() {
    NodePtr first = expression();
    if (!is_op(",")) return first;
    NodePtr node = make(Kind::tuple, std::move(first));
    while (accept_op(",") && peek().kind != T::close_statement) node->kids.push_back(expression());
    return node;
  }

  NodePtr expression() {
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

  NodePtr or_test() {
    Chain chain(*this);
    NodePtr left = and_test();
    for (; accept_name("or"); chain.link()) left = make(Kind::or_, std::move(left), and_test());
    return left;
  }

  NodePtr and_test() {
    Chain chain(*this);
    NodePtr left = not_test();
    for (; accept_name("and"); chain.link()) left = make(Kind::and_, std::move(left), not_test());
    return left;
  }

  NodePtr not_test() {
    if (!accept_name("not")) return comparison();
    const Depth depth(*this);
    NodePtr node = make(Kind::unary, not_test());
    node->name = "not";
    return node;
  }

  NodePtr binary(std::string op, NodePtr left, NodePtr right) const {
    NodePtr node = make(Kind::binary, std::move(left), std::move(right));
    node->name = std::move(op);
    return node;
  }

  // The comparison that stands here, taken; empty when there is none.
  std::string comparison_operator() {
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

  NodePtr comparison() {
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

  NodePtr sum() {
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

  NodePtr concat() {
    Chain chain(*this);
    NodePtr left = product();
    for (; accept_op("~"); chain.link()) left = binary("~", std::move(left), product());
    return left;
  }

  NodePtr product() {
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

  NodePtr unary(bool filters = true) {
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

  NodePtr primary() {
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
  NodePtr postfix(NodePtr value) {
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

  NodePtr subscript(NodePtr value) {
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

  void arguments(Node& node) {
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

  NodePtr filters_and_tests(NodePtr value) {
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
  bool starts_argument() const {
    const Token& t = peek();
    if (t.kind == T::string || t.kind == T::integer || t.kind == T::decimal) return true;
    if (t.kind == T::op) return t.text == "[" || t.text == "{";
    if (t.kind != T::name) return false;
    for (const char* word : {"and", "or", "not", "else", "if", "is", "in"}) {
      if (t.text == word) return false;
    }
    return true;
  }

  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0, loops_ = 0;
};

}  // namespace

NodePtr parse(std::string_view source) { return Parser(source).run(); }

}  // namespace ominix::text::jinja
