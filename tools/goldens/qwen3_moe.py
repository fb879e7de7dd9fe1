"""Golden files of the qwen3_moe family: weights of the chosen experts renormalised or not, dense layers among
the sparse ones; experts one by one, or stacked as mlx-lm writes them."""
from transformers import Qwen3MoeConfig, Qwen3MoeForCausalLM

import common


KEYS = ("num_experts", "decoder_sparse_step", "mlp_only_layers", "norm_topk_prob", "num_experts_per_tok",
        "moe_intermediate_size", "head_dim")


def config(**changes):
    return Qwen3MoeConfig(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 96, "moe_intermediate_size": 32,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "num_experts": 8, "num_experts_per_tok": 3, "norm_topk_prob": True, "max_position_embeddings": 256,
        "rope_theta": 1000000.0, "bos_token_id": 1, "eos_token_id": 2,
    } | changes))


def case(config, **options):
    return lambda name: common.write_case(name, Qwen3MoeForCausalLM, config, **options)


CASES = {
    "qwen3_moe-renormalised": case(config(), dtype="bfloat16", layout="published", keys=KEYS),
    "qwen3_moe-dense_layers": case(
        config(num_hidden_layers=4, decoder_sparse_step=2, mlp_only_layers=[3], norm_topk_prob=False,
               tie_word_embeddings=True), spelling="old", dtype="bfloat16", layout="mlx", keys=KEYS,
        note="layer 1 has experts, the others none; written by mlx-lm"),
}

if __name__ == "__main__":
    common.main(CASES)
