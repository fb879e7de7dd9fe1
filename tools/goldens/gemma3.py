"""Golden files of the gemma3 family (text): local and global layers with a rope each, (1 + w) norms; a soft
cap on the logits, and a scale of scores that is not the head's."""
from transformers import Gemma3ForCausalLM, Gemma3TextConfig

import common


def config(**changes):
    return Gemma3TextConfig(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 256,
        "bos_token_id": 1, "eos_token_id": 2, "query_pre_attn_scalar": 16, "sliding_window": 16,
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"],
    } | changes))


def case(config, **options):
    return lambda name: common.write_case(name, Gemma3ForCausalLM, config, **options)


CASES = {
    "gemma3-layer_types": case(config(query_pre_attn_scalar=24, rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}), dtype="bfloat16"),
    "gemma3-pattern": case(
        config(head_dim=32, num_key_value_heads=1, final_logit_softcapping=15.0,
               layer_types=["sliding_attention", "full_attention"] * 2),
        spelling="old", dtype="bfloat16", extra={"sliding_window_pattern": 2}, note="with a soft cap on the logits"),
}

if __name__ == "__main__":
    common.main(CASES)
