#include <algorithm>
#include <initializer_list>
#include <utility>

#include "base/error.h"
#include "text/template/expression_parser.h"

namespace ominix::text::jinja {
namespace {

// Text and statements.
class Parser : ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  NodePtr run() {
    NodePtr out = body({});
    if (peek().kind != T::end) refuse("unexpected end tag");
    return out;
  }

 private:
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

  int loops_ = 0;
};

}  // namespace

NodePtr parse(std::string_view source) { return Parser(source).run(); }

}  // namespace ominix::text::jinja
