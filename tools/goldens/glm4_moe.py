"""Golden files of the glm4_moe family: sigmoid routing with a correction, shared experts, dense first layers;
groups of experts, norms on q and k."""
from transformers import Glm4MoeConfig, Glm4MoeForCausalLM

import common


def config(**changes):
    return Glm4MoeConfig(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 96, "moe_intermediate_size": 32,
        "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "n_routed_experts": 8, "num_experts_per_tok": 3, "n_shared_experts": 1, "first_k_dense_replace": 1,
        "routed_scaling_factor": 1.5, "norm_topk_prob": True, "max_position_embeddings": 256,
        "bos_token_id": 1, "eos_token_id": 2, "num_nextn_predict_layers": 1,
    } | changes))


def case(config, **options):
    return lambda name: common.write_case(name, Glm4MoeForCausalLM, config, **options)


CASES = {
    "glm4_moe-plain": case(config(attention_bias=True), dtype="bfloat16", layout="published"),
    "glm4_moe-groups": case(
        config(use_qk_norm=True, n_group=4, topk_group=2, n_shared_experts=2, norm_topk_prob=False,
               first_k_dense_replace=2), dtype="bfloat16", note="experts fused, as transformers 5 keeps them"),
}

if __name__ == "__main__":
    common.main(CASES)
