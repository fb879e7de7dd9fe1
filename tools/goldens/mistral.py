"""Golden files of the mistral family: every layer behind a window, and none; heads of a width of their own."""
from transformers import MistralConfig, MistralForCausalLM

import common


def config(**changes):
    return MistralConfig(**({
        "vocab_size": 192, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "head_dim": None,
        "rope_theta": 1000000.0, "bos_token_id": 1, "eos_token_id": 2, "sliding_window": None,
    } | changes))


def case(config, **options):
    return lambda name: common.write_case(name, MistralForCausalLM, config, **options)


CASES = {
    "mistral-window": case(config(sliding_window=16), dtype="bfloat16", note="all layers see 16 keys"),
    "mistral-full": case(config(head_dim=32, num_key_value_heads=1), dtype="bfloat16", note="sliding_window null"),
}

if __name__ == "__main__":
    common.main(CASES)
