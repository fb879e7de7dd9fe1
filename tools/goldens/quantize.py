#!/usr/bin/env python3
"""tools/goldens/quantize.py [--ominix build/bin/ominix]

Holds `ominix quantize` against MLX: for every mode it packs stories260K, loads the folder with mlx-lm, and
compares every dequantized matrix, bit for bit, with what mlx-lm itself makes of the original. What MLX
packed is written to tests/data/quantize.json, a SHA-256 a tensor, for the test that runs without Python.
Packages: mlx, mlx-lm (their versions are written beside the results).
"""
import argparse
import hashlib
import importlib.metadata
import json
import pathlib
import subprocess
import tempfile

import mlx.core as mx
import mlx.nn as nn
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/data/stories260k/hf"
CASES = [("affine", bits, group) for bits in (2, 3, 4, 5, 6, 8) for group in (32, 64)]
CASES += [("mxfp4", 4, 32), ("mxfp8", 8, 32), ("nvfp4", 4, 16)]


def digest(array):
    return hashlib.sha256(bytes(memoryview(array))).hexdigest()


def dequantized(model):
    out = {}
    for name, module in model.named_modules():
        if hasattr(module, "scales"):
            out[name] = mx.dequantize(module["weight"], module["scales"], module.get("biases"), module.group_size,
                                      module.bits, module.mode).astype(mx.float32)
    return out


def reference(mode, bits, group):
    model, _ = load_model(MODEL)

    def fits(_, module):
        return hasattr(module, "to_quantized") and module.weight.shape[-1] % group == 0

    nn.quantize(model, group, bits, mode=mode, class_predicate=fits)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ominix", type=pathlib.Path, default=ROOT / "build/bin/ominix")
    options = parser.parse_args()
    results = {"reference": ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("mlx", "mlx-lm")), "cases": []}
    for mode, bits, group in CASES:
        expected = reference(mode, bits, group)
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out"
            subprocess.run([options.ominix, "quantize", MODEL, out, "--mode", mode, "--bits", str(bits), "--group-size",
                            str(group)], check=True, capture_output=True)
            found = dequantized(load_model(out)[0])
        wanted = dequantized(expected)
        assert wanted and found.keys() == wanted.keys(), (mode, found.keys() ^ wanted.keys())
        for name in wanted:
            assert mx.array_equal(found[name], wanted[name]), (mode, bits, group, name)
        packed = {name: digest(value) for name, value in tree_flatten(expected.parameters())}
        results["cases"].append({"mode": mode, "bits": bits, "group_size": group, "sha256": packed})
        print(f"{mode} {bits} {group}: {len(wanted)} matrices equal")
    text = json.dumps(results, indent=1)
    (ROOT / "tests/data/quantize.json").write_text(text + "\n")


main()
