#include <gtest/gtest.h>

#include <ominix/template.h>

#include "base/error.h"

namespace ominix {
namespace {

std::string times(const std::string& s, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += s;
  return out;
}

std::vector<std::string> hostile() {
  std::vector<std::string> all;
  // Work without end, around every kind of body.
  const char* bodies[] = {"x",
                          "{{ i }}",
                          "{% set a = i %}",
                          "{% set n.a = [n.a] %}",
                          "{% if i %}y{% endif %}",
                          "{{ 'a' * 1000 }}",
                          "{{ range(1000) | list | length }}",
                          "{{ n | tojson }}",
                          "{{ [1,2,3] | sort | join }}",
                          "{{ 'a b' | replace('a', 'bb') }}"};
  for (const char* body : bodies) {
    for (int loops : {3, 4, 8}) {
      all.push_back("{% set n = namespace(a=1) %}" + times("{% for i in range(1000) %}", loops) +
                    body + times("{% endfor %}", loops));
    }
  }
  // Values that double.
  for (const char* step :
       {"n.a ~ n.a", "n.a + n.a", "n.a * 2", "n.a.replace('x', 'xx')", "[n.a, n.a] | join"}) {
    all.push_back(
        fmt::format("{{% set n = namespace(a='x') %}}{{% for i in range(99) %}}{{% set n.a = {} "
                    "%}}{{% endfor %}}{{{{ n.a }}}}",
                    step));
  }
  for (const char* use :
       {"{{ n.a }}", "{{ n.a | tojson }}", "{{ n.a == n.b }}", "{{ n.a | string | length }}"}) {
    for (const char* step : {"[n.a, n.a]", "{'k': n.a, 'l': n.a}", "[[n.a], [n.a]]"}) {
      for (int levels : {30, 99}) {
        std::string other = step;
        for (size_t at = 0; (at = other.find("n.a", at)) != other.npos; ++at)
          other.replace(at, 3, "n.b");
        all.push_back(fmt::format("{{% set n = namespace(a=1, b=1) %}}{{% for i in range({}) "
                                  "%}}{{% set n.a = {} %}}{{% set n.b = {} %}}{{% endfor %}}",
                                  levels, step, other) +
                      use);
      }
    }
  }
  // Too much at once.
  for (const char* big :
       {"range(100001)", "range(0, 9223372036854775807, 2)", "range(9223372036854775807)",
        "'x' * 99999999999", "range(-9000000000000000000, 9000000000000000000)"}) {
    all.push_back(fmt::format("{{{{ {} }}}}", big));
    all.push_back(fmt::format("{{% for i in {} %}}x{{% endfor %}}", big));
    all.push_back(fmt::format("{{{{ ({}) | list | tojson }}}}", big));
  }
  // Recursion.
  all.push_back("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
  all.push_back(
      "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}");
  all.push_back("{% macro m(x) %}{{ m([x]) }}{% endmacro %}{{ m(1) }}");
  all.push_back("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}");
  all.push_back("{% macro m() %}{% call m() %}x{% endcall %}{% endmacro %}{{ m() }}");
  all.push_back("{% set n = namespace() %}{% set n.a = n %}{{ n | tojson }}");
  all.push_back("{% set n = namespace() %}{% set n.a = [n] %}{{ n }}");
  // Nesting and endless chains in the source.
  for (int n : {1000, 50000}) {
    for (const char* open :
         {"(", "[", "{1:", "not ", "-", "x(", "x[", "x|f(", "1 if ", "1 if 1 else ", "2**"}) {
      all.push_back("{{ " + times(open, n) + " }}");
      all.push_back("{{ " + times(open, n) + "1");
    }
    for (const char* link :
         {".a", "[0]", "()", "|list", "~1", "+1", " or 0", " and 1", " is none", "==1"}) {
      all.push_back("{{ x" + times(link, n) + " }}");
    }
    for (const char* open : {"{% if 1 %}", "{% for i in [1] %}", "{% set a %}", "{% macro m() %}",
                             "{% call m() %}", "{% generation %}", "{% if 0 %}{% elif 1 %}"}) {
      all.push_back(times(open, n));
    }
  }
  // Broken.
  for (const char* s : {"{{",
                        "{%",
                        "{#",
                        "{{ ' }}",
                        "{{ \" ",
                        "{% if %}",
                        "{% for %}",
                        "{% endfor %}",
                        "{{ 1 + }}",
                        "{{ @ }}",
                        "{% nothing %}",
                        "{{ a b }}",
                        "{% set %}",
                        "{{ '\\u12' }}",
                        "{% break %}",
                        "{{ 99999999999999999999 }}",
                        "{{ 1 // 0 }}",
                        "{{ 1 % 0 }}",
                        "{{ 1 / 0 }}",
                        "{{ x.y.z }}",
                        "{{ 'a' - 1 }}",
                        "{{ [] + 1 }}",
                        "{{ 1[::0] }}",
                        "{{ 'a'[::0] }}",
                        "{{ 1 | nothing }}",
                        "{{ 1 is nothing }}",
                        "{{ 1() }}",
                        "{{ 9223372036854775807 + 1 }}",
                        "{{ [].append(1) }}",
                        "{{ {}.update({}) }}",
                        "{{ ''.split('') }}",
                        "{{ x.__class__.__mro__ }}",
                        "{{ cycler.a.b }}",
                        "{{ raise_exception('x') }}",
                        "{{ ''.format.__globals__ }}",
                        "{{ 'a'.join(1) }}",
                        "{{ [].pop() }}",
                        "{{ [].__class__() }}",
                        "{{ {}.clear() }}",
                        "{% set a, b = [1] %}",
                        "{% set x.y = 1 %}",
                        "{% for a, b in [1] %}{% endfor %}",
                        "{{ 1 in 1 }}",
                        "{{ none[1:] }}",
                        "{{ 'a' < 1 }}",
                        "{% call x %}{% endcall %}",
                        "{{ strftime_now() }}"}) {
    all.emplace_back(s);
  }
  return all;
}

TEST(TemplateHostile, EndsInATypedError) {
  const std::vector<std::string> all = hostile();
  EXPECT_GE(all.size(), 200U);
  for (const std::string& source : all) {
    SCOPED_TRACE(source.substr(0, 200));
    try {
      const PromptText p = ChatTemplate(source).render("{}", 0);
      ADD_FAILURE() << "no error, " << p.text.size() << " bytes";
    } catch (const Error& e) {
      EXPECT_NE(e.code(), ErrorCode::internal) << e.what();
    }
  }
}

}  // namespace
}  // namespace ominix
