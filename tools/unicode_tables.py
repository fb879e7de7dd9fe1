#!/usr/bin/env python3
"""Writes src/text/unicode/tables.inc: character properties, case mappings and normalization data.

Needs unicodedata2 16.0 (pip install unicodedata2==16.0.0), the Unicode version of the regular
expression engine that tokenizer.json files are written for, and the tokenizers package, whose
engine is asked for scripts and graphemes. That reference normalizes with the data of Unicode 9.0,
so characters younger than that keep class 0 and no decomposition.

    python3 tools/unicode_tables.py > src/text/unicode/tables.inc
"""

import unicodedata2 as ud
from tokenizers import Regex, normalizers, pre_tokenizers

assert ud.unidata_version == "16.0.0", ud.unidata_version

# Younger than Unicode 9.0, and combining or decomposable.
AFTER_9 = [
    (0x7FD, 0x7FD), (0x897, 0x89F), (0x8CA, 0x8D3), (0x9FE, 0x9FE), (0xC3C, 0xC3C), (0xD3B,
    0xD3C), (0xEBA, 0xEBA), (0x1715, 0x1715), (0x1ABF, 0x1ACE), (0x1DF6, 0x1DFA), (0x32FF,
    0x32FF), (0xA7F2, 0xA7F4), (0xA82C, 0xA82C), (0xAB69, 0xAB69), (0x105C9, 0x105C9), (0x105E4,
    0x105E4), (0x10781, 0x10785), (0x10787, 0x107B0), (0x107B2, 0x107BA), (0x10D24, 0x10D27),
    (0x10D69, 0x10D6D), (0x10EAB, 0x10EAC), (0x10EFD, 0x10EFF), (0x10F46, 0x10F50), (0x10F82,
    0x10F85), (0x11070, 0x11070), (0x1133B, 0x1133B), (0x11383, 0x11383), (0x11385, 0x11385),
    (0x1138E, 0x1138E), (0x11391, 0x11391), (0x113C5, 0x113C5), (0x113C7, 0x113C8), (0x113CE,
    0x113D0), (0x1145E, 0x1145E), (0x11839, 0x1183A), (0x11938, 0x11938), (0x1193D, 0x1193E),
    (0x11943, 0x11943), (0x119E0, 0x119E0), (0x11A34, 0x11A34), (0x11A47, 0x11A47), (0x11A99,
    0x11A99), (0x11D42, 0x11D42), (0x11D44, 0x11D45), (0x11D97, 0x11D97), (0x11F41, 0x11F42),
    (0x16121, 0x16128), (0x1612F, 0x1612F), (0x16D68, 0x16D6A), (0x16FF0, 0x16FF1), (0x1CCD6,
    0x1CCF9), (0x1E030, 0x1E06D), (0x1E08F, 0x1E08F), (0x1E130, 0x1E136), (0x1E2AE, 0x1E2AE),
    (0x1E2EC, 0x1E2EF), (0x1E4EC, 0x1E4EF), (0x1E5EE, 0x1E5EF), (0x1F16C, 0x1F16C), (0x1FBF0,
    0x1FBF9),
]
AFTER_9 = {c for first, last in AFTER_9 for c in range(first, last + 1)}

CATEGORIES = ("Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp "
              "Cc Cf Cs Co").split()
# Alphabetic, without being a letter, mark or number.
OTHER_WORD = {c for first, last in [(0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169),
                                    (0x1F170, 0x1F189)] for c in range(first, last + 1)}
WORD, NFC_SAFE, NFD_SAFE, NFKC_SAFE, NFKD_SAFE = 1, 2, 4, 8, 16
ALL = range(0x110000)


def ccc(c):
    return 0 if c in AFTER_9 else ud.combining(chr(c))


def is_hangul(c):
    return 0xAC00 <= c < 0xD7A4


def decompose(c, compat):
    """Full decomposition as a list, or None."""
    if c in AFTER_9 or is_hangul(c) or 0xD800 <= c < 0xE000:
        return None
    out = ud.normalize("NFKD" if compat else "NFD", chr(c))
    return None if out == chr(c) else [ord(x) for x in out]


canonical = {c: d for c in ALL if (d := decompose(c, False))}
compat = {c: d for c in ALL if (d := decompose(c, True)) and d != canonical.get(c)}
pairs = {}
for c in canonical:
    raw = ud.decomposition(chr(c)).split()
    if len(raw) == 2 and not raw[0].startswith("<"):
        a, b = int(raw[0], 16), int(raw[1], 16)
        if ud.normalize("NFC", chr(a) + chr(b)) == chr(c):
            pairs[(a, b)] = c
# What can join with a character before it: never safe in the composed forms.
seconds = {b for _, b in pairs} | set(range(0x1161, 0x1176)) | set(range(0x11A7, 0x11C3))


def record(c):
    category = ud.category(chr(c))
    flags = 0
    if category[0] in "LM" or category in ("Nd", "Nl", "Pc") or c in OTHER_WORD:
        flags |= WORD
    if c in (0x200C, 0x200D):
        flags |= WORD
    still = ccc(c) == 0
    nfc_same = c in AFTER_9 or 0xD800 <= c < 0xE000 or ud.normalize("NFC", chr(c)) == chr(c)
    nfkc_same = c in AFTER_9 or 0xD800 <= c < 0xE000 or ud.normalize("NFKC", chr(c)) == chr(c)
    if still and c not in seconds and nfc_same:
        flags |= NFC_SAFE
    if still and c not in seconds and nfkc_same:
        flags |= NFKC_SAFE
    if still and c not in canonical and not is_hangul(c):
        flags |= NFD_SAFE
    if still and c not in canonical and c not in compat and not is_hangul(c):
        flags |= NFKD_SAFE
    return CATEGORIES.index(category), ccc(c), flags


def table(kind, name, values, form="{}"):
    print(f"constexpr {kind} {name}[] = {{")
    line = ""
    for value in values:
        item = form.format(*value) if isinstance(value, tuple) else form.format(value)
        if len(line) + len(item) > 97:
            print(line)
            line = ""
        line += item + ","
    print(line + "};")


records, index = {}, []
for c in ALL:
    index.append(records.setdefault(record(c), len(records)))
assert len(records) < 256
blocks, stage1 = {}, []
for start in range(0, len(index), 128):
    stage1.append(blocks.setdefault(tuple(index[start:start + 128]), len(blocks)))
assert len(blocks) < 65536

print("// Made by tools/unicode_tables.py from Unicode 16.0. Not edited by hand.")
table("Properties", "kRecords", list(records), "{{{},{},{}}}")
table("uint16_t", "kStage1", stage1)
table("uint8_t", "kStage2", [x for block in blocks for x in block])


def mapping(name, change):
    """Single-character results as pairs, longer ones through a pool."""
    rows, pool = [], []
    for c in ALL:
        if 0xD800 <= c < 0xE000:
            continue
        out = change(chr(c))
        if out == chr(c):
            continue
        rows.append((c, len(pool) if len(out) > 1 else ord(out), len(out)))
        if len(out) > 1:
            pool += [ord(x) for x in out]
    table("CaseRow", name, rows, "{{{},{},{}}}")
    return pool


def simple_fold(c):
    out = chr(c).casefold()
    return out if len(out) == 1 else chr(c)


# The interpreter's own case mappings are of another version; take what 16.0 assigns.
def assigned(change):
    return lambda s: change(s) if ud.category(s) != "Cn" else s


for name, change in (("Lower", str.lower), ("Upper", str.upper), ("Title", str.title)):
    pool = mapping(f"k{name}", assigned(change))
    table("char32_t", f"k{name}Pool", pool or [0])
folds = {}
for c in ALL:
    if not 0xD800 <= c < 0xE000:
        folds.setdefault(simple_fold(c), []).append(c)
# Every member of a class of characters that are equal without case: first, member.
table("CaseRow", "kFold", sorted((c, ord(f), 1) for f, cs in folds.items() if len(cs) > 1
                                 for c in cs), "{{{},{},{}}}")

pool = []
for name, data in (("kCanonical", canonical), ("kCompat", compat)):
    rows = []
    for c, out in sorted(data.items()):
        rows.append((c, len(pool), len(out)))
        pool += out
    table("CaseRow", name, rows, "{{{},{},{}}}")
table("char32_t", "kDecomposed", pool)
table("Composition", "kCompositions",
      sorted((a, b, c) for (a, b), c in pairs.items()), "{{{},{},{}}}")


def members(pattern):
    """Ranges of the characters that a class of the reference's engine holds."""
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    points = [c for c in ALL if not 0xD800 <= c < 0xE000]
    found = set()
    for start in range(0, len(points), 4096):
        text = "".join(map(chr, points[start:start + 4096]))
        for piece, _ in split.pre_tokenize_str(text):
            found.update(map(ord, piece))
    ranges = []
    for c in sorted(found):
        if ranges and ranges[-1][1] == c - 1:
            ranges[-1][1] = c
        else:
            ranges.append([c, c])
    return ranges


SCRIPTS = ("Han Hiragana Katakana Hangul Bopomofo Latin Greek Cyrillic Arabic Hebrew Thai Lao Khmer "
           "Devanagari Bengali Tamil Telugu Gujarati Kannada Malayalam Georgian Armenian Common "
           "Inherited").split()
table("ScriptRange", "kScripts", [(name.lower(), *r) for name in SCRIPTS
                                  for r in members(rf"\p{{{name}}}")], '{{"{}",{},{}}}')


def ranges(points):
    out = []
    for c in sorted(points):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return [tuple(r) for r in out]


# The reference's own steps know categories of other versions than 16.0, one version each: where they
# say otherwise. They are asked about each character between two letters.
def removed(normalizer):
    return lambda c: normalizer.normalize_str(chr(c)) == ""


def cut(pre_tokenizer):
    return lambda c: len(pre_tokenizer.pre_tokenize_str(f"a{chr(c)}b")) == 3


def bert(**steps):
    off = dict.fromkeys(("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"), False)
    return normalizers.BertNormalizer(**{**off, **steps})


for name, says, ours in (
        ("kOddPunctuation", cut(pre_tokenizers.Punctuation("isolated")), lambda k: k[0] == "P"),
        ("kOddNumbers", cut(pre_tokenizers.Digits(True)), lambda k: k[0] == "N"),
        ("kOddMarks", removed(normalizers.StripAccents()), lambda k: k[0] == "M"),
        ("kOddNonspacing", removed(bert(strip_accents=True)), lambda k: k == "Mn"),
        ("kOddControls", removed(bert(clean_text=True)), lambda k: k in ("Cc", "Cf", "Co"))):
    table("OddRange", name, ranges(c for c in range(128, 0x110000) if not 0xD800 <= c < 0xE000
                                   and c != 0xFFFD and says(c) != ours(ud.category(chr(c)))), "{{{},{}}}")
