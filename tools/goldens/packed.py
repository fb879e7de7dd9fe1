"""Golden files of MLX's packed forms: folders that mlx-lm quantized and wrote, every width and group among
them, with the logits of transformers on the dequantized weights. Also needs mlx and mlx-lm.

golden.safetensors holds besides, for each packed module, `hash.NAME`: int32 (2), the two halves of the
64-bit FNV-1a hash of the float32 values that mlx.core.dequantize gives."""
import pathlib
import tempfile

import mlx.core as mx
import numpy as np
import torch
from mlx.utils import tree_flatten
from mlx_lm.utils import load_model, quantize_model, save_config, save_model
from transformers import LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM

import common

AFFINE = [{"bits": bits, "group_size": group} for bits in (2, 3, 4, 5, 6, 8) for group in (32, 64, 128)]
MODES = [{"mode": "mxfp4", "bits": 4, "group_size": 32}, {"mode": "mxfp8", "bits": 8, "group_size": 32},
         {"mode": "nvfp4", "bits": 4, "group_size": 16}]


def fnv(values):
    h = 0xCBF29CE484222325
    for byte in values.tobytes():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return np.array([h & 0xFFFFFFFF, h >> 32], np.uint32).view(np.int32)


class Packing:
    """mlx-lm's own way from a float folder to a quantized one; `predicate` as quantize_model takes it."""

    def __init__(self, model_class, config, dtype, predicate=None, **setting):
        self.write = lambda folder, model: common.save_plain(folder, model, model_class, config, "new", dtype)
        self.predicate, self.setting = predicate, setting

    def quantize(self, model):
        with tempfile.TemporaryDirectory() as folder:
            self.write(pathlib.Path(folder), model)
            packed, config = load_model(pathlib.Path(folder))
        self.packed, self.config = quantize_model(packed, config, quant_predicate=self.predicate, **self.setting)
        self.hashes = {}
        weights = dict(tree_flatten(self.packed.parameters()))
        state = model.state_dict()
        for name, module in self.packed.named_modules():
            if not hasattr(module, "scales"):
                continue
            scales, biases = module.scales, getattr(module, "biases", None)
            if module.mode == "affine":
                scales, biases = scales.astype(mx.float32), biases.astype(mx.float32)
            values = np.array(mx.dequantize(weights[name + ".weight"], scales, biases, module.group_size, module.bits,
                                            module.mode, dtype=mx.float32))
            assert values.dtype == np.float32
            self.hashes["hash." + name] = fnv(values)
            with torch.no_grad():
                state[name + ".weight"].copy_(torch.from_numpy(values))

    def save(self, folder, tensors):
        tensors |= self.hashes
        save_model(folder, self.packed, donate_model=False)
        (folder / "model.safetensors.index.json").unlink()
        save_config(self.config, folder / "config.json")
        (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")


def sizes(**changes):
    return {
        "vocab_size": 96, "hidden_size": 128, "intermediate_size": 128, "num_hidden_layers": 3,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256, "bos_token_id": 1,
        "eos_token_id": 2, "tie_word_embeddings": False,
    } | changes


def every_width():
    """Each of the 21 modules in a width of its own."""
    left = AFFINE + MODES

    def predicate(path, module):
        if path == "model.embed_tokens":
            return {"bits": 6, "group_size": 64}
        layer, part = int(path.split(".")[2]), path.split(".")[4]
        parts = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        return left[layer * 7 + parts.index(part)]
    return predicate


def some_float(path, module):
    """Scales at the top in mxfp4; the head affine, one projection left as it is."""
    if path == "lm_head":
        return {"bits": 8, "group_size": 64, "mode": "affine"}
    return not path.endswith("layers.0.self_attn.o_proj")


def case(model_class, config, dtype, predicate=None, **setting):
    return lambda name: common.write_case(name, model_class, config, dtype=dtype,
                                          packing=Packing(model_class, config, dtype, predicate, **setting))


CASES = {
    "packed-widths": case(
        Qwen3ForCausalLM, Qwen3Config(**sizes(head_dim=64, tie_word_embeddings=True)), "bfloat16", every_width(),
        group_size=32, bits=4),
    "packed-affine": case(LlamaForCausalLM, LlamaConfig(**sizes(num_hidden_layers=2)), "float16", group_size=64, bits=4),
    "packed-float32": case(LlamaForCausalLM, LlamaConfig(**sizes(num_hidden_layers=1)), "float32", group_size=32, bits=8),
    "packed-mxfp4": case(LlamaForCausalLM, LlamaConfig(**sizes(num_hidden_layers=2)), "bfloat16", some_float,
                         group_size=32, bits=4, mode="mxfp4"),
}

if __name__ == "__main__":
    common.main(CASES)
