"""python tools/goldens/perplexity.py MODEL.gguf: the reference perplexity of the small default model.

The GGUF's weights, dequantized by the gguf package, in transformers' Llama, float32. Windows of 512 ids
without overlap, an empty cache each, scored at positions 257 … 511, the first 20 of them; ids of the
whole text without BOS. Writes tests/data/perplexity.json.
"""
import hashlib
import importlib.metadata
import json
import pathlib
import sys

import gguf
import numpy as np
import tokenizers
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = ROOT / "tests/data/wikitext2.txt"
CONTEXT, WINDOWS = 512, 20


def read(path):
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    tensors = {t.name: gguf.dequantize(t.data, t.tensor_type).astype(np.float32) for t in reader.tensors}
    return fields, tensors


def half_split(weight, heads):
    """GGUF's llama keeps rows of q and k for neighbouring rope pairs; transformers wants two halves."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def load(fields, tensors):
    heads, kv_heads = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    config = transformers.LlamaConfig(
        vocab_size=len(fields["tokenizer.ggml.tokens"]), hidden_size=fields["llama.embedding_length"],
        intermediate_size=fields["llama.feed_forward_length"], num_hidden_layers=fields["llama.block_count"],
        num_attention_heads=heads, num_key_value_heads=kv_heads,
        max_position_embeddings=fields["llama.context_length"], rope_theta=fields["llama.rope.freq_base"],
        rms_norm_eps=fields["llama.attention.layer_norm_rms_epsilon"], tie_word_embeddings="output.weight" not in tensors)
    names = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.o_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    state = {"model.embed_tokens.weight": tensors["token_embd.weight"], "model.norm.weight": tensors["output_norm.weight"]}
    if "output.weight" in tensors:
        state["lm_head.weight"] = tensors["output.weight"]
    for layer in range(config.num_hidden_layers):
        for ours, theirs in names.items():
            weight = tensors[f"blk.{layer}.{ours}.weight"]
            if ours in ("attn_q", "attn_k"):
                weight = half_split(weight, heads if ours == "attn_q" else kv_heads)
            state[f"model.layers.{layer}.{theirs}.weight"] = weight
    model = transformers.LlamaForCausalLM._from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    missing, unused = model.load_state_dict({k: torch.tensor(v) for k, v in state.items()}, strict=False)
    if unused or set(missing) - {"lm_head.weight"}:
        raise SystemExit(f"missing {missing}, unused {unused}")
    model.tie_weights()
    return model


def tokenizer(fields):
    """Byte-level BPE; "smollm" splits digits one by one before GPT-2's own pattern."""
    if (fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]) != ("gpt2", "smollm"):
        raise SystemExit("this script knows the tokenizer 'smollm' only")
    vocabulary = {token: i for i, token in enumerate(fields["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return made


def main():
    path = pathlib.Path(sys.argv[1])
    fields, tensors = read(path)
    model = load(fields, tensors)
    ids = tokenizer(fields).encode(TEXT.read_text(encoding="utf-8"), add_special_tokens=False).ids
    windows = np.array(ids[:len(ids) // CONTEXT * CONTEXT]).reshape(-1, CONTEXT)[:WINDOWS]
    if len(windows) < WINDOWS:
        raise SystemExit(f"the text has {len(windows)} windows, expected {WINDOWS}")
    nll = []
    with torch.no_grad():
        for window in torch.tensor(windows):
            scores = model(window[None], use_cache=False).logits[0].log_softmax(-1)
            scored = range(CONTEXT // 2 + 1, CONTEXT)
            nll += [-scores[i - 1, window[i]].item() for i in scored]
    result = {
        "model": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "text": TEXT.name, "text_ids": len(ids), "context": CONTEXT, "windows": WINDOWS, "tokens": len(nll),
        "nll": round(float(np.mean(nll)), 7), "perplexity": round(float(np.exp(np.mean(nll))), 5),
        "first_ids": ids[:16],
        "reference": f"transformers {transformers.__version__}, gguf {importlib.metadata.version('gguf')}, float32",
    }
    (ROOT / "tests/data/perplexity.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


main()
