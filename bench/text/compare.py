#!/usr/bin/env python3
"""bench/text/compare.py PROGRAM DATA

Encoding speed beside the tokenizers package, on one core, same texts, alternating runs, and the time
to load a vocabulary of 151,669 tokens. PROGRAM is ominix-bench-text; DATA a folder with tokenizers/qwen,
models/stories260K-hf and text. Processor time on both sides; the best of 3 alternations of one run
(theirs) and the median of 7 (ours). Prints a Markdown table.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

PROGRAM, DATA = sys.argv[1], pathlib.Path(sys.argv[2])
Q = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
     r"|\s+(?!\S)|\s+")


def qwen(path, pattern):
    source = DATA / "tokenizers/qwen"
    t = Tokenizer(models.BPE.from_file(str(source / "vocab.json"), str(source / "merges.txt")))
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    added = json.loads((source / "added_tokens.json").read_text())["qwen3"]
    t.add_special_tokens([AddedToken(x, normalized=False) for x in added])
    t.save(str(path))


def seconds(work, runs=1):
    out = []
    for _ in range(runs):
        start = time.process_time()
        work()
        out.append(time.process_time() - start)
    return statistics.median(out)


def ours(*arguments):
    out = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def main():
    with tempfile.TemporaryDirectory() as folder:
        files = {"Qwen 3 (151,669 tokens)": pathlib.Path(folder) / "qwen3.json",
                 "Qwen 3, pattern by the general matcher": pathlib.Path(folder) / "qwen3-general.json",
                 "stories260K (SentencePiece style, 512)": DATA / "models/stories260K-hf/tokenizer.json"}
        qwen(files["Qwen 3 (151,669 tokens)"], Q)
        qwen(files["Qwen 3, pattern by the general matcher"], f"(?:{Q})")
        print(f"tokenizers {tokenizers.__version__}\n")
        print("| tokenizer | text | bytes | tokenizers MB/s | OminiX MB/s | times | decode MB/s |\n"
              "|---|---|---|---|---|---|---|")
        for name, path in files.items():
            reference = Tokenizer.from_file(str(path))
            for text in sorted((DATA / "text").glob("*.txt")):
                content = text.read_text()
                size = len(content.encode())
                theirs, best, decode = float("inf"), 0.0, 0.0
                for _ in range(3):
                    theirs = min(theirs, seconds(lambda: reference.encode(content, add_special_tokens=False)))
                    run = ours("encode", path, text)
                    best, decode = max(best, run["encode_mb_s"]), max(decode, run["decode_mb_s"])
                speed = size / 1e6 / theirs
                print(f"| {name} | {text.name} | {size} | {speed:.2f} | {best:.2f} | {best / speed:.1f} | "
                      f"{decode:.1f} |", flush=True)
        path = files["Qwen 3 (151,669 tokens)"]
        theirs, best = float("inf"), float("inf")
        for _ in range(3):
            theirs = min(theirs, seconds(lambda: Tokenizer.from_file(str(path))))
            best = min(best, ours("load", path)["load_s"])
        pair = ours("load", DATA / "tokenizers/qwen")["load_s"]
        print(f"\nLoading tokenizer.json: {best * 1000:.0f} ms (tokenizers {theirs * 1000:.0f} ms); "
              f"vocab.json and merges.txt: {pair * 1000:.0f} ms.")


main()
