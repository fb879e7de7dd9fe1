#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/template/value.h"

namespace ominix::text::jinja {

// One node of a parsed template. What `kids`, `name` and `names` mean stands beside each kind.
struct Node {
  enum class Kind : uint8_t {
    // statements
    block,         // kids, one after the other
    output,        // kids[0]
    set,           // names = kids[0]; name.attribute = kids[0] when `attribute` is set
    set_block,     // names[0] = text of kids[0], or of it put through the filters kids[1]
    filter_block,  // output of the filters kids[1] over the text of kids[0]
    with,          // kids[0] with names[i] = kids[i + 1]
    if_else,       // kids: condition, then, (else)
    for_loop,      // names in kids[0]: body kids[1]; kids[2] else or null; kids[3] filter or null;
                   // `attribute` is "recursive" or empty
    macro,         // name(names = defaults kids[1…]): body kids[0]
    call_block,    // kids[0] a call whose caller(names) gives the text of kids[1]
    break_loop,
    continue_loop,
    // expressions
    constant,  // value
    name,      // name
    captured,  // the text that a block's filters work on
    list,
    tuple,
    dict,       // kids; dict: key, value, key, value …
    attribute,  // kids[0].name
    item,       // kids[0][kids[1]]
    slice,      // kids[0][kids[1]:kids[2]:kids[3]], each may be null
    call,       // kids[0](kids[1…]); names[i] is the keyword of argument i or empty
    filter,
    test,  // kids[0] | name(kids[1…]); kids[0] is name(kids[1…])
    unary,
    binary,   // name is the operator
    compare,  // kids[0] names[0] kids[1] names[1] kids[2] …: a < b < c
    and_,
    or_,
    conditional,  // kids: value, condition, (otherwise)
  };
  Kind kind;
  int line = 0;
  std::string name, attribute;
  std::vector<std::string> names;
  std::vector<std::unique_ptr<Node>> kids;
  Value value;
};
using NodePtr = std::unique_ptr<Node>;

struct Token {
  enum class Kind : uint8_t {
    data,
    open_output,
    close_output,
    open_statement,
    close_statement,
    name,
    integer,
    decimal,
    string,
    op,
    end
  };
  Kind kind;
  std::string text;
  int line;
};

// Errors: corrupt_data, with the line; too_big (nesting).
std::vector<Token> tokenize(std::string_view source);
NodePtr parse(std::string_view source);

}  // namespace ominix::text::jinja
