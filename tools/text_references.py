#!/usr/bin/env python3
"""tools/text_references.py DATA [OUT]

Writes tests/text/data/references: small tokenizers and what the reference libraries make of texts.
DATA is a folder with tokenizers/qwen, tokenizers/whisper and tokenizer-vectors/strings. Subsets keep
the ids: every token is kept that could be part of one of the texts, so their ids do not change.
Needs sentencepiece 0.2.3, mistral-common (its tekken_240911.json), and nothing of this project.
"""
import base64
import io
import json
import pathlib
import sys

import mistral_common
import sentencepiece
from mistral_common.tokens.tokenizers.tekken import Tekkenizer

DATA = pathlib.Path(sys.argv[1])
OUT = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else
                   pathlib.Path(__file__).resolve().parents[1] / "tests/text/data/references")
STRINGS = DATA / "tokenizer-vectors/strings"


def vectors(name):
    return json.loads((STRINGS / name).read_text())


def write(name, value):
    lines = ",\n".join(json.dumps(v, ensure_ascii=True) for v in value)
    (OUT / name).write_text(f"[\n{lines}\n]\n")


def possible(tokens, texts):
    """The byte strings among `tokens` that could stand in one of the texts; single bytes always."""
    whole = "\0".join(texts).encode()
    return {t for t in tokens if len(t) == 1 or t in whole}


def alphabet():
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    chars, extra = {b: chr(b) for b in plain}, 256
    for b in range(256):
        if b not in chars:
            chars[b], extra = chr(extra), extra + 1
    return {c: b for b, c in chars.items()}


def qwen(texts):
    to_byte = alphabet()
    raw = lambda token: bytes(to_byte[c] for c in token)
    vocab = json.loads((DATA / "tokenizers/qwen/vocab.json").read_text())
    # ";\n" shows the pattern that the vocabulary was made with.
    keep = possible({raw(t) for t in vocab}, [*texts, ";\n"])
    small = {t: i for t, i in vocab.items() if raw(t) in keep}
    merges = []
    for line in (DATA / "tokenizers/qwen/merges.txt").read_text().split("\n"):
        parts = line.split(" ")
        if line.startswith("#version") or (len(parts) == 2 and "".join(parts) in small):
            merges.append(line)
    folder = OUT / "qwen"
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(small, ensure_ascii=False))
    (folder / "merges.txt").write_text("\n".join(merges) + "\n")
    added = json.loads((DATA / "tokenizers/qwen/added_tokens.json").read_text())["qwen3"]
    (folder / "added_tokens.json").write_text(json.dumps(added, indent=1) + "\n")


def tiktoken(source, name, texts):
    lines = [line.split() for line in source.read_text().split("\n") if line]
    tokens = {base64.b64decode(t) for t, _ in lines}
    keep = possible(tokens, [*texts, "2000"])
    (OUT / name).write_text("".join(f"{t} {r}\n" for t, r in lines if base64.b64decode(t) in keep))


def tekken(texts):
    source = pathlib.Path(mistral_common.__file__).parent / "data/tekken_240911.json"
    reference = Tekkenizer.from_file(source)
    model = json.loads(source.read_text())
    keep = possible({base64.b64decode(v["token_bytes"]) for v in model["vocab"]}, texts)
    model["vocab"] = [{"rank": v["rank"], "token_bytes": v["token_bytes"]} for v in model["vocab"]
                      if base64.b64decode(v["token_bytes"]) in keep]
    model["special_tokens"] = model.get("special_tokens", [])[:40]
    (OUT / "tekken.json").write_text(json.dumps(model, ensure_ascii=False))
    write("tekken-vectors.json",
          [{"text": t, "ids": reference.encode(t, bos=False, eos=False)} for t in texts])


def sentencepieces(texts):
    corpus = [line for name in ("tinyshakespeare.txt", "zh_reviews_sample.txt")
              for line in (DATA / "text" / name).read_text().split("\n")[:1500 if name[0] == "t" else 40] if line.strip()]
    common = dict(vocab_size=900, character_coverage=0.98, hard_vocab_limit=False, num_threads=1,
                  minloglevel=2, max_sentence_length=4000)
    kinds = {
        "unigram": dict(model_type="unigram"),
        "unigram-bytes": dict(model_type="unigram", byte_fallback=True, vocab_size=1200,
                              normalization_rule_name="identity", remove_extra_whitespaces=False,
                              user_defined_symbols=["<|tool|>", "  "]),
        "bpe": dict(model_type="bpe", bos_id=-1, eos_id=1, unk_id=2, pad_id=0,
                    normalization_rule_name="identity"),
        "bpe-bytes": dict(model_type="bpe", byte_fallback=True, vocab_size=1200,
                          normalization_rule_name="identity", remove_extra_whitespaces=False,
                          add_dummy_prefix=False, control_symbols=["[INST]"],
                          user_defined_symbols=["<|tool|>"]),
        "bpe-suffix": dict(model_type="bpe", treat_whitespace_as_suffix=True,
                           normalization_rule_name="identity"),
    }
    for kind, options in kinds.items():
        out = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus), model_writer=out,
                                                 **{**common, **options})
        (OUT / f"{kind}.model").write_bytes(out.getvalue())
        reference = sentencepiece.SentencePieceProcessor(model_proto=out.getvalue())
        rows = []
        for text in texts:
            ids = reference.encode(text)
            rows.append({"text": text, "ids": ids, "decoded": reference.decode(ids)})
        write(f"{kind}-vectors.json", rows)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    plain = [v["text"] for v in vectors("qwen.json")]
    special = [v["text"] for v in vectors("qwen-special.json")]
    for name in ("qwen.json", "qwen-special.json", "whisper-multilingual.json"):
        write(name, vectors(name))
    texts = [v["text"] for v in vectors("whisper-multilingual.json")]
    qwen([*plain, *special])
    tiktoken(DATA / "tokenizers/whisper/multilingual.tiktoken", "multilingual.tiktoken", texts)
    tekken(plain)
    sentencepieces([*plain, "", " ", "  a  b ", "<|tool|>x<|tool|>", "\ufb01 \u3000\uff21", "[INST] a"])


main()
