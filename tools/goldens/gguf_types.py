#!/usr/bin/env python3
"""Writes tests/goldens/gguf_types: one tensor of every GGUF type, made and dequantized by the
`gguf` package (pip install gguf==0.19.0 safetensors numpy).

Blocks are random bytes, so that every field takes every value; the f16 scales are finite, among
them subnormal, negative, largest and zero."""

import json
import pathlib

import gguf
import numpy as np
from safetensors.numpy import save_file

T = gguf.GGMLQuantizationType
OUT = pathlib.Path(__file__).resolve().parents[2] / "tests/goldens/gguf_types"
ROWS, COLUMNS, SEED = 3, 512, 7

# Where the f16 fields of a block lie.
HALVES = {
    T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
    T.Q2_K: [80, 82], T.Q3_K: [108], T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208],
    T.IQ4_NL: [0], T.IQ4_XS: [0], T.MXFP4: [], T.NVFP4: [],
}


def main() -> None:
    rng = np.random.default_rng(SEED)
    OUT.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(OUT / "types.gguf", "types")
    writer.add_string("text", "größer\n")
    writer.add_array("strings", ["a", "", "日本"])
    writer.add_array("floats", [0.5, -2.0])
    writer.add_array("integers", [1, -2, 3])
    writer.add_uint8("u8", 200)
    writer.add_int8("i8", -100)
    writer.add_uint16("u16", 60000)
    writer.add_int16("i16", -30000)
    writer.add_uint32("u32", 4000000000)
    writer.add_int32("i32", -2000000000)
    writer.add_uint64("u64", 2**63)
    writer.add_int64("i64", -(2**63))
    writer.add_float32("f32", 0.1)
    writer.add_float64("f64", 0.1)
    writer.add_bool("yes", True)
    expected = {}
    for kind, halves in HALVES.items():
        block, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (ROWS * COLUMNS // block, size), dtype=np.uint8)
        for at in halves:
            scale = (rng.standard_normal(len(blocks)) * 0.05).astype(np.float16)
            scale[:4] = [np.float16(6e-8), np.float16(65504), np.float16(-0.0), np.float16(-3e-5)]
            blocks[:, at : at + 2] = scale.view(np.uint8).reshape(-1, 2)
        raw = blocks.reshape(ROWS, -1)
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
        expected[kind.name] = gguf.dequantize(raw, kind).astype(np.float32)
    values = rng.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    writer.add_tensor("F32", values)
    expected["F32"] = values
    writer.add_tensor("F16", values.astype(np.float16))
    expected["F16"] = values.astype(np.float16).astype(np.float32)
    bf16 = gguf.quantize(values, T.BF16)
    writer.add_tensor("BF16", bf16, raw_dtype=T.BF16)
    expected["BF16"] = gguf.dequantize(bf16, T.BF16)
    for name, kind in {"I8": np.int8, "I16": np.int16, "I32": np.int32, "F64": np.float64}.items():
        plain = (values * 30).astype(kind)
        writer.add_tensor(name, plain)
        expected[name] = plain.astype(np.float32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, OUT / "expected.safetensors")
    meta = {"gguf": "0.19.0", "numpy": np.__version__, "seed": SEED,
            "command": "tools/goldens/gguf_types.py"}
    (OUT / "meta.json").write_text(json.dumps(meta, indent=1) + "\n")


main()
