#!/usr/bin/env python3
"""tools/prove_gpu.py [--ominix build-cuda/bin/ominix]

On a machine with a GPU: every golden checkpoint's logits, computed there exactly, beside those of its
reference. Prints a line each, ends with 1 where one is more than 1e-4 of the largest logit away, or where
the command finds no GPU.
"""
import argparse
import array
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCE = 1e-4


def tensor(file, name):
    """The values of a float32 tensor of a safetensors file."""
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8:8 + size])[name]
    begin, end = entry["data_offsets"]
    return array.array("f", data[8 + size + begin:8 + size + end])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ominix", type=pathlib.Path, default=ROOT / "build-cuda/bin/ominix")
    options = parser.parse_args()
    far = 0
    with tempfile.TemporaryDirectory() as folder:
        for golden in sorted((ROOT / "tests/goldens").glob("*/golden.safetensors")):
            if not (golden.parent / "config.json").exists():
                continue
            out = pathlib.Path(folder) / "out.safetensors"
            command = [options.ominix, "eval", golden.parent, "--in", golden, "--out", out, "--device", "gpu"]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{golden.parent.name}: {done.stderr.strip()}")
                far += 1
                continue
            want = tensor(golden, "logits")
            got = tensor(out, "logits")
            error = max(abs(a - b) for a, b in zip(want, got, strict=True)) / max(map(abs, want))
            print(f"{golden.parent.name}: {error:.1e}")
            far += error > TOLERANCE
    sys.exit(1 if far else 0)


main()
