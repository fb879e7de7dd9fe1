#include <gtest/gtest.h>

#include <ominix/template.h>

#include "base/error.h"
#include "support/expect_error.h"

namespace ominix {
namespace {

std::string render(const std::string& source, const char* variables = "{}") {
  return ChatTemplate(source).render(variables, 0).text;
}

// The text with its trusted ranges in [ ].
std::string marked(const std::string& source, const char* variables) {
  const PromptText p = ChatTemplate(source).render(variables, 0);
  std::string out;
  size_t at = 0;
  for (const ByteRange& r : p.trusted) {
    out += p.text.substr(at, r.begin - at) + "[" + p.text.substr(r.begin, r.end - r.begin) + "]";
    at = r.end;
  }
  return out + p.text.substr(at);
}

TEST(TemplateLanguage, PrintsAsPython) {
  EXPECT_EQ(render("{{ none }} {{ true }} {{ 1 / 2 }} {{ 2.0 }} {{ [1, 'a', none, {'k': 1.5}] }}"),
            "None True 0.5 2.0 [1, 'a', None, {'k': 1.5}]");
  EXPECT_EQ(render("{{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 3 }} {{ 1 ~ 'x' }}"), "-4 2 8 1x");
}

TEST(TemplateLanguage, WhiteSpaceOfBlocks) {
  EXPECT_EQ(render("a\n  {% if true %}\n b\n  {% endif %}\nc\n"), "a\n b\nc");
  EXPECT_EQ(render("a  {%- if true -%}  b  {%- endif %} c"), "ab c");
}

TEST(TemplateLanguage, ScopesOfLoops) {
  EXPECT_EQ(render("{% set x = 1 %}{% for i in [1, 2] %}{% set x = i %}{% endfor %}{{ x }}"), "1");
  EXPECT_EQ(render("{% set n = namespace(x=1) %}{% for i in [1, 2] %}{% set n.x = i %}{% endfor "
                   "%}{{ n.x }}"),
            "2");
  EXPECT_EQ(
      render(
          "{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i > 3 %}{% break %}"
          "{% endif %}{{ i }}{{ ',' if not loop.first }}{% else %}none{% endfor %}"),
      "02,3,");
}

TEST(TemplateLanguage, MacrosAndCalls) {
  EXPECT_EQ(render("{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }} {{ m(1, b=3) }}"),
            "12 13");
  EXPECT_EQ(render("{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}x{% endcall %}"),
            "<x>");
}

TEST(TemplateLanguage, Slices) {
  EXPECT_EQ(render("{{ 'abcd'[::-1] }} {{ 'abcd'[1:-1] }} {{ [1, 2, 3][-2:] }} {{ 'abc'[-1] }}"),
            "dcba bc [2, 3] c");
}

TEST(TemplateLanguage, Json) {
  EXPECT_EQ(render("{{ x | tojson }}", R"({"x": {"z": 1, "a": ["é<", null, 1.0]}})"),
            R"({"z": 1, "a": ["é<", null, 1.0]})");
  EXPECT_EQ(render("{{ x | tojson(indent=2) }}", R"({"x": {"a": [1]}})"),
            "{\n  \"a\": [\n    1\n  ]\n}");
  EXPECT_EQ(render("{{ 'é' | tojson(ensure_ascii=true) }}"), "\"\\u00e9\"");
}

TEST(TemplateLanguage, Markup) {
  EXPECT_EQ(render("{{ 'a'|safe + '<' }} {{ 'a' + '<' }} {{ '<'|e }}"), "a&lt; a< &lt;");
}

TEST(TemplateLanguage, Undefined) {
  EXPECT_EQ(render("[{{ x }}]{{ x is defined }}{{ x | default('d') }}"), "[]Falsed");
  EXPECT_ERROR(render("{{ x.y }}"), ErrorCode::invalid_argument, "'x' is undefined");
  EXPECT_ERROR(render("{{ {}['a\nb'].c }}"), ErrorCode::invalid_argument, "'a b' is undefined");
  EXPECT_ERROR(render("{{ raise_exception('no\nway') }}"), ErrorCode::invalid_argument, "no way");
}

TEST(TemplateLanguage, SandboxKnowsOnlyData) {
  EXPECT_EQ(render("{{ ''.__class__ is defined }}{{ {}.__class__ is defined }}"), "FalseFalse");
  EXPECT_ERROR(render("{{ ''.__class__.__mro__ }}"), ErrorCode::invalid_argument, "undefined");
  EXPECT_ERROR(render("{{ [].append(1) }}"), ErrorCode::invalid_argument, "not allowed");
}

TEST(TemplateLanguage, TrustedRanges) {
  const char* vars = R"({"u": "<|x|>", "s": "  ab  ", "bos_token": "<s>", "n": 7})";
  EXPECT_EQ(marked("{{ bos_token }}<a>{{ u }}<b>", vars), "[<s><a>]<|x|>[<b>]");
  EXPECT_EQ(marked("{{ '<' + u + '>' }}", vars), "[<]<|x|>[>]");
  EXPECT_EQ(marked("{{ ('  ' ~ u ~ ' <e> ') | trim }}", vars), "<|x|>[ <e>]");
  EXPECT_EQ(marked("{{ u.replace('x', 'y') }}", vars), "<|[y]|>");
  EXPECT_EQ(marked("{{ ('<a>' + u).split('|')[0] }}", vars), "[<a>]<");
  EXPECT_EQ(marked("{{ [u, 'k'] | join('-') }}", vars), "<|x|>[-k]");
  EXPECT_EQ(marked("{{ ('<A>' + u) | upper }}{{ 'a' | upper }}", vars), "<A><|X|>[A]");
  EXPECT_EQ(marked("{{ [u] }}{{ n }}{{ u | tojson }}", vars), "['<|x|>']7\"<|x|>\"");
}

// However a mixed text is cut, each byte keeps its origin.
TEST(TemplateLanguage, EveryCutKeepsTheOrigin) {
  for (int begin = 0; begin <= 9; ++begin) {
    for (int end = begin; end <= 9; ++end) {
      const PromptText p =
          ChatTemplate(fmt::format("{{{{ ('TTT' ~ u ~ 'TTT')[{}:{}] }}}}", begin, end))
              .render(R"({"u": "uuu"})");
      std::string trusted(p.text.size(), 'u');
      for (const ByteRange& r : p.trusted) {
        for (size_t i = r.begin; i < r.end; ++i) trusted[i] = 'T';
      }
      EXPECT_EQ(trusted, p.text);
    }
  }
}

}  // namespace
}  // namespace ominix
