#include "text/template/list_filters.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "text/template/builtins.h"
#include "text/template/interpreter.h"
#include "text/template/text_ops.h"

namespace ominix::text::jinja {
namespace {

constexpr size_t kNamedOnly = ~size_t{0};

// The attribute "a.b.0" of a value.
Value path(Interpreter& i, const Value& value, const Value& names) {
  if (names.get<int64_t>()) return i.item(value, names);
  const std::string all = str(names).bytes;
  Value at = value;
  for (size_t begin = 0; begin <= all.size();) {
    const size_t dot = std::min(all.find('.', begin), all.size());
    const std::string name = all.substr(begin, dot - begin);
    const bool number = !name.empty() && name.size() < 10 &&
                        std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
    at = i.item(at, number ? Value{int64_t{std::atoi(name.c_str())}} : text(name));
    begin = dot + 1;
  }
  return at;
}

// What `sort`, `unique`, `groupby`, `min` and `max` compare: an attribute, case ignored unless
// asked.
struct Key {
  const Value* attribute = nullptr;
  bool case_sensitive = false;
  Value of(Interpreter& i, const Value& item) const {
    Value key = attribute && !attribute->is_none() ? path(i, item, *attribute) : item;
    if (const auto* t = key.get<Text>(); t && !case_sensitive) {
      return {like(*t, change_case(t->bytes, false))};
    }
    return key;
  }
};

struct Keyed {
  Value key, item;
};

std::vector<Keyed> keyed(Interpreter& i, const Value& value, const Key& key) {
  std::vector<Keyed> out;
  for (Value& item : elements(i, value)) {
    Value k = key.of(i, item);
    out.push_back({std::move(k), std::move(item)});
  }
  return out;
}

void sort_keyed(Interpreter& i, std::vector<Keyed>& items, bool reverse) {
  i.charge(items.size() * 8);
  std::ranges::stable_sort(items, [&](const Keyed& a, const Keyed& b) {
    return reverse ? less(i, b.key, a.key) : less(i, a.key, b.key);
  });
}

}  // namespace

// What `map`, `select` and `reject` do with each element.
Value map(Interpreter& i, const Value& value, const Arguments& args) {
  if (!value.truthy()) return make_list({});
  List out;
  const Value* attribute = args.find(kNamedOnly, "attribute");
  const Value* fallback = args.find(kNamedOnly, "default");
  Arguments rest;
  std::string name;
  if (!attribute) {
    if (args.positional.empty()) i.refuse("'map' needs a filter or an attribute");
    name = text_of(i, args.positional[0], "map").bytes;
    rest.positional.assign(args.positional.begin() + 1, args.positional.end());
    rest.named = args.named;
  }
  for (const Value& item : elements(i, value)) {
    Value v = attribute ? path(i, item, *attribute) : i.filter(name, item, rest);
    if (v.is_undefined() && fallback) v = *fallback;
    out.push_back(std::move(v));
  }
  return make_list(std::move(out));
}

Value select(Interpreter& i, const Value& value, const Arguments& args, bool by_attribute,
             bool keep) {
  if (!value.truthy()) return make_list({});
  size_t at = 0;
  Value attribute;
  if (by_attribute) {
    if (args.positional.empty()) i.refuse("'selectattr' needs an attribute");
    attribute = args.positional[at++];
  }
  std::string test;
  if (at < args.positional.size()) test = str(args.positional[at++]).bytes;
  Arguments rest;
  rest.positional.assign(args.positional.begin() + static_cast<std::ptrdiff_t>(at),
                         args.positional.end());
  List out;
  for (const Value& item : elements(i, value)) {
    i.charge(1);
    const Value v = by_attribute ? path(i, item, attribute) : item;
    if ((test.empty() ? v.truthy() : i.test(test, v, rest)) == keep) out.push_back(item);
  }
  return make_list(std::move(out));
}

Value sorted(Interpreter& i, const Value& value, const Arguments& args) {
  const Key key{args.find(2, "attribute"), flag(args.find(1, "case_sensitive"))};
  std::vector<Keyed> items = keyed(i, value, key);
  sort_keyed(i, items, flag(args.find(0, "reverse")));
  List out;
  for (Keyed& k : items) out.push_back(std::move(k.item));
  return make_list(std::move(out));
}

// (grouper, list) tuples that also have these names.
Value group_by(Interpreter& i, const Value& value, const Arguments& args) {
  const Value* attribute = args.find(0, "attribute");
  const Value* fallback = args.find(1, "default");
  if (!attribute) i.refuse("'groupby' needs an attribute");
  const bool case_sensitive = flag(args.find(2, "case_sensitive"));
  const auto plain = [&](const Value& item) {
    Value v = path(i, item, *attribute);
    return v.is_undefined() && fallback && !fallback->is_none() ? *fallback : v;
  };
  std::vector<Keyed> items;
  for (Value& item : elements(i, value)) {
    Value k = Key{nullptr, case_sensitive}.of(i, plain(item));
    items.push_back({std::move(k), std::move(item)});
  }
  sort_keyed(i, items, false);
  List out;
  for (size_t begin = 0; begin < items.size();) {
    List group;
    size_t end = begin;
    while (end < items.size() && equal(items[end].key, items[begin].key)) {
      group.push_back(items[end++].item);
    }
    Value grouper = plain(group.front());
    List pair{std::move(grouper), make_list(std::move(group))};
    pair.is_group = true;
    out.push_back(make_tuple(std::move(pair)));
    begin = end;
  }
  return make_list(std::move(out));
}

Value unique(Interpreter& i, const Value& value, const Arguments& args) {
  const Key key{args.find(1, "attribute"), flag(args.find(0, "case_sensitive"))};
  List out;
  std::vector<Value> seen;
  for (Keyed& k : keyed(i, value, key)) {
    i.charge(seen.size());
    if (std::ranges::any_of(seen, [&](const Value& s) { return equal(s, k.key); })) continue;
    seen.push_back(std::move(k.key));
    out.push_back(std::move(k.item));
  }
  return make_list(std::move(out));
}

Value extreme(Interpreter& i, const Value& value, const Arguments& args, bool largest) {
  const Key key{args.find(1, "attribute"), flag(args.find(0, "case_sensitive"))};
  std::vector<Keyed> all = keyed(i, value, key);
  if (all.empty()) return Value{Undefined{"element"}};
  size_t best = 0;
  for (size_t k = 1; k < all.size(); ++k) {
    const bool better =
        largest ? less(i, all[best].key, all[k].key) : less(i, all[k].key, all[best].key);
    if (better) best = k;
  }
  return all[best].item;
}

Value batch(Interpreter& i, const Value& value, const Arguments& args) {
  const int64_t size = integer(i, args.find(0, "linecount"), 0, "batch");
  const Value* fill = args.find(1, "fill_with");
  if (size < 1 || size > 100'000) i.refuse(fmt::format("'batch' of {}", size));
  List out, row;
  const auto flush = [&] {
    if (!row.empty()) out.push_back(make_list(std::exchange(row, List())));
  };
  for (Value& item : elements(i, value)) {
    if (static_cast<int64_t>(row.size()) == size) flush();
    row.push_back(std::move(item));
  }
  if (!row.empty() && fill && !fill->is_none()) {
    i.charge(static_cast<uint64_t>(size));
    row.resize(static_cast<size_t>(size), *fill);
  }
  flush();
  return make_list(std::move(out));
}

Value sliced(Interpreter& i, const Value& value, const Arguments& args) {
  const int64_t count = integer(i, args.find(0, "slices"), 0, "slice");
  const Value* fill = args.find(1, "fill_with");
  if (count < 1 || count > 100'000) i.refuse(fmt::format("'slice' into {}", count));
  i.charge(static_cast<uint64_t>(count));
  const List all = elements(i, value);
  const auto slices = static_cast<size_t>(count);
  const size_t each = all.size() / slices, longer = all.size() % slices;
  List out;
  size_t at = 0;
  for (size_t s = 0; s < slices; ++s) {
    const size_t end = at + each + (s < longer ? 1 : 0);
    List part(all.begin() + static_cast<std::ptrdiff_t>(at),
              all.begin() + static_cast<std::ptrdiff_t>(end));
    if (fill && !fill->is_none() && s >= longer) part.push_back(*fill);
    out.push_back(make_list(std::move(part)));
    at = end;
  }
  return make_list(std::move(out));
}

Value dict_sorted(Interpreter& i, const Value& v, const Arguments& args) {
  if (!v.dict()) i.refuse(fmt::format("'dictsort' of a {}", v.type_name()));
  const Value* by = args.find(1, "by");
  const size_t place = by && str(*by).bytes == "value" ? 1 : 0;
  const Key key{nullptr, flag(args.find(0, "case_sensitive"))};
  std::vector<Keyed> items;
  for (Value& pair : pairs(*v.dict())) {
    Value k = key.of(i, (*pair.list())[place]);
    items.push_back({std::move(k), std::move(pair)});
  }
  sort_keyed(i, items, flag(args.find(2, "reverse")));
  List out;
  for (Keyed& k : items) out.push_back(std::move(k.item));
  return make_list(std::move(out));
}

Value sum(Interpreter& i, const Value& v, const Arguments& args) {
  const Value* attribute = args.find(0, "attribute");
  const Value* start = args.find(1, "start");
  Value total = start ? *start : Value{int64_t{0}};
  for (const Value& item : elements(i, v)) {
    total = i.arithmetic("+", total,
                         attribute && !attribute->is_none() ? path(i, item, *attribute) : item);
  }
  return total;
}

}  // namespace ominix::text::jinja
