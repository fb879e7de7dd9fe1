#!/usr/bin/env python3
"""Speed beside llama.cpp: the same GGUF, the same prompt length, the same threads, run by turns.

    bench/peers/build_llama_cpp
    bench/peers/llama_cpp.py build/models/SmolLM2-135M-Instruct.Q4_1.gguf

Each round runs ours, then theirs, in processes of their own; figures are medians over the rounds. Both
read a prompt of P tokens at once and then generate N tokens behind it. Prints a JSON object; with
--results it is written to bench/results/, with a row for the table of bench/results/README.md.
"""
import argparse
import datetime
import hashlib
import json
import pathlib
import platform
import re
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def output(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: ended with {done.returncode}\n{done.stderr.strip()}")
    return done.stdout


def ours(options):
    command = [options.ominix, "bench", options.model, "-p", options.prompt, "-n", options.generate,
               "--threads", options.threads, "--json"]
    row = json.loads(output(command))
    return {"prefill": row["prefill_tps"], "decode": row["decode_tps"]}, command


def theirs(options):
    # Generation is timed behind a prompt of the same length (-d), as ours is.
    common = [options.llama_bench, "-m", options.model, "-t", options.threads, "-r", 1, "-o", "json"]
    prefill = [*common, "-p", options.prompt, "-n", 0]
    decode = [*common, "-p", 0, "-n", options.generate, "-d", options.prompt]
    return {"prefill": json.loads(output(prefill))[0]["avg_ts"],
            "decode": json.loads(output(decode))[0]["avg_ts"]}, decode


def summary(samples):
    return {what: {"median": round(statistics.median(s[what] for s in samples), 1),
                   "all": [round(s[what], 1) for s in samples]} for what in ("prefill", "decode")}


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text() if platform.system() == "Linux" else ""
    names = re.findall(r"^model name\s*: (.*)$", text, re.M)
    return f"{names[0] if names else platform.processor()}, {len(names)} hardware threads"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("-p", "--prompt", type=int, default=512, help="tokens of the prompt")
    parser.add_argument("-n", "--generate", type=int, default=128, help="tokens to generate")
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("-r", "--rounds", type=int, default=5)
    parser.add_argument("--ominix", type=pathlib.Path, default=ROOT / "build/bin/ominix")
    parser.add_argument("--llama-bench", type=pathlib.Path, default=ROOT / "build/peers/llama.cpp/bin/llama-bench")
    parser.add_argument("--results", help="name of the file in bench/results/, without .json")
    options = parser.parse_args()

    samples = {"ominix": [], "llama.cpp": []}
    commands = {}
    for _ in range(options.rounds):
        for name, run in (("ominix", ours), ("llama.cpp", theirs)):
            sample, command = run(options)
            samples[name].append(sample)
            commands[name] = " ".join(pathlib.Path(str(part)).name if "/" in str(part) else str(part) for part in command)
    pin = (ROOT / "bench/peers/llama_cpp.txt").read_text().splitlines()[-1].split(" ")[0]
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
    result = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "model": options.model.name,
        "sha256": hashlib.sha256(options.model.read_bytes()).hexdigest(),
        "prompt": options.prompt, "generate": options.generate, "threads": options.threads,
        "versions": {"ominix": commit.stdout.strip(), "llama.cpp": pin},
        "commands": commands,
        "tokens_per_second": {name: summary(rows) for name, rows in samples.items()},
    }
    print(json.dumps(result, indent=2))
    if options.results:
        file = ROOT / "bench/results" / f"{options.results}.json"
        file.write_text(json.dumps(result, indent=2) + "\n")
        speed = {name: {what: s["median"] for what, s in row.items()} for name, row in result["tokens_per_second"].items()}
        print(f"| {result['date']} | {options.model.stem} | {options.prompt} + {options.generate}, {options.threads} threads | "
              + " | ".join(f"{speed['ominix'][w]:.1f} | {speed['llama.cpp'][w]:.1f} | {speed['ominix'][w] / speed['llama.cpp'][w]:.2f}"
                           for w in ("prefill", "decode")) + f" | [{file.name}]({file.name}) |")


main()
