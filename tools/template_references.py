#!/usr/bin/env python3
"""tools/template_references.py cases | sample | compare PROGRAM [N]

Chat templates beside jinja2 3.1 with the settings of transformers (sandbox, trim_blocks,
lstrip_blocks, loop controls, tojson without escapes, generation blocks).

cases    writes tests/text/data/references/jinja.json: small templates and what jinja2 makes of them
sample   writes …/template-contexts.json and …/template-hashes.json: 40 generated contexts, and the
         FNV-1a hash of what each published template of tests/text/data/chat-templates makes of them
compare  renders N (1000) generated contexts with every published template by
         `PROGRAM contexts TEMPLATE` (ominix-bench-text), and counts the differences
"""
import datetime
import functools
import json
import pathlib
import random
import subprocess
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

DATA = pathlib.Path(__file__).resolve().parents[1] / "tests/text/data"
OUT = DATA / "references"
NOW = datetime.datetime(2025, 7, 26, 12, 34, 56)


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators,
                      sort_keys=sort_keys)


def environment():
    env = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


@functools.lru_cache
def compiled(env, source):
    return env.from_string(source)


def render(env, source, context):
    try:
        return {"ok": True, "text": compiled(env, source).render(**context)}
    except Exception:  # what the words are is free
        return {"ok": False}


CASES = r"""
{{ 'ÄÖß straße ΑΣ'.lower() }}|{{ 'ÄÖß straße ﬁ'.upper() }}|{{ 'ΟΔΥΣΣΕΥΣ ΑΣ. Σ'|lower }}
{{ 'they\'re bill\'s ǆ été'.title() }}|{{ 'they\'re-bill (été x'|title }}|{{ 'éTÉ'|capitalize }}|{{ 'aÉ'.swapcase() }}
{{ 1 < 2 < 3 }}{{ 1 < 3 < 2 }}{{ 3 > 2 >= 2 == 2 }}{{ 1 in [1] == true }}{{ 1 not in [2] }}
{% for i in range(5) %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i // 2) }}{{ loop.depth }} {% endfor %}
{% for x in t recursive %}{{ loop.depth }}{{ x.n }}({{ loop(x.c) if x.c }}){% endfor %}
{% for g, l in m|groupby('role') %}{{ g }}:{{ l|map(attribute='content')|join(',') }};{% endfor %}
{% for g in m|groupby('role') %}{{ g.grouper }}={{ g.list|length }} {% endfor %}
{% for row in range(7)|batch(3, 'x') %}{{ row }}{% endfor %}|{% for row in range(7)|slice(3, 'x') %}{{ row }}{% endfor %}
{{ ['b', 'A', 'c', 'B']|sort }}{{ ['b', 'A']|sort(case_sensitive=true) }}{{ ['a', 'A', 'b']|unique|list }}{{ ['b', 'A']|min }}{{ [3, 1]|max }}
{{ m|sort(attribute='content', reverse=true)|map(attribute='content')|list }}{{ m|sum(attribute='n') }}{{ [1, 2]|sum(start=3) }}
{{ {'b': 1, 'A': 2}|dictsort }}{{ {'b': 1, 'A': 2}|dictsort(by='value') }}{{ {'b': 1, 'A': 2}|dictsort(true, reverse=true) }}
{{ (1, 2) }}{{ (1,) }}{{ () }}{{ {'a': (1, 'x')} }}{{ [1] == (1,) }}{{ {'a': 1}.items()|list }}
{{ '%s has %d (%.2f%%) %5s|%-5s|%05d %x %r'|format('x', 3, 1.5, 'r', 'l', 42, 255, 'q') }}{{ '%s' % 'one' }}{{ '%s-%s' % (1, 2) }}
{{ 'a{}b{}c{0}'.replace('{0}', '').format(1, 'x') }}{{ '{0} {1} {0}'.format('a', 2) }}{{ '{k} {{}}'.format(k='v') }}
{{ 'a.b.c'.partition('.') }}{{ 'a.b.c'.rpartition('.') }}{{ 'abc'.partition('x') }}{{ 'abc'.rpartition('x') }}
{{ 'x'.center(6, '*') }}{{ 'xy'.center(5) }}|{{ 'x'|center(4) }}|{{ '-7'.zfill(4) }}{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }}
{{ 'prefix-x'.removeprefix('prefix-') }}{{ 'x.txt'.removesuffix('.txt') }}{{ 'abcabc'.rfind('b') }}{{ 'éaé'.find('a') }}{{ 'aXbX'.rsplit('X', 1) }}
{{ ' a b  c '.split(none, 1) }}{{ ' a b  c '.rsplit(none, 1) }}{{ 'a\nb\r\nc'.splitlines() }}{{ 'a\nb'.splitlines(true) }}
{{ 'Abc1'.isalnum() }}{{ 'é'.isalpha() }}{{ '²'.isdigit() }}{{ '²'.isdecimal() }}{{ '½'.isnumeric() }}{{ 'ABC'.isupper() }}{{ 'Ab'.istitle() }}{{ 'é'.isascii() }}{{ 'ß'.islower() }}
{{ 'a longer text than that'|truncate(12) }}|{{ 'abcdefgh'|truncate(5, true, '', 0) }}|{{ 'two words, é'|wordcount }}|{{ 'a b/c&é'|urlencode }}|{{ {'k': 'a b'}|urlencode }}
{{ 'a\n\nb\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent('> ', blank=true) }}|{{ 'a\nb\n'|indent }}|
{% with a = 1, b = 'x' %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}{% filter upper|trim %} shout é {% endfilter %}{% set x | upper %}low{% endset %}{{ x }}
{% raw %}{{ not run }} {% if %}{% endraw %}{{ 1 }}
  {% raw -%}  a {%- endraw %} b
{% macro list(items) %}{% for i in items %}[{{ caller(i, loop.index) }}]{% endfor %}{% endmacro %}{% set o = 'o' %}{% call(x, n) list(['a', 'b']) %}{{ x }}{{ n }}{{ o }}{% endcall %}
{{ 1e3 }} {{ 1.5e-3 }} {{ 2 ** 10 }} {{ 7 // 2 }} {{ -7 % 3 }} {{ 1_000 }} {{ 10 / 4 }} {{ 1e16 }} {{ 0.1 + 0.2 }}
{{ '\x41\u00e9\101\t|' }}{{ 'a' 'b' }}{{ "it's" }}{{ ['it\'s', "q\"", 'é\n'] }}
{{ ' 12 '|int }}{{ '3.9'|int }}{{ 'x'|int(7) }}{{ 'ff'|int(0, 16) }}{{ '1e3'|int }}{{ ' 2.5 '|float }}{{ '0x1f'|int }}{{ true|int }}
{{ 2.5|round }}{{ 2.675|round(2) }}{{ 2.1|round(0, 'ceil') }}{{ 2.9|round(method='floor') }}{{ 3|round }}{{ -3|abs }}
{{ x|tojson }}{{ {'b': [1, {'c': none}], 'a': 'é<'}|tojson(indent=2) }}{{ {'b': 1, 'a': 2}|tojson(separators=(',', ':'), sort_keys=true) }}{{ 'é'|tojson(true) }}
{{ [0] * 3 }}{{ 3 * 'ab' }}{{ 'ab' * 0 }}{{ [1, 2] + [3] }}{{ 'a' ~ 1 ~ none }}
{{ m|selectattr('role', 'equalto', 'user')|map(attribute='content')|list }}{{ m|rejectattr('n')|list|length }}{{ [1, 2, 3]|select('gt', 1)|list }}{{ [0, 1]|reject|list }}
{{ [1, 2] is sequence }}{{ 'a' is string }}{{ 1 is number }}{{ 1.0 is float }}{{ true is integer }}{{ {} is mapping }}{{ none is none }}{{ q is undefined }}{{ 3 is odd }}{{ 4 is divisibleby 2 }}{{ 'a' is in 'abc' }}{{ 1 is eq 1 }}{{ 2 is ge 2 }}{{ 'upper' is filter }}{{ 'A' is upper }}{{ q is iterable }}
{{ m|map('length')|list }}{{ ['a', 'b']|map('upper')|join('-') }}{{ 'abc'|list }}{{ 'abc'|reverse }}{{ 'abc'|first }}{{ [1, 2]|last }}{{ 'a-b'|replace('-', '+') }}
{{ m[0].role }}{{ m[0]['role'] }}{{ m[-1].content[::-1] }}{{ m[1:]|length }}{{ 'héllo'[1:4] }}{{ (m|first).role }}{{ m.0.role }}
{{ m|map(attribute='none', default='d')|list }}{{ t|map(attribute='c.0.n')|list }}{{ ['x']|attr('nothing') is undefined }}
{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}{% for k in {'a': 1} %}{{ k }}{% else %}e{% endfor %}{% for i in [] %}x{% else %}empty{% endfor %}
{% for i in range(10) if i is odd %}{{ i }}{{ loop.index }}/{{ loop.length }}{{ ',' if not loop.last }}{% if i > 6 %}{% break %}{% endif %}{% endfor %}
{%- set ns = namespace(n=0, l=[]) -%}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.n }}{{ ns.l }}
{{ strftime_now('%d %b %Y') }}{{ dict(a=1) }}{{ namespace is callable }}{{ 'x' if false }}{{ [q, none]|tojson if false else 'k' }}
{{ 'a' < 'b' }}{{ 'B' < 'a' }}{{ 1 == 1.0 }}{{ 'é' > 'z' }}{{ [1, 2] == [1, 2] }}{{ not 1 == 2 }}{{ 1 if 0 else 2 if 0 else 3 }}
{{ 'abc'.count('b') }}{{ 'x,y'.split(',') }}{{ '  x '.strip() }}{{ 'xxaxx'.strip('x') }}{{ 'ab'.startswith(('a', 'z')) }}{{ ','.join(['a', 'b']) }}{{ 'tEst'.capitalize() }}
{{ m[0].get('role') }}{{ m[0].get('zz', 'd') }}{{ m[0].keys()|list }}{{ m[0].values()|list }}{{ 'role' in m[0] }}{{ m[0]|length }}{{ m[0]|list }}
{{ '<a>'|e }}{{ '<a>'|safe }}{{ ('<'|e) ~ '<' }}{{ [1, 'a', 1.5, none, true]|join('|') }}{{ 'x'|default('y') }}{{ q|default('y') }}{{ ''|default('z', true) }}
{{ 'a' < 1 }}
{{ [1, 'a']|sort }}
{{ q.a }}
{{ 'abc'|nothing }}
{{ '%d'|format('x') }}
{{ '{}'.format() }}
{{ [].append(1) }}
{{ {}.update(a=1) }}
{{ 1 / 0 }}
{{ raise_exception('no') }}
""".strip("\n").split("\n")
VARIABLES = {
    "m": [{"role": "user", "content": "héllo", "n": 1}, {"role": "Assistant", "content": "b", "n": 2},
          {"role": "user", "content": "a", "n": 3}, {"role": "assistant", "content": "Z", "n": 0}],
    "t": [{"n": "a", "c": [{"n": "b", "c": []}, {"n": "c", "c": [{"n": "d", "c": []}]}]}],
    "x": {"z": 1, "a": ["é", None, True, 1.0, 1e-7]},
}


def word(rng):
    pool = ["hello", "Wörld", "你好", "🙂", "<|im_end|>", "</s>", "[INST]", "<think>", "</think>", "a\nb", "  ",
            "\t", "'quoted\"", "\\", "{{ x }}", "{% if %}", "é", "1.5", "", "\u00a0", "tool_call", "&<>"]
    return rng.choice(pool)


def sentence(rng, least=0):
    return " ".join(word(rng) for _ in range(rng.randint(least, 8)))


def schema(rng):
    kinds = ["string", "integer", "number", "boolean", "array", "object"]
    properties = {}
    for name in rng.sample(["city", "unit", "days", "größe", "options", "x"], rng.randint(0, 4)):
        kind = rng.choice(kinds)
        properties[name] = {"type": kind, "description": sentence(rng)}
        if kind == "string" and rng.random() < 0.4:
            properties[name]["enum"] = ["a", "b"]
        if kind == "array":
            properties[name]["items"] = {"type": "string"}
        if rng.random() < 0.2:
            properties[name]["default"] = 1
    return {"type": "object", "properties": properties,
            "required": [n for n in properties if rng.random() < 0.5]}


def tool(rng, n):
    return {"type": "function", "function": {"name": f"tool_{n}", "description": sentence(rng, 1),
                                             "parameters": schema(rng)}}


def arguments(rng):
    values = [lambda: sentence(rng), lambda: rng.randint(-5, 1000), lambda: 1.5, lambda: True, lambda: None,
              lambda: [1, "zwei"], lambda: {"k": sentence(rng)}]
    return {n: rng.choice(values)() for n in rng.sample(["city", "unit", "days", "größe"], rng.randint(0, 3))}


def context(rng):
    messages, calls = [], 0
    for _ in range(rng.choice([0, 0, 1, 1, 1, 2])):
        messages.append({"role": "system", "content": sentence(rng)})
    for _ in range(rng.randint(0, 4)):
        parts = rng.random() < 0.1
        text = sentence(rng)
        messages.append({"role": "user", "content": [{"type": "text", "text": text}] if parts else text})
        if rng.random() < 0.35:
            ids = []
            message = {"role": "assistant", "content": rng.choice(["", None, sentence(rng)]), "tool_calls": []}
            for _ in range(rng.randint(1, 2)):
                calls += 1
                ids.append(f"call{calls:05d}")
                message["tool_calls"].append({"id": ids[-1], "type": "function", "function": {
                    "name": f"tool_{rng.randint(0, 2)}", "arguments": arguments(rng)}})
            messages.append(message)
            for i in ids:
                messages.append({"role": "tool", "tool_call_id": i, "name": "tool_0", "content": sentence(rng)})
        if rng.random() < 0.8:
            message = {"role": "assistant", "content": sentence(rng)}
            if rng.random() < 0.3:
                message["reasoning_content"] = sentence(rng)
            messages.append(message)
    if rng.random() < 0.3 and messages and messages[-1]["role"] == "assistant":
        messages.pop()
    if rng.random() < 0.1:
        messages.append({"role": rng.choice(["developer", "critic"]), "content": sentence(rng)})
    out = {"messages": messages, "add_generation_prompt": rng.random() < 0.7, "bos_token": "<s>",
           "eos_token": "</s>", "tools": None, "documents": None}
    if rng.random() < 0.5:
        out["tools"] = [tool(rng, n) for n in range(rng.randint(0, 3))] or None
    for name in ("enable_thinking", "thinking", "clear_thinking", "custom_tools"):
        if rng.random() < 0.2:
            out[name] = rng.random() < 0.5
    return out


def contexts(count, seed):
    return {f"c{n}": context(random.Random(seed * 1_000_003 + n)) for n in range(count)}


def templates():
    return sorted((DATA / "chat-templates").glob("*.jinja"))


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def cases():
    env = environment()
    rows = [{"source": s, **render(env, s, VARIABLES)} for s in CASES]
    (OUT / "jinja.json").write_text(json.dumps({"variables": VARIABLES, "cases": rows},
                                               ensure_ascii=False, indent=1) + "\n")


def sample():
    env, all_contexts = environment(), contexts(40, 1)
    (OUT / "template-contexts.json").write_text(json.dumps(all_contexts, ensure_ascii=False, indent=0) + "\n")
    hashes = {}
    for path in templates():
        results = (render(env, path.read_text(), c) for c in all_contexts.values())
        hashes[path.stem] = [fnv(r["text"]) if r["ok"] else "error" for r in results]
    (OUT / "template-hashes.json").write_text(json.dumps(hashes, indent=0) + "\n")


def compare(program, count):
    env, all_contexts, total = environment(), contexts(count, 2), 0
    for path in templates():
        found = json.loads(subprocess.run([program, "contexts", path], input=json.dumps(all_contexts),
                                          capture_output=True, text=True, check=True).stdout)
        different, rendered = [], 0
        for name, value in all_contexts.items():
            want = render(env, path.read_text(), value)
            rendered += want["ok"]
            if want["ok"] != found[name]["ok"] or want.get("text") != found[name].get("text"):
                different.append(name)
                if len(different) == 1:
                    print(json.dumps({"want": want, "found": found[name]}, ensure_ascii=False)[:3000])
        total += len(different)
        print(f"{path.stem}: {rendered} of {count} render, {len(different)} differ", flush=True)
    print(f"{total} differences")
    sys.exit(total != 0)


if sys.argv[1] == "cases":
    cases()
elif sys.argv[1] == "sample":
    sample()
else:
    compare(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1000)
