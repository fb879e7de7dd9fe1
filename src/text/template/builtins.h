#pragma once

#include <string_view>

#include "text/template/interpreter.h"

// What filters, tests and methods share.
namespace ominix::text::jinja {

const Text& text_of(Interpreter& i, const Value& v, std::string_view what);
int64_t integer(Interpreter& i, const Value* v, int64_t fallback, std::string_view what);
bool flag(const Value* v);  // false where it is not given

// (key, value) of each member.
List pairs(const Dict& dict);
Value make_tuple(List items);

// Python's order of two values of a kind. Errors: invalid_argument (values that have no order).
bool less(Interpreter& i, const Value& a, const Value& b);

Value join(Interpreter& i, const Value& value, const Arguments& args);
// Python's "%s" formats.
Text percent_format(Interpreter& i, const Text& format, const List& values);

}  // namespace ominix::text::jinja
