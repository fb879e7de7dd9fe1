"""Golden files of the mixtral family: with and without a window; experts one by one or fused."""
from transformers import MixtralConfig, MixtralForCausalLM

import common


def config(**changes):
    return MixtralConfig(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2,
        "max_position_embeddings": 256, "bos_token_id": 1, "eos_token_id": 2,
    } | changes))


def case(config, **options):
    return lambda name: common.write_case(name, MixtralForCausalLM, config, **options)


CASES = {
    "mixtral-experts": case(config(), dtype="bfloat16", layout="published"),
    "mixtral-window": case(config(sliding_window=16, num_local_experts=8, head_dim=32), dtype="bfloat16",
                           note="all layers see 16 keys; experts fused, as transformers 5 keeps them"),
}

if __name__ == "__main__":
    common.main(CASES)
