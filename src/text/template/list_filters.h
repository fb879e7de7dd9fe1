#pragma once

#include "text/template/interpreter.h"

// Filters over the elements of a list. Names and behaviour: Jinja 3.1.
namespace ominix::text::jinja {

Value map(Interpreter& i, const Value& value, const Arguments& args);
// select, reject, selectattr and rejectattr.
Value select(Interpreter& i, const Value& value, const Arguments& args, bool by_attribute,
             bool keep);
Value sorted(Interpreter& i, const Value& value, const Arguments& args);
// (grouper, list) tuples that also have these names.
Value group_by(Interpreter& i, const Value& value, const Arguments& args);
Value unique(Interpreter& i, const Value& value, const Arguments& args);
Value extreme(Interpreter& i, const Value& value, const Arguments& args, bool largest);
Value batch(Interpreter& i, const Value& value, const Arguments& args);
Value sliced(Interpreter& i, const Value& value, const Arguments& args);
Value dict_sorted(Interpreter& i, const Value& v, const Arguments& args);
Value sum(Interpreter& i, const Value& v, const Arguments& args);

}  // namespace ominix::text::jinja
