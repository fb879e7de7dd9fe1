"""Golden files of text models: a tiny random checkpoint, its inputs, and what transformers makes of them.

See README.md of this folder for what a case holds.
"""
import copy
import json
import pathlib
import sys
import tempfile

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "tests/goldens"
NEW_TOKENS = 16
LENGTHS = (70, 45, 12)  # row 0 is the longest; 70 tokens are more than a chunk of 64
SINGLE_LENGTH = 24
# The best logit must lead by this much wherever a greedy token is compared.
MARGIN = 1e-2
WEIGHT_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def draw_weights(model, seed, dtype):
    """Wide weights: at the libraries' own sigma of 0.02 a wrong path would change nothing visible."""
    generator = torch.Generator().manual_seed(seed)
    # Norms that add 1 to their weight come with embeddings that are multiplied by sqrt(hidden_size).
    adds_one = "gemma" in model.config.model_type
    with torch.no_grad():
        buffers = [(k, v) for k, v in model.named_buffers() if k.endswith("e_score_correction_bias")]
        for name, parameter in sorted([*model.named_parameters(), *buffers]):
            noise = torch.randn(parameter.shape, generator=generator)
            if "norm" in name:
                value = (0 if adds_one else 1) + 0.2 * noise
                if adds_one and name == "model.norm.weight":
                    value += 3  # in front of the weak head below
            elif name.endswith("bias"):
                value = 0.3 * noise
            elif name.endswith("e_score_correction_bias"):
                value = 0.2 * noise
            elif "embed_tokens" in name:
                # A tied head on a strong embedding would only repeat the last token.
                value = (0.04 if adds_one else 0.15 if model.config.tie_word_embeddings else 0.5) * noise
            else:
                value = 1.2 / parameter.shape[-1] ** 0.5 * noise
            parameter.copy_(value.to(WEIGHT_DTYPES[dtype]).float())


def run(model, ids, taps=None):
    """Logits of one row without padding; a fresh copy, because some rope types keep state."""
    model = copy.deepcopy(model)
    handles = []

    def keep(name):
        def hook(module, inputs, output):
            taps[name] = (output[0] if isinstance(output, tuple) else output)[0].numpy().copy()
        return hook

    if taps is not None:
        handles = [(model.model.embed_tokens, "embed"), (model.model.norm, "norm")]
        for i, layer in enumerate(model.model.layers):
            handles += [(layer.self_attn, f"layers.{i}.attn"), (layer.mlp, f"layers.{i}.mlp"), (layer, f"layers.{i}")]
        for module, name in handles:
            module.register_forward_hook(keep(name))
    with torch.no_grad():
        return model(torch.tensor(ids)[None], use_cache=False).logits[0].numpy()


def lead(logits):
    best = np.partition(logits, -2, axis=-1)[..., -2:]
    return float((best[..., 1] - best[..., 0]).min())


def greedy(model, ids):
    """Cached greedy decoding of one row; the tokens and the smallest lead on the way."""
    model = copy.deepcopy(model)
    cache, tokens, margin = transformers.DynamicCache(config=model.config), [], np.inf
    step = torch.tensor(ids)[None]
    with torch.no_grad():
        for _ in range(NEW_TOKENS):
            logits = model(step, past_key_values=cache, use_cache=True).logits[0, -1].numpy()
            margin = min(margin, lead(logits))
            tokens.append(int(logits.argmax()))
            step = torch.tensor([[tokens[-1]]])
    return tokens, margin


def check_batch(model, ids, mask, logits):
    """transformers' own padded batch must say the same as the single rows."""
    positions = (mask.cumsum(-1) - 1).clip(0)
    with torch.no_grad():
        batch = copy.deepcopy(model)(torch.tensor(ids), attention_mask=torch.tensor(mask),
                                     position_ids=torch.tensor(positions), use_cache=False).logits.numpy()
    error = np.abs((batch - logits) * mask[..., None]).max() / np.abs(logits).max()
    if error > 2e-5:
        raise SystemExit(f"the padded batch differs from its rows by {error:.2g}")


def try_seed(model, seed, dtype, lengths, single_length, with_greedy, change=None):
    """The tensors of a case, or None where a greedy choice would hang on rounding."""
    draw_weights(model, seed, dtype)
    if change:
        change(model)
    rng = np.random.default_rng(seed)
    vocab = model.config.vocab_size
    rows = [rng.integers(3, vocab, n).astype(np.int32) for n in lengths]
    width = max(lengths)
    ids = np.stack([np.pad(row, (width - len(row), 0)) for row in rows])
    mask = np.stack([np.pad(np.ones_like(row), (width - len(row), 0)) for row in rows])
    logits = np.zeros((len(rows), width, vocab), np.float32)
    for b, row in enumerate(rows):
        logits[b, width - len(row):] = run(model, row)
    single = rng.integers(3, vocab, single_length).astype(np.int32)
    taps = {}
    tensors = {
        "input_ids": ids, "attention_mask": mask, "logits": logits,
        "input_ids_single": single[None], "logits_single": run(model, single, taps)[None],
    }
    margin = np.inf
    if with_greedy:
        chosen = [greedy(model, row) for row in rows]
        margin = min(m for _, m in chosen)
        tensors["greedy"] = np.array([tokens for tokens, _ in chosen], np.int32)
        # A model that repeats one token shows nothing.
        if any(len(set(tokens)) < NEW_TOKENS // 3 for tokens, _ in chosen):
            return None
    if margin < MARGIN:
        return None
    return tensors | taps, margin


def write_case(name, model_class, config, *, spelling="new", dtype="float32", lengths=LENGTHS,
               single_length=SINGLE_LENGTH, with_greedy=True, batch_agrees=True, note="", packing=None,
               layout="state", keys=(), extra=None):
    """Writes tests/goldens/NAME. `spelling` of rope in config.json: "new" is rope_parameters, as
    transformers 5 writes it, "old" is rope_theta beside rope_scaling. `packing` (packed.py) quantizes the
    weights after they are drawn and writes the folder's files. `layout`: tensors as the class names them
    ("state"), as it publishes them ("published"), or as mlx-lm writes them ("mlx"). `keys`: what config.json
    must carry beside the usual, `extra`: what it carries besides."""
    model = model_class._from_config(config, attn_implementation="eager", dtype=torch.float32).eval()
    for seed in range(1, 200):
        found = try_seed(model, seed, dtype, lengths, single_length, with_greedy, packing and packing.quantize)
        if found:
            break
    else:
        raise SystemExit(f"{name}: no seed gives clear greedy choices")
    tensors, margin = found
    if batch_agrees:
        check_batch(model, tensors["input_ids"], tensors["attention_mask"], tensors["logits"])

    folder = GOLDENS / name
    folder.mkdir(parents=True, exist_ok=True)
    if packing:
        packing.save(folder, tensors)
    else:
        save_plain(folder, model, model_class, config, spelling, dtype, layout, keys, extra)
    safetensors.numpy.save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "golden.safetensors")
    meta = {
        "reference": f"transformers {transformers.__version__}, torch {torch.__version__.split('+')[0]}",
        "class": model_class.__name__,
        "arithmetic": "float32, eager attention",
        "weights": dtype,
        "seed": seed,
        "command": "python " + " ".join(["tools/goldens/" + pathlib.Path(sys.argv[0]).name, name]),
    }
    if with_greedy:
        meta["smallest_greedy_lead"] = float(f"{margin:.3g}")
    if note:
        meta["note"] = note
    (folder / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
    if not packing and layout != "mlx":
        check_folder(folder, model_class, tensors)
    print(f"{name}: seed {seed}, {sum(f.stat().st_size for f in folder.iterdir()) // 1024} KB")


def save_plain(folder, model, model_class, config, spelling, dtype, layout="state", keys=(), extra=None):
    weights = {k: v.to(WEIGHT_DTYPES[dtype]).contiguous() for k, v in model.state_dict().items()}
    if layout in ("published", "mlx"):
        with tempfile.TemporaryDirectory() as published:
            model.save_pretrained(published)
            weights = safetensors.torch.load_file(published + "/model.safetensors")
            weights = {k: v.to(WEIGHT_DTYPES[dtype]).contiguous() for k, v in weights.items()}
    if config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    safetensors.torch.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    written = config_json(config, model_class, spelling, dtype) | {key: getattr(config, key) for key in keys} | (extra or {})
    (folder / "config.json").write_text(json.dumps(dict(sorted(written.items())), indent=2) + "\n")
    if layout == "mlx":
        from mlx_lm.utils import load_model, save_model
        mlx_model, _ = load_model(folder)
        (folder / "model.safetensors").unlink()
        save_model(folder, mlx_model, donate_model=False)
        (folder / "model.safetensors.index.json").unlink()


def config_json(config, model_class, spelling, dtype):
    """config.json as checkpoints have it: without what transformers adds for its own use."""
    values = config.to_diff_dict()
    for key in ("_attn_implementation", "attn_implementation", "return_dict", "chunk_size_feed_forward"):
        values.pop(key, None)
    # Diff dictionaries leave defaults out; these are what a reader needs and files carry.
    for key in ("model_type", "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps",
                "hidden_act", "tie_word_embeddings", "bos_token_id", "eos_token_id"):
        if hasattr(config, key):
            values[key] = getattr(config, key)
    values["architectures"] = [model_class.__name__]
    values["transformers_version"] = transformers.__version__
    values.pop("dtype", None)
    rope = dict(config.rope_parameters)
    if "full_attention" in rope and spelling == "old":
        values["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = dict(rope["full_attention"])
    if spelling == "old":
        values.pop("rope_parameters", None)
        values.pop("layer_types", None)
        if "use_sliding_window" in values:
            values["sliding_window"] = 8  # a number that use_sliding_window: false switches off
        values["torch_dtype"] = dtype
        values["rope_theta"] = rope.pop("rope_theta")
        rope["type"] = rope.pop("rope_type")
        values["rope_scaling"] = None if rope["type"] == "default" else rope
    else:
        values["dtype"] = dtype
        values["rope_parameters"] = rope
    return dict(sorted(values.items()))


def check_folder(folder, model_class, tensors):
    """What was written, loaded by transformers, must give the same logits."""
    model = model_class.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    error = np.abs(run(model, tensors["input_ids_single"][0]) - tensors["logits_single"][0]).max()
    if error > 1e-5:
        raise SystemExit(f"{folder.name}: the written checkpoint differs by {error:.2g}")


def main(cases):
    """cases: name -> function that writes it. Without arguments all are written."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for name in sys.argv[1:] or cases:
        if name not in cases:
            raise SystemExit(f"{name}: no such case, expected one of {', '.join(cases)}")
        cases[name](name)
