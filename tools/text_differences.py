#!/usr/bin/env python3
"""tools/text_differences.py PROGRAM DATA [N]
tools/text_differences.py sample DATA

Encodes and decodes N (10000) random and nasty strings with many tokenizers, here by
`PROGRAM lines MODEL` (ominix-bench-text) and there by the tokenizers, sentencepiece, tiktoken and
mistral-common packages; counts the differences, status 1 where there is one. DATA is a folder with
tokenizers/qwen, tokenizers/mistral, tokenizers/whisper, text and models/stories260K-hf. Tokenizers that
nobody publishes are trained on the spot, one for each kind of normalizer, pre-tokenizer, model and
decoder.

`sample` writes tests/text/data/references/kinds.json instead: small tokenizers of each kind, 40 strings,
and what the tokenizers package makes of them.
"""
import base64
import io
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

import mistral_common
import sentencepiece
import tiktoken
from mistral_common.tokens.tokenizers.tekken import Tekkenizer
from tokenizers import (AddedToken, Regex, Tokenizer, decoders as D, models as M, normalizers as N,
                        pre_tokenizers as P, processors, trainers as T)

PROGRAM, DATA = sys.argv[1], pathlib.Path(sys.argv[2])
SAMPLE = PROGRAM == "sample"
COUNT = 40 if SAMPLE else int(sys.argv[3]) if len(sys.argv) > 3 else 10000
SHOWN = 3  # differences printed for each tokenizer

Q = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
     r"|\s+(?!\S)|\s+")
L3 = Q.replace(r"\p{N}|", r"\p{N}{1,3}|", 1)
Q35 = Q.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"?[^\s\p{L}\p{N}]+", r"?[^\s\p{L}\p{M}\p{N}]+")
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?"
          r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

POOL = ["the", " quick", "brown", "'s", "'LL", "'ſ", " ", "  ", "\n", "\r\n", "\t", "1", "23", "4567", "½", "é",
        "e\u0301", "猫", "こんにちは", "🙂", "👨\u200d👩\u200d👧", "<|im_start|>", "<|im_end|>", "<s>", "[INST]", "<|tool|>",
        "<", "|", ">", "…", "--", "\u00a0", "\u3000", "Å", "привет", "()", "{}", "\u200d", "\ufeff", "\u2581",
        "\u2581\u2581", "ﬁ", "Ａ", "한국어", "กำ", "ا\u0644", "I\u0307", "<0x41>", "<unk>", "</w>", "A B", "\u0345", "𐍈"]
POINTS = [c for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]


def strings():
    rng = random.Random(5)
    out = []
    for _ in range(COUNT):
        kind = rng.random()
        if kind < 0.25:
            out.append("".join(chr(rng.choice(POINTS)) for _ in range(rng.randint(0, 30))))
        elif kind < 0.3:
            out.append(rng.choice(POOL) * rng.randint(1, 60))
        else:
            out.append("".join(rng.choice(POOL) for _ in range(rng.randint(0, 40))))
    return out


TEXTS = strings()
CORPUS = [line for name in ("tinyshakespeare.txt", "zh_reviews_sample.txt", "song_ci_sample.txt")
          for line in (DATA / "text" / name).read_text().split("\n")[:2500] if line.strip()]
if SAMPLE:
    CORPUS = CORPUS[:800] + ["猫 é привет Å 12 A B"] * 3
kinds = []
total = 0


def ours(model, special=False):
    command = [PROGRAM, "lines", model] + (["special"] if special else [])
    out = subprocess.run(command, input="".join(json.dumps(t) + "\n" for t in TEXTS), capture_output=True,
                         text=True)
    if out.returncode:
        sys.exit(f"{model}: {out.stderr}")
    return [json.loads(line) for line in out.stdout.split("\n") if line]


def compare(name, model, encode, decode, special=False):
    global total
    ids_differ = text_differs = 0
    for text, found in zip(TEXTS, ours(model, special)):
        want = encode(text)
        if want != found["ids"]:
            ids_differ += 1
            if ids_differ <= SHOWN:
                print(f"  {text!r}\n    want {want}\n    have {found['ids']}")
            continue
        back = decode(want)
        if back != found["text"]:
            text_differs += 1
            if text_differs <= SHOWN:
                print(f"  {want}\n    want {back!r}\n    have {found['text']!r}")
    total += ids_differ + text_differs
    print(f"{name}: {len(TEXTS)} texts, {ids_differ} encode and {text_differs} decode differently", flush=True)


def compare_tokenizer(name, tokenizer, folder, special=False):
    tokenizer.encode_special_tokens = not special
    if SAMPLE:
        rows = []
        for text in TEXTS:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            rows.append([text, ids, tokenizer.decode(ids, skip_special_tokens=False)])
        kinds.append({"name": name, "special": special, "tokenizer": json.loads(tokenizer.to_str()), "texts": rows})
        return
    path = folder / f"{name}.json"
    tokenizer.save(str(path))
    compare(f"{name}{' with special tokens' if special else ''}", path,
            lambda s: tokenizer.encode(s, add_special_tokens=False).ids,
            lambda ids: tokenizer.decode(ids, skip_special_tokens=False), special)


def trained(model, trainer, normalizer=None, pre=None, decoder=None, added=()):
    tokenizer = Tokenizer(model)
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    if decoder:
        tokenizer.decoder = decoder
    if SAMPLE:
        trainer.vocab_size = 500
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens(["<|im_start|>", AddedToken("<|im_end|>", rstrip=True, normalized=False)])
    tokenizer.add_tokens(list(added))
    return tokenizer


def byte_level(pattern):
    steps = [P.Split(Regex(pattern), "isolated")] if pattern else []
    return P.Sequence([*steps, P.ByteLevel(add_prefix_space=False, use_regex=not pattern)])


def byte_trainer(size=3000):
    return T.BpeTrainer(vocab_size=size, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False)


def tokenizers(folder):
    odd = [AddedToken("A B", lstrip=True), AddedToken("猫", single_word=True), AddedToken("é", normalized=True),
           AddedToken("привет", rstrip=True, normalized=False)]
    for name, pattern, normalizer in (("bytes-q", Q, N.NFC()), ("bytes-l3", L3, None), ("bytes-q35", Q35, N.NFC()),
                                      ("bytes-tekken", TEKKEN, None), ("bytes-gpt2", None, None),
                                      ("bytes-nfkc", Q, N.NFKC())):
        made = trained(M.BPE(), byte_trainer(), normalizer, byte_level(pattern), D.ByteLevel(), odd)
        compare_tokenizer(name, made, folder)
        compare_tokenizer(name, made, folder, special=True)
    merged = json.loads(trained(M.BPE(), byte_trainer(), None, byte_level(L3), D.ByteLevel()).to_str())
    merged["model"]["ignore_merges"] = True
    compare_tokenizer("bytes-ignore-merges", Tokenizer.from_str(json.dumps(merged)), folder)
    compare_tokenizer("bytes-prefix-space", trained(
        M.BPE(), byte_trainer(), None, P.ByteLevel(add_prefix_space=True), D.ByteLevel()), folder)
    compare_tokenizer("digits-gpt2", trained(M.BPE(), byte_trainer(), None, P.Sequence(
        [P.Digits(individual_digits=True), P.ByteLevel(add_prefix_space=False)]), D.ByteLevel()), folder)
    compare_tokenizer("clip", trained(
        M.BPE(unk_token="<unk>", end_of_word_suffix="</w>"),
        T.BpeTrainer(vocab_size=2000, end_of_word_suffix="</w>", special_tokens=["<unk>"], show_progress=False,
                     initial_alphabet=P.ByteLevel.alphabet()),
        N.Sequence([N.NFC(), N.Replace(Regex(r"\s+"), " "), N.Lowercase()]),
        P.Sequence([P.Split(Regex(CLIP), "removed", invert=True), P.ByteLevel(add_prefix_space=False)]),
        D.ByteLevel()), folder)
    fallback = [f"<0x{i:02X}>" for i in range(256)]
    for name, special in (("bpe-fallback", ["<unk>", *fallback]), ("bpe-fuse-unk", ["<unk>"])):
        made = json.loads(trained(
            M.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=len(special) > 1),
            T.BpeTrainer(vocab_size=2500, special_tokens=special, show_progress=False),
            N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None,
            D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)])).to_str())
        made["added_tokens"] = [t for t in made["added_tokens"] if t["content"] not in fallback]
        compare_tokenizer(name, Tokenizer.from_str(json.dumps(made)), folder)
        compare_tokenizer(name, Tokenizer.from_str(json.dumps(made)), folder, special=True)
    compare_tokenizer("bpe-gemma", trained(
        M.BPE(unk_token="<unk>", fuse_unk=True),
        T.BpeTrainer(vocab_size=2500, special_tokens=["<unk>"], show_progress=False), N.Replace(" ", "▁"),
        P.Split(" ", "merged_with_previous"), D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse()])),
        folder)
    for scheme in ("first", "always", "never"):
        made = trained(M.Unigram(), T.UnigramTrainer(vocab_size=6000, unk_token="<unk>", special_tokens=["<unk>"],
                                                     show_progress=False),
                       N.Sequence([N.Nmt(), N.NFKC()]), P.Metaspace(prepend_scheme=scheme),
                       D.Metaspace(prepend_scheme=scheme), odd)
        compare_tokenizer(f"unigram-{scheme}", made, folder, special=scheme == "first")
    compare_tokenizer("wordpiece-bert", trained(
        M.WordPiece(unk_token="[UNK]"), T.WordPieceTrainer(vocab_size=2000, special_tokens=["[UNK]"],
                                                           show_progress=False),
        N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece()), folder)
    compare_tokenizer("wordlevel", trained(
        M.WordLevel(unk_token="<unk>"), T.WordLevelTrainer(vocab_size=2000, special_tokens=["<unk>"],
                                                           show_progress=False),
        N.Sequence([N.NFD(), N.StripAccents(), N.Strip()]), P.Sequence([P.Whitespace(), P.Digits(True)])), folder)
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        compare_tokenizer(f"split-{behavior}", trained(
            M.BPE(unk_token="<unk>"), T.BpeTrainer(vocab_size=1500, special_tokens=["<unk>"], show_progress=False),
            N.NFKD(), P.Sequence([P.Punctuation(behavior), P.Split(Regex(r"\s|\d{2}"), behavior)]),
            D.BPEDecoder()), folder)


def qwen(folder):
    source = DATA / "tokenizers/qwen"
    tokenizer = Tokenizer(M.BPE.from_file(str(source / "vocab.json"), str(source / "merges.txt")))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = N.NFC(), byte_level(Q), D.ByteLevel()
    added = json.loads((source / "added_tokens.json").read_text())
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in added["qwen3"]])
    compare_tokenizer("qwen3", tokenizer, folder)
    compare_tokenizer("qwen3", tokenizer, folder, special=True)
    tokenizer.encode_special_tokens = True
    compare("qwen3 of vocab.json and merges.txt", source,
            lambda s: tokenizer.encode(s, add_special_tokens=False).ids,
            lambda ids: tokenizer.decode(ids, skip_special_tokens=False))


def sentencepieces(folder):
    found = {p.name: p for p in [*sorted((DATA / "tokenizers/mistral").iterdir()),
                                 DATA / "models/stories260K-hf/tokenizer.model"]}
    common = dict(vocab_size=6000, character_coverage=0.98, hard_vocab_limit=False, num_threads=2, minloglevel=2)
    for name, options in {
            "unigram": dict(model_type="unigram"),
            "unigram-cf": dict(model_type="unigram", normalization_rule_name="nfkc_cf", byte_fallback=True),
            "unigram-raw": dict(model_type="unigram", normalization_rule_name="identity", byte_fallback=True,
                                remove_extra_whitespaces=False, user_defined_symbols=["<|tool|>", "  ", "猫"]),
            "bpe": dict(model_type="bpe", user_defined_symbols=["<|tool|>", "1"]),
            "bpe-raw": dict(model_type="bpe", normalization_rule_name="identity", byte_fallback=True,
                            remove_extra_whitespaces=False, add_dummy_prefix=False),
            "bpe-suffix": dict(model_type="bpe", treat_whitespace_as_suffix=True),
            "unigram-suffix": dict(model_type="unigram", treat_whitespace_as_suffix=True)}.items():
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_writer=out,
                                                 **{**common, **options})
        found[name] = folder / f"{name}.model"
        found[name].write_bytes(out.getvalue())
    for name, path in found.items():
        reference = sentencepiece.SentencePieceProcessor(model_proto=path.read_bytes())
        compare(f"sentencepiece {name}", path, reference.encode, reference.decode)


def ranks():
    for path in sorted((DATA / "tokenizers/whisper").glob("*.tiktoken")):
        table = {base64.b64decode(t): int(r) for t, r in
                 (line.split() for line in path.read_text().split("\n") if line)}
        reference = tiktoken.Encoding(path.stem, pat_str=GPT2, mergeable_ranks=table, special_tokens={})
        compare(f"tiktoken {path.stem}", path, reference.encode_ordinary, reference.decode)
    for path in sorted((pathlib.Path(mistral_common.__file__).parent / "data").glob("tekken_*.json")):
        reference = Tekkenizer.from_file(path)
        compare(path.stem, path, lambda s: reference.encode(s, bos=False, eos=False), reference.decode)


with tempfile.TemporaryDirectory() as temporary:
    where = pathlib.Path(temporary)
    if not SAMPLE:
        qwen(where)
        sentencepieces(where)
        ranks()
    tokenizers(where)
if SAMPLE:
    out = pathlib.Path(__file__).resolve().parents[1] / "tests/text/data/references/kinds.json"
    out.write_text("[\n" + ",\n".join(json.dumps(k, ensure_ascii=False, separators=(",", ":")) for k in kinds) + "\n]\n")
    sys.exit()
print(f"{total} differences")
sys.exit(total != 0)
